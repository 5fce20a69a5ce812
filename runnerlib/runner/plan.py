"""The plan of a run: everything that it needs, checked as a whole before any change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.paths import Workspace, locate
from runnerlib.config import SETTINGS, FileLayer, Layer
from runnerlib.config.merge import merge
from runnerlib.config.misspelled import misspelt
from runnerlib.errors import ConfigError, one_line, unknown
from runnerlib.masking import SHAPES, SecretMasker
from runnerlib.masking.candidates import weakness
from runnerlib.output import MODES, mode_of
from runnerlib.pipeline.job import Job
from runnerlib.runner.checkouts import checkouts
from runnerlib.runner.environment import Files, job_environment, named_secrets
from runnerlib.runner.image_choice import container_of, unused_image
from runnerlib.runner.job_choice import chosen_job_file, limited, only_command
from runnerlib.secrets.providers import ReferenceExpander, SecretResolver
from runnerlib.source import Sources, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from runnerlib.config import Origin, Resolved, RunnerConfig
    from runnerlib.executor.container import Engine
    from runnerlib.masking.candidates import Secret
    from runnerlib.output.protocol import MakeConsole
    from runnerlib.pipeline.conditions import Condition
    from runnerlib.pipeline.job import Step
    from runnerlib.pipeline.job_file.location import Place
    from runnerlib.runner.checkouts import Checkout
    from runnerlib.runner.environment import JobEnvironment
    from runnerlib.runner.journal import Selection


# Prefixes of the variables that describe a job to itself.
_TOLD = ("REACTORCIDE_", "RC_", "RUNNERLIB_")
_REACH = ("coordinator_url", "job_id", "allow_insecure_transport")
_TAKEN_APART = ("job_env", "secret_values_list")


class Changes(NamedTuple):
    """The changes by plugins so far: settings with their origin, and variables; None for a removed variable."""

    settings: Mapping[str, tuple[object, Origin]] = {}
    env: Mapping[str, str | None] = {}


class Request(NamedTuple):
    """Everything a plan derives from.

    The job is `job`, or a single command: `job_command`, or `words` that run without a shell. `wish` selects the steps
    that run. `workspace` None means the one of `environ` and `cwd`. Secrets are registered with `masker`, by default
    a new one. `sources` are the source types, `modes` the output modes besides the built-in ones, `files` those that
    settings name. `lookup` resolves references to secrets, and keeps them for later plans. `spool` is the file for
    the follow-up jobs of steps. `notices` are warnings about the job's file. `about` is a directory in the repository
    that conditions are about if the job has no source, by default `cwd`. `awaited` is the position of a job file in a
    source that is not prepared yet: until then `job` is a placeholder.
    """

    resolved: Resolved
    words: Sequence[str]
    environ: Mapping[str, str]
    cwd: Path
    job: Job | None = None
    wish: Selection | None = None
    workspace: Workspace | None = None
    masker: SecretMasker | None = None
    sources: Sources | None = None
    modes: Mapping[str, MakeConsole] = {}
    changes: Changes = Changes()
    notices: tuple[str, ...] = ()
    files: Files | None = None
    lookup: SecretResolver | None = None
    spool: Path | None = None
    about: Path | None = None
    awaited: Place | None = None

    def plan(self) -> RunPlan:
        """Check the request and return its plan; changes nothing.

        Raises ConfigError, or its subclass PathError, for a wrong setting or job and SourceError for a
        source that can never work.
        """
        return _plan(self if self.files is not None else self._replace(files=Files()))

    @property
    def settings(self) -> Resolved:
        """The settings, with the changes by plugins."""
        return self.resolved.changed(self.changes.settings)

    def chosen(self) -> Request:
        """Return a copy with the job that the settings select: that of a file, or a command. Raises ConfigError."""
        path = chosen_job_file(self.settings, self.words)
        if path is None:
            return self._replace(job=None, notices=(), about=None, awaited=None)
        from runnerlib.pipeline.job_file.location import UNKNOWN

        place = self.place_of(path)
        if place.awaited:
            return self._replace(words=(), job=UNKNOWN, notices=(), about=None, awaited=place)
        return self._from_file(place)

    def arrived(self) -> Request:
        """Return a copy with the job of the awaited file, now that the sources exist. Raises ConfigError."""
        return self if self.awaited is None else self._from_file(self.place_of(self.awaited.given))

    def _from_file(self, place: Place) -> Request:
        file = place.load()
        resolved = merge(self.resolved.layers._replace(job_file=FileLayer(file.settings, place.given)))
        known = self._replace(resolved=resolved, words=(), job=file.job, notices=tuple(file.notices), awaited=None)
        return known._replace(about=place.path.parent)

    def place_of(self, file: str) -> Place:
        """Locate a job or workflow file: on disk, or in a source that the run will prepare. Raises ConfigError."""
        # Most runs have no such file, and reading one takes YAML.
        from runnerlib.pipeline.job_file.location import place_of

        return place_of(file, self.cwd, self.settings, self.workspace or locate(self.environ, self.cwd))

    def environment(self) -> dict[str, str]:
        """Return the variables of the job that are known without a plan. Raises ConfigError."""
        return dict(_changed(_early_environment(self).variables, self.changes.env))

    def masked(self) -> Request:
        """Return a copy with the masker that its plan will use; this works even when planning fails."""
        request = self if self.files is not None else self._replace(files=Files())
        return request._replace(masker=_early_masker(request))


class RunPlan(NamedTuple):
    """Everything a run needs, resolved. `warnings` name the secrets that will not be masked."""

    request: Request
    workspace: Workspace
    checkouts: tuple[Checkout, ...]
    sources: Sources
    code_dir: Path
    job_dir: Path
    job: Job
    env: Mapping[str, str]
    masker: SecretMasker
    secret_count: int
    warnings: tuple[str, ...]
    conditions: Mapping[str, Condition]
    wish: Selection | None
    config: RunnerConfig
    is_command: bool
    spool: Path
    given: frozenset[str] = frozenset()
    image: str | None = None
    engine: Engine | None = None

    @property
    def journal(self) -> Path:
        """The path of the journal, which records the finished steps of the job."""
        return self.workspace.base / ".runnerlib" / "journal.ndjson"

    def apart(self) -> RunPlan:
        """Return a copy for a container: with the variables set for the job, without the runner's other ones."""
        names = {*self.given, *self.config.secret_env_names, "PATH"}
        env = {name: self.env[name] for name in self.env if name in names or name.startswith(_TOLD)}
        return self._replace(env=env)

    def revised(self, resolved: Resolved) -> RunPlan:
        """Return the plan of the same request with other settings; both share one masker."""
        return self.request._replace(resolved=resolved).plan()

    def arrived(self) -> RunPlan:
        """Return the plan with the job of the awaited file, once sources are prepared. Raises ConfigError."""
        if self.request.awaited is None:
            return self
        plan = self.request.arrived().plan()
        if plan.checkouts != self.checkouts:
            name = one_line(self.request.awaited.given)
            raise ConfigError(f"the job file '{name}' is in a source, so it cannot say where sources come from or go")
        return plan

    def describe(self) -> Iterator[tuple[str, str]]:
        """Yield the plan as (label, text) rows, not masked."""
        yield "workspace", str(self.workspace.base)
        for checkout in self.checkouts:
            spec = checkout.spec
            ref = f" at {spec.ref}" if spec.ref else ""
            options = f" ({' '.join(map('='.join, spec.options))})" if spec.options else ""
            url = without_credentials(spec.url or "")
            yield checkout.label, f"{spec.type} {url}{ref}{options} -> {checkout.target}"
        yield "directory", str(self.job_dir)
        if self.request.awaited is not None:
            yield "job", f"the one that '{one_line(self.request.awaited.given)}' describes, in the source"
        elif self.is_command:
            yield "command", self.job.steps[0].shown
        else:
            yield "job", f"{self.job.name}, {len(self.job.steps)} steps (--plan shows them)"
        if self.engine is not None:
            yield "container", f"{self.image}, by {self.engine.program}"
        yield "secrets", f"{self.secret_count} masked"
        for warning in self.warnings:
            yield "warning", warning


