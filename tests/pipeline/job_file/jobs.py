"""Jobs, generated, and written as a file in any of its spellings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import yaml
from hypothesis import strategies as st

from runnerlib.pipeline.job import NO_RETRY, Job, Retry, Step
from runnerlib.pipeline.job.cache import Cache
from runnerlib.pipeline.job.concurrency import Concurrency
from runnerlib.pipeline.job.service import Service

Draw = Callable[[st.SearchStrategy[Any]], Any]

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
RUNS = TEXTS.filter(str.strip)
NAMES = ("a", "build-linux", "2nd", "with space", "é", "yes", "1.10", "null", "it's")
VARIABLES = st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True), TEXTS, max_size=3)
SECONDS = st.one_of(st.integers(1, 10**6).map(float), st.integers(1, 4000).map(lambda quarters: quarters / 4))
RETRIES = st.builds(
    Retry,
    max=st.integers(0, 100),
    backoff=SECONDS,
    limit=SECONDS,
    jitter=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    exit_codes=st.lists(st.integers(1, 255), max_size=3).map(tuple),
    pattern=st.sampled_from([None, "time(d)? out", "", "\\d+: é"]),
    timeout=st.booleans(),
)

SERVICES: tuple[tuple[Service, ...], ...] = (
    (),
    (Service("db", "exec x", ["y", "z"], {"A": "1"}, (5432, 1), 2.5), Service("a-1", ("x", "y"), ports=80)),
    (Service("db", image="postgres:16", ready="pg_isready"),),
)
CACHES = st.sampled_from(
    [(), (Cache("k", ("a",)),), (Cache("a-${branch}", ("a", "b/*"), ("a-", "b")), Cache("${checksum('x')}", ("a",)))]
)


@st.composite
def steps(draw: Draw, name: str, before: list[str]) -> Step:
    depends_on = draw(st.none() | st.lists(st.sampled_from(before), unique=True).map(tuple)) if before else None
    run = draw(RUNS | st.tuples(RUNS, TEXTS))
    tty = draw(st.booleans())
    read = [f'steps["{other}"].outcome in ["success", "skipped"]' for other in depends_on or ()]
    return Step(
        name,
        run,
        shell=draw(st.sampled_from([None, "bash", "sh -c"])) if isinstance(run, str) else None,
        env=draw(VARIABLES),
        working_dir=draw(st.none() | TEXTS),
        depends_on=depends_on,
        parallel=draw(st.booleans()),
        when=draw(st.sampled_from([None, "on_success", "on_failure", "always"])),
        condition=draw(st.sampled_from([None, "branch == 'main'", "${{ !cancelled() }}", *read])),
        required=draw(st.booleans()),
        timeout=draw(st.none() | SECONDS),
        no_output_timeout=draw(st.none() | SECONDS),
        retry=draw(st.just(NO_RETRY) | RETRIES),
        outputs=draw(st.lists(st.sampled_from(["image", "coverage-total"]), unique=True).map(tuple)),
        weight=draw(st.integers(1, 99)),
        stdin=None if tty else draw(st.none() | TEXTS),
        tty=tty,
        sandbox=draw(st.sampled_from([None, "auto", "source", "strict"])),
        network=draw(st.none() | st.booleans() | st.lists(st.integers(1, 65535), min_size=1, max_size=3).map(tuple)),
        description=draw(st.just("") | TEXTS),
        image=draw(st.sampled_from([None, "alpine:3", "registry/group/image@sha256:0a"])),
        cache=draw(CACHES),
        sources=("src/**", "!src/x") if draw(st.booleans()) else ("src",),
        generates=draw(st.sampled_from([(), ("out/**",)])),
        problem_matchers=draw(st.sampled_from([(), ("gcc", "ci/own.json")])),
        reports=draw(st.sampled_from([{}, {"junit": ("out/**/*.xml", "b.xml"), "tap": ("x",)}])),
        resources=draw(st.sampled_from([{}, {"cpu": "2"}, {"cpu": "500m", "memory": "1Gi"}])),
    )


@st.composite
def jobs(draw: Draw) -> Job:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    return Job(
        draw(TEXTS.filter(bool)),
        [draw(steps(name, names[:number])) for number, name in enumerate(names)],
        env=draw(VARIABLES),
        timeout=draw(st.none() | SECONDS),
        max_parallel=draw(st.none() | st.integers(1, 64)),
        description=draw(st.just("") | TEXTS),
        cache=draw(CACHES),
        services=draw(st.sampled_from(SERVICES)),
        concurrency=draw(st.sampled_from([None, "g", Concurrency("deploy-${branch}", cancel=True)])),
    )


class Writer:
    """Writes a job as the content of a file."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw

    def __call__(self, job: Job) -> str:
        return self.dumped({"job": self.job(job)})

    def dumped(self, content: dict[str, Any]) -> str:
        form = self.draw(st.sampled_from(["block", "flow", "json", "plain json"]))
        if form.endswith("json"):
            return json.dumps(content, ensure_ascii=form == "json", indent=self.draw(st.sampled_from([None, 2, "\t"])))
        flow = form == "flow"
        text = yaml.safe_dump(content, default_flow_style=flow, sort_keys=False, allow_unicode=True)
        if set(text) & set("\x85\u2028\u2029"):  # PyYAML writes them as they are, and reads line ends
            text = yaml.safe_dump(content, default_flow_style=flow, sort_keys=False)
        return text

    def maybe(self, *spellings: Any) -> Any:
        return self.draw(st.sampled_from(spellings))

    def job(self, job: Job) -> dict[str, Any]:
        fields = {"name": job.name, "env": job.env, "max_parallel": job.max_parallel}
        fields["timeout"] = self.seconds(job.timeout)
        fields["description"] = job.description or None
        fields["cache"] = self.caches(job.cache) or None
        fields["services"] = {service.name: self.service(service) for service in job.services} or None
        group = job.concurrency
        if group is not None:
            plain = group.group if not group.cancel and self.maybe(True, False) else None
            fields["concurrency"] = plain or {"group": group.group, "cancel": group.cancel}
        return {**self.some(fields, None), "steps": [self.step(step) for step in job.steps]}

    def step(self, step: Step) -> dict[str, Any]:
        fields = step._asdict()
        fields["env"] = dict(step.env)
        fields["run"] = step.run if isinstance(step.run, str) else list(step.run)
        fields["timeout"] = self.seconds(step.timeout)
        fields["no_output_timeout"] = self.seconds(step.no_output_timeout)
        fields["retry"] = self.retry(step.retry)
        fields["cache"] = self.caches(step.cache)
        for key in ("depends_on", "outputs", "sources", "generates", "problem_matchers"):
            fields[key] = fields[key] and self.listed(list(fields[key]))
        fields["reports"] = {kind: self.listed(list(globs)) for kind, globs in step.reports.items()}
        fields["resources"] = {kind: self.maybe(text, {"limit": text}) for kind, text in step.resources.items()}
        if isinstance(step.network, tuple):
            fields["network"] = self.listed(list(step.network))
        if self.maybe(True, False):
            fields["allow_failure"] = not fields.pop("required")
        left_out = {key: default for key, default in Step._field_defaults.items() if self.maybe(True, False)}
        kept = {key: value for key, value in fields.items() if key not in left_out or value != left_out[key]}
        if kept.get("depends_on") == ():
            kept["depends_on"] = []
        if kept.get("outputs") == ():
            kept["outputs"] = []
        return self.some(kept, None)

    def some(self, fields: dict[str, Any], nothing: object) -> dict[str, Any]:
        return {key: value for key, value in fields.items() if value is not nothing}

    def listed(self, values: list[Any]) -> Any:
        return self.maybe(values, values[0]) if len(values) == 1 else values

    def seconds(self, value: float | None) -> Any:
        if value is None:
            return None
        minutes, rest = divmod(value, 60)
        hours, minutes = divmod(minutes, 60)
        parts = f"{hours:.0f}h{minutes:.0f}m{rest}s"
        return self.maybe(value, str(value), f"{value}s", parts, f"{value * 1000:.0f}ms")

    def service(self, service: Service) -> dict[str, Any]:
        fields = {key: value for key, value in service._asdict().items() if key != "name"}
        usual = Service._field_defaults
        kept = {key: value for key, value in fields.items() if key not in usual or value != usual[key]}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}

    def caches(self, caches: Sequence[Cache]) -> Any:
        written = [
            {
                "key": cache.key,
                "paths": self.listed(list(cache.paths)),
                **({"restore_keys": self.listed(list(cache.restore_keys))} if cache.restore_keys else {}),
            }
            for cache in caches
        ]
        return written[0] if len(written) == 1 and self.maybe(True, False) else written

    def retry(self, retry: Retry) -> Any:
        if retry == Retry(retry.max) and self.maybe(True, False):
            return retry.max
        on: Any = {
            "exit_codes": self.listed(list(retry.exit_codes)),
            "pattern": retry.pattern,
            "timeout": retry.timeout,
        }
        if retry.pattern is None and self.maybe(True, False):
            on = self.listed([*retry.exit_codes, *(["timeout"] if retry.timeout else [])])
        on = self.some(on, None) if isinstance(on, dict) else on
        rest = {key: self.seconds(getattr(retry, key)) for key in ("backoff", "limit")}
        return {"max": retry.max, **rest, "jitter": retry.jitter, "on": on}
