"""OpenTelemetry: spans and metrics as a receiver has them, the same ids everywhere, and receivers that are none."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from runnerlib.errors import ConfigError
from runnerlib.events import Measured
from runnerlib.output.log.trace_context import Parent, parent_of
from runnerlib.output.telemetry import export_queue, otel_settings
from runnerlib.output.telemetry.export_queue import ExportQueue
from runnerlib.output.telemetry.otel import OtelObserver
from runnerlib.output.telemetry.otel_settings import Signals, sampled, signals
from runnerlib.output.telemetry.spans import SpanMaker
from runnerlib.output.telemetry.trace import Trace
from tests.integration.cli import Done, runnerlib
from tests.looped import assert_each
from tests.output.report import hostile
from tests.output.show import EPOCH
from tests.output.telemetry.collector import Collector, attributes, collecting
from tests.output.telemetry.test_metrics import PLUGIN, broken
from tests.source.repository import git
from tests.waiting import until

PARENT = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
JOB = """
job:
  name: ci
  steps:
    - {name: one, run: 'echo $TRACEPARENT; echo $OTEL_EXPORTER_OTLP_HEADERS'}
    - {name: two, run: 'test -e ok || { touch ok; exit 3; }', retry: {max: 2, backoff: 0}}
    - {name: bad, run: exit 4, required: false}