def plan_run(
    resolved: Resolved,
    words: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path,
    job: Job | None = None,
    wish: Selection | None = None,
    *,
    sources: Sources | None = None,
    workspace: Workspace | None = None,
    masker: SecretMasker | None = None,
    lookup: SecretResolver | None = None,
) -> RunPlan:
    """Return the plan of a `Request` of these parts."""
    return Request(resolved, words, environ, cwd, job, wish, workspace, masker, sources, lookup=lookup).plan()


def _plan(request: Request) -> RunPlan:
    environ, changes = request.environ, request.changes
    resolved = request.settings
    config = resolved.config
    modes = (*MODES, *request.modes)
    if config.output is not None and config.output not in modes:
        raise resolved.error("output", unknown("output mode", config.output, modes))
    if config.timestamps and mode_of(config.output).timed:
        others = " and ".join(name for name, mode in MODES.items() if not mode.timed)
        raise resolved.error("timestamps", f"the mode '{config.output}' has its own ({others} have none)")
    is_command = request.job is None
    job = limited(request.job or only_command(resolved, request.words), config)
    job.check()
    masker = request.masker or _new_masker(resolved)
    lookup = request.lookup or SecretResolver()
    secret = ReferenceExpander(
        lookup, resolved, environ, lambda secret: masker.register_secret(secret.value, secret.name)
    )
    resolved, job = _revealed(resolved, secret), _revealed_job(job, secret)
    config = resolved.config
    if request.wish is not None and request.awaited is None:
        request.wish.check(job)
    workspace = request.workspace or locate(environ, request.cwd)
    code_dir = workspace.resolve_directory(config.code_dir, _subject(resolved, "code_dir"))
    artifacts = workspace.resolve_directory(config.artifacts_dir, _subject(resolved, "artifacts_dir"))
    workspace = workspace._replace(artifacts_at=artifacts)
    job_dir = code_dir if config.job_dir is None else workspace.resolve(config.job_dir, _subject(resolved, "job_dir"))
    spool = request.spool or workspace.spool(lasting=not is_command)
    places: dict[str, Path | str] = {
        "REACTORCIDE_CODE_DIR": code_dir,
        "REACTORCIDE_JOB_DIR": job_dir,
        "REACTORCIDE_ARTIFACTS_DIR": artifacts,
        **workspace.variables,
        "RUNNERLIB_TRIGGERS": spool,
        **_reach(resolved),
    }
    environment = job_environment(resolved, environ, workspace, places, job, request.files, secret.text)
    secret.check()
    sources = request.sources or Sources()
    prepared = checkouts(resolved, sources, workspace, code_dir, environ)
    added = {name: value for name, value in changes.env.items() if value is not None}
    secrets = [*secret.secrets.values(), *environment.secrets, *named_secrets(added, config)]
    if config.triggers or config.triggers_key or resolved.origin("triggers_file").layer is not Layer.DEFAULT:
        from runnerlib.triggers.channels import checked

        secrets += checked(resolved, workspace)
    count, warnings = _register(resolved, secrets, masker)
    image, engine = container_of(resolved, environ)
    return RunPlan(
        request=request._replace(masker=masker, sources=sources, lookup=lookup, spool=spool),
        workspace=workspace,
        checkouts=prepared,
        sources=sources,
        code_dir=code_dir,
        job_dir=job_dir,
        job=job,
        env=_changed(environment.variables, changes.env),
        masker=masker,
        secret_count=count,
        warnings=(*request.notices, *misspelt(environ), *unused_image(resolved, image), *secret.warnings, *warnings),
        conditions=job.conditions(),
        wish=request.wish,
        config=config,
        is_command=is_command,
        spool=spool,
        given=environment.given.union(changes.env),
        image=image,
        engine=engine,
    )


def _reach(resolved: Resolved) -> dict[str, str]:
    """Return variables for the job's access to the coordinator, from settings outside the environment."""
    told = [name for name in _REACH if resolved.origin(name).layer not in {Layer.DEFAULT, Layer.ENVIRONMENT}]
    values = {SETTINGS[name].variable: getattr(resolved.config, name) for name in told}
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items() if value}


def _revealed(resolved: Resolved, secret: ReferenceExpander) -> Resolved:
    """Return the settings with references to secrets replaced, except in settings that are split into items later."""
    changes: dict[str, tuple[object, Origin]] = {}
    for name, origin in resolved.origins.items():
        value = getattr(resolved.config, name)
        revealed = value if SETTINGS[name].literal or name in _TAKEN_APART else secret.setting(value, name)
        if revealed != value:
            changes[name] = revealed, origin
    return resolved.changed(changes)


def _revealed_job(job: Job, secret: ReferenceExpander) -> Job:
    """Return the job with references to secrets replaced in its environment and those of its steps."""

    def revealed(step: Step) -> Step:
        """Return the same step object where nothing is replaced: its result is looked up there."""
        env = secret.variables(step.env, f"env of step '{step.name}'") if step.env else step.env
        return step if env == step.env else step._replace(env=env)

    steps = [revealed(step) for step in job.steps]
    env = secret.variables(job.env, f"env of job '{job.name}'")
    return Job(job.name, steps, env=env, timeout=job.timeout, max_parallel=job.max_parallel)