"""


def run(collector: Collector, where: Path, *words: str, **env: str) -> Done:
    """Run with a receiver, for which the end is to wait however busy the machine is."""
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "60000"} | env
    return runnerlib("run", *words, cwd=where, **given)


def test_a_job_is_a_tree_of_spans_in_the_trace_of_its_caller(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "plugins").mkdir(parents=True)
    (source / "job.yaml").write_text(JOB)
    git(source, "init", "-q", "-b", "main")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "x")
    (tmp_path / "plugin_hello.py").write_text(PLUGIN)
    words = ("--source-type", "git", "--source-url", f"file://{source}", "--source-ref", "main")
    with collecting() as collector:
        done = run(
            collector,
            tmp_path,
            *(*words, "--job-file", "source:job.yaml", "--plugin-dir", ".", "--events", "e.json"),
            TRACEPARENT=PARENT,
            LOG_FORMAT="json",
            OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20correct-horse,x-team=b4ttery",
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment=test",
        )
    assert done.code == 0, done.err
    assert collector.tree() == [
        "RUN ci",
        "  phase prepare",
        "    source src",
        "    hook hello pre_execution",
        "  one",
        "    attempt 1",
        "    hook hello post_step",
        "  two",
        "    attempt 1",
        "    attempt 2",
        "    hook hello post_step",
        "  bad",
        "    attempt 1",
        "    hook hello post_step",
        "  phase finish",
    ]
    whole = collector.span("RUN ci")
    assert {one.trace_id.hex() for one in collector.spans} == {"ab" * 16}
    assert whole.parent_span_id.hex() == "cd" * 8
    about = attributes(whole)
    assert (
        about.items()
        >= {
            "cicd.pipeline.name": "ci",
            "cicd.pipeline.result": "success",
            "vcs.repository.url.full": f"file://{source}",
            "vcs.ref.head.name": "main",
            "vcs.ref.head.type": "branch",
            "vcs.ref.head.revision": git(source, "rev-parse", "HEAD").strip(),
        }.items()
    )
    bad = collector.span("bad")
    assert (bad.status.code, bad.status.message, attributes(bad)["error.type"]) == (2, "exit code 4", "exit")
    assert collector.resource["service.name"] == "runnerlib"
    assert collector.resource["deployment.environment"] == "test"
    assert all(one["authorization"] == "Bearer correct-horse" for one in collector.headers)
    assert set(collector.metrics) == {
        "cicd.pipeline.run.active",
        "cicd.pipeline.run.duration",
        "runnerlib.step.duration",
    }
    (point,) = collector.metrics["cicd.pipeline.run.active"].sum.data_points
    assert point.as_int == 0
    # The step had the span of its attempt, and lines everywhere have that of their step.
    step = collector.span("one")
    (attempt,) = [one for one in collector.spans if one.parent_span_id == step.span_id and "attempt" in one.name]
    assert f"00-{'ab' * 16}-{attempt.span_id.hex()}-01\n".encode() in done.out
    assert b"correct-horse" not in done.out
    assert b"b4ttery" not in done.out
    for text in ((tmp_path / "e.json").read_text(), done.err):
        lines = [line.get("fields", line) for line in map(json.loads, text.splitlines())]
        assert {line["trace_id"] for line in lines} == {"ab" * 16}
        of_step = {line["span_id"] for line in lines if line.get("step") == "one"}
        assert of_step == {step.span_id.hex()}
        assert whole.span_id.hex() in {line["span_id"] for line in lines if not line.get("step")}


def test_jobs_of_a_workflow_are_between_it_and_their_steps(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(
        "workflow: {name: w, jobs: [{name: a, command: 'echo $TRACEPARENT', matrix: {x: [1, 2]}},"
        " {name: b, needs: a, steps: [{name: c, run: 'echo $TRACEPARENT; exit 1'}]}]}"
    )
    with collecting() as collector:
        done = run(collector, tmp_path, "--workflow-file", "w.yaml")
    assert done.code == 1
    shown = [line for line in collector.tree() if "phase" not in line]
    assert shown[0] == "RUN w"
    assert sorted(shown[1:7]) == sorted(
        ["  a[0]", "    a[0]", "      attempt 1", "  a[1]", "    a[1]", "      attempt 1"]
    )
    assert shown[7:] == ["  b", "    b/c", "      attempt 1"]
    attempts = {one.span_id.hex() for one in collector.spans if one.name == "attempt 1"}
    told = {line.split("-")[2] for line in done.out.decode().split() if line.startswith("00-")}
    assert told == attempts
    assert len(told) == 3
    assert attributes(collector.span("RUN w"))["cicd.pipeline.result"] == "failure"
    assert "cicd.pipeline.run.errors" in collector.metrics


def test_variables_say_what_is_exported(tmp_path: Path) -> None:
    def check(_name: str, env: dict[str, str], setting: str, spans: int, metrics: int) -> None:
        with collecting() as collector:
            done = run(collector, tmp_path, "--otel", setting, "--job-command", "echo .$TRACEPARENT.", **env)
        assert done.code == 0, done.err
        assert (bool(collector.spans), bool(collector.metrics)) == (bool(spans), bool(metrics))
        assert (done.out == b"..\n") == (not spans and "TRACEPARENT" not in env)

    cases = [
        ("plain", {}, "auto", 1, 1),
        ("off", {}, "off", 0, 0),
        ("disabled", {"OTEL_SDK_DISABLED": "true"}, "auto", 0, 0),
        ("no traces", {"OTEL_TRACES_EXPORTER": "none"}, "auto", 0, 1),
        ("no metrics", {"OTEL_METRICS_EXPORTER": "none"}, "on", 1, 0),
        ("another exporter", {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none"}, "auto", 0, 0),
        ("not sampled", {"TRACEPARENT": PARENT[:-1] + "0"}, "auto", 0, 1),
        ("never sampled", {"OTEL_TRACES_SAMPLER": "always_off", "TRACEPARENT": PARENT}, "auto", 0, 1),
    ]
    assert_each(check, cases)
    done = runnerlib("run", "--job-command", "echo $TRACEPARENT", cwd=tmp_path, TRACEPARENT=PARENT)
    assert done.out == f"{PARENT}\n".encode()  # without spans of ours the caller's one stays the parent


def test_without_the_library_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otel_settings, "find_spec", lambda name: None)
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    assert signals({}, "auto") == Signals()
    assert "opentelemetry-sdk is not installed: pip install 'runnerlib[otel]'" in signals(asked, "auto").problem
    with pytest.raises(ConfigError, match="otel is 'on', and opentelemetry-sdk is not installed"):
        signals({}, "on")
    monkeypatch.undo()
    wrong = signals({**asked, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "auto")
    assert "the protocol of OTLP is none of http/protobuf, grpc" in wrong.problem


def test_receivers_that_are_none_harm_no_run(tmp_path: Path) -> None:
    def check(_name: str, port: int) -> None:
        url = f"http://user:p4ssw0rd@127.0.0.1:{port}"
        done = runnerlib("run", "--job-command", "echo hi", cwd=tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=url)
        assert (done.code, done.out) == (0, b"hi\n")
        assert "warning: OpenTelemetry does not have the whole run: " in done.err
        assert " were dropped" in done.err
        assert "Traceback" not in done.err
        assert "p4ssw0rd" not in done.err

    with (
        collecting(503) as busy,
        collecting(400) as wrong,
        broken(lambda one: None) as slow,
        broken(lambda one: one.send(b"hello\n")) as other,
    ):
        ports = {"busy": busy.server_address[1], "wrong": wrong.server_address[1]}
        assert_each(check, {**ports, "slow": slow, "no HTTP": other, "dead": 1}.items())


def test_the_queue_is_bounded_and_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_queue, "MOMENT", 0.0)
    go, began = threading.Event(), threading.Event()

    def export(batch: Sequence[int]) -> bool:
        began.set()
        return go.wait(60)

    queue = ExportQueue(export, "a test")
    for number in range(export_queue.BATCH):
        queue.put(number)
    began.wait(60)
    for number in range(2 * export_queue.MOST):
        queue.put(number)
    assert queue.dropped == export_queue.MOST
    assert queue.finish() == 2 * export_queue.MOST + export_queue.BATCH
    go.set()
    queue._thread.join()


def test_an_exporter_that_is_well_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_queue, "SOON", 0.0)
    taken: list[int] = []
    queue: ExportQueue[int] = ExportQueue(lambda batch: taken.extend(batch) is None, "a test", 60.0)
    queue.put(0)
    until(lambda: taken == [0])
    for number in range(1, 2000):
        queue.put(number)
    assert queue.finish() == 0
    assert taken == list(range(2000))

    def fail(batch: Sequence[int]) -> bool:
        raise ValueError("no")

    failing = ExportQueue(fail, "a test", patience=60.0)
    failing.put(1)
    assert failing.finish() == 1


def test_whatever_a_job_is_called_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        trace = Trace("ab" * 16, "cd" * 8)
        maker = SpanMaker(trace, "", lambda: {"vcs.ref.head.name": "x"}, workflow=False)
        observer = OtelObserver(Signals("http/protobuf", "http/protobuf"), {}, trace, maker, said.append)
        for event in hostile.events():
            observer.observe(event)
        for name in hostile.NAMES:
            observer.observe(Measured("hook", name, EPOCH, EPOCH - 5, name, name, name, name))
        observer.finish()
    assert said == []
    texts = [one.name for one in collector.spans] + [one.status.message for one in collector.spans]
    texts += [str(value) for one in collector.spans for value in attributes(one).values()]
    assert len(collector.spans) == len(hostile.NAMES) * 4 + 1
    assert max(map(len, texts)) < 3100
    assert not any(char in text for text in texts for char in "\x00\x1b\n\r\x9b\u2028")


def test_the_sampler_decides_as_that_of_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)

    def check(name: str, argument: str) -> None:
        env = {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument}
        for key, value in env.items():
            monkeypatch.setenv(key, value)
        theirs = TracerProvider(shutdown_on_exit=False).sampler
        for parent in (None, Parent("ab" * 16, "cd" * 8), Parent("ab" * 16, "cd" * 8, sampled=False)):
            context = None
            if parent is not None:
                flags = TraceFlags(TraceFlags.SAMPLED * parent.sampled)
                above = SpanContext(
                    int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags
                )
                context = set_span_in_context(NonRecordingSpan(above))
            for _ in range(20):
                trace = parent.trace_id if parent is not None else f"{chance.getrandbits(128):032x}"
                decision = theirs.should_sample(context, int(trace, 16), "x").decision
                assert sampled(env, parent, trace) == (decision is Decision.RECORD_AND_SAMPLE)

    names = ("always_on", "always_off", "traceidratio", "")
    assert_each(check, [(f"{before}{name}", "0.5") for before in ("", "parentbased_") for name in names])
    monkeypatch.delenv("OTEL_TRACES_SAMPLER_ARG")


def test_parents_that_are_valid() -> None:
    def check(given: str, expected: tuple[str, str, bool] | None) -> None:
        assert parent_of({"TRACEPARENT": given}) == expected

    one = ("ab" * 16, "cd" * 8, True)
    ids = "ab" * 16 + "-" + "cd" * 8
    cases = [
        (f"00-{ids}-01", one),
        (f"00-{ids}-00", (*one[:2], False)),
        (f"01-{ids}-03-x", one),
        (f"ff-{ids}-01", None),
    ]
    cases += [(f"00-{ids}-01-x", None), (f"00-{'0' * 32}-{'cd' * 8}-01", None), ("", None)]
    assert_each(check, cases)