def _changed(env: dict[str, str], changes: Mapping[str, str | None]) -> Mapping[str, str]:
    for name, value in changes.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


def masker_of(resolved: Resolved, environ: Mapping[str, str], cwd: Path) -> SecretMasker:
    """Return the masker for a run with this configuration, even if it could not run."""
    return _early_masker(Request(resolved, (), environ, cwd))


def _early_masker(request: Request) -> SecretMasker:
    masker = request.masker or _new_masker(request.settings)
    _register(request.settings, _early_environment(request).secrets, masker)
    return masker


def _early_environment(request: Request) -> JobEnvironment:
    workspace = request.workspace or locate(request.environ, request.cwd)
    return job_environment(request.settings, request.environ, workspace, {}, request.job, request.files)


def _subject(resolved: Resolved, name: str) -> str:
    return f"{name} ({resolved.origin(name)})"


def _shapes(resolved: Resolved) -> tuple[str, ...]:
    names = resolved.config.secret_shapes
    for name in names:
        if name != "all" and name not in SHAPES:
            raise resolved.error("secret_shapes", unknown("shape", name, ("all", *SHAPES)))
    return SHAPES if "all" in names else names


def _new_masker(resolved: Resolved) -> SecretMasker:
    config = resolved.config
    shortest = min(config.secret_min_length, config.secret_env_min_length)
    return SecretMasker(config.mask_marker, min_length=shortest, shapes=_shapes(resolved))


def _register(resolved: Resolved, secrets: Sequence[Secret], masker: SecretMasker) -> tuple[int, tuple[str, ...]]:
    """Register `secrets` with `masker`; return the number registered, and a warning for each that was not."""
    config = resolved.config
    strong: dict[str, str] = {}
    warnings: dict[str, None] = {}
    for secret in secrets:
        why = weakness(secret, config.secret_min_length, config.secret_env_min_length)
        if why:
            warnings[f"secret {secret.name} is not masked: {why}"] = None
        else:
            strong.setdefault(secret.value, secret.name)
    masker.register_secrets(strong, strong.values())
    # A value may be weak where it was guessed and masked all the same because it is listed elsewhere.
    return len(strong), tuple(warnings)
