"""The making of plans: a request, with the changes so far, is checked and resolved before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from runnerlib._util.values import NamedTuple
from runnerlib.config import SETTINGS, Layer, with_ci_source
from runnerlib.config.misspelt import misspelt
from runnerlib.errors import ConfigError, one_line, unknown
from runnerlib.output import MODES, mode_of
from runnerlib.pipeline.job import Job, Step
from runnerlib.runner.environment import job_environment, named_secrets, referring, with_changes
from runnerlib.runner.plan import JobPlan, RunPlan
from runnerlib.runner.request import NO_CHANGES, Changes, RunRequest
from runnerlib.runner.services import early_environment
from runnerlib.secrets.lookup import ReferenceExpander

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from runnerlib._util.paths import Workspace
    from runnerlib.config import Origin, Resolved, RunnerConfig
    from runnerlib.masking.candidates import Secret
    from runnerlib.runner.checkouts import Checkout
    from runnerlib.runner.environment import JobEnvironment
    from runnerlib.runner.image_choice import Placement
    from runnerlib.runner.services import RunServices

P_co = TypeVar("P_co", bound=RunPlan, covariant=True)

_REACH = ("coordinator_url", "job_id", "allow_insecure_transport")
_SOURCES = tuple(f"{prefix}source_{part}" for prefix in ("", "ci_") for part in ("type", "url", "ref", "options"))
_TAKEN_APART = ("job_env", "secret_values_list")


class Planner(Generic[P_co]):
    """Makes the plan of one run by `make`, which is `plan_job` or `plan_run`.

    All its plans share the services, so the masker knows more with each.
    """

    def __init__(
        self,
        request: RunRequest,
        services: RunServices,
        make: Callable[[RunRequest, RunServices, Changes, Path], P_co],
    ) -> None:
        self.request = request
        self.services = services
        self._changes = NO_CHANGES
        self._spool: Path | None = None
        self._make = make
        self._plan: P_co | None = None
        self._outdated = False

    def plan(self) -> P_co:
        """Return the plan, made anew if something has changed. Raises the errors of `plan_job`."""
        if self._plan is None or self._outdated:
            return self.plan_again()
        return self._plan

    def plan_again(self) -> P_co:
        """Make the plan anew because something else has changed, as the source types. Raises the same errors."""
        self._plan = self._make(self.request, self.services, self._changes, self.spool)
        self._outdated = False
        return self._plan

    @property
    def settings(self) -> Resolved:
        """The settings with the changes by plugins; references to secrets are still in them."""
        return self.request.changed_settings(self._changes)

    @property
    def spool(self) -> Path:
        """The file for the follow-up jobs of steps and hooks: one for all plans."""
        if self._spool is None:
            self._spool = self.request.located().spool(lasting=self.request.job is not None)
        return self._spool

    def env(self) -> Mapping[str, str]:
        """Return the variables of the job; before the first plan, those that are known without. Raises ConfigError."""
        if self._plan is not None:
            return self.plan().env
        return early_environment(self.request, self.services, self._changes).variables

    def change(self, settings: Mapping[str, tuple[object, Origin]], env: Mapping[str, str | None]) -> None:
        """Add changes by a plugin."""
        self._changes = Changes({**self._changes.settings, **settings}, {**self._changes.env, **env})
        self._outdated = True

    def choose_job(self) -> None:
        """Choose the job again if plugins have changed the settings that name it. Raises ConfigError."""
        if not self._changes.settings.keys().isdisjoint({"job_file", "job_command"}):
            self._ask_for(self.request.with_chosen_job(self._changes))

    def add_ci_settings(self, directory: Path) -> None:
        """Add the settings of the trusted source, prepared in `directory`. Raises ConfigError."""
        self._ask_for(self.request._replace(resolved=with_ci_source(self.request.resolved, directory)))

    def read_awaited_job(self) -> None:
        """Read the awaited job file, once the sources are prepared. Raises ConfigError."""
        awaited, before = self.request.awaited, self.plan()
        assert awaited is not None  # noqa: S101 - the caller has looked
        self._ask_for(self.request.with_awaited_job(self._changes))
        if self.plan().checkouts != before.checkouts:
            name = one_line(awaited.given)
            raise ConfigError(f"the job file '{name}' is in a source, so it cannot say where sources come from or go")

    def _ask_for(self, request: RunRequest) -> None:
        self.request = request
        self._outdated = True


def plan_job(
    request: RunRequest, services: RunServices, changes: Changes = NO_CHANGES, spool: Path | None = None
) -> JobPlan:
    """Check the request, with the changes by plugins, and return its plan; changes nothing but what `services` know.

    `spool` is the file for the follow-up jobs of steps, by default a new one. Raises ConfigError, or its subclass
    PathError, for a wrong setting or job and SourceError for a source that can never work.
    """
    settings = request.changed_settings(changes)
    # 1. What is wrong without looking any further.
    _check_output(settings, services)
    # 2. The job: steps, or one command.
    is_command = request.job is None
    job = request.job or _only_command(settings, request.words)
    job.check()
    if request.awaited is None and (job.inputs or settings.config.inputs) and job.input_values is None:
        from runnerlib.pipeline.job.inputs import origins_of, values_of  # few jobs have inputs

        found = values_of(job.inputs, settings.config.inputs)
        origins = origins_of(found, settings.config.inputs, str(settings.origin("inputs")))
        job = job.replaced(input_values=found, origins={**job.origins, **origins})
    if request.untrusted:
        from runnerlib.runner.untrusted import refuse_references  # few runs have such a file

        refuse_references(job, settings, request.untrusted)
    # 3. References to secrets are replaced; the masker knows each value before anything else does.
    expander = _expander(request, services, settings)
    written = job.env
    settings, job = _expanded(settings, expander), _resolved_job(job, settings.config, services, expander)
    if request.selection is not None and request.awaited is None:
        request.selection.check(job)
    # 4. to 8.
    known = _Known(request, services, changes, settings, expander, spool)
    values = _values(known, job, is_command=is_command)
    awaited = None if request.awaited is None else request.awaited.given
    secrets = None
    # 9. The secret variables, if the job says which step gets which.
    if any(job.secrets_of(step) is not None for step in job.steps):
        from runnerlib.runner.secret_variables import secret_variables  # few jobs list their secrets

        named = {*values["secret_names"], *referring(written)}
        secrets = secret_variables(job, values["env"], named, settings.config, services)
    return JobPlan(
        **values,
        job=job,
        conditions=job.conditions(),
        selection=request.selection,
        awaited=awaited,
        secrets=secrets,
        is_bounded=_is_bounded(job, settings.config, values["checkouts"]),
    )


def _is_bounded(job: Job, config: RunnerConfig, checkouts: Iterable[Checkout]) -> bool:
    named = not {config.sandbox, *(step.sandbox for step in job.steps)}.isdisjoint({"source", "strict"})
    return named or any(step.untrusted for step in job.steps) or any(checkout.trusted for checkout in checkouts)


def plan_run(
    request: RunRequest, services: RunServices, changes: Changes = NO_CHANGES, spool: Path | None = None
) -> RunPlan:
    """Return the plan of a run that has no job of its own, as a whole workflow. Raises the errors of `plan_job`."""
    settings = request.changed_settings(changes)
    _check_output(settings, services)
    expander = _expander(request, services, settings)
    known = _Known(request, services, changes, _expanded(settings, expander), expander, spool)
    return RunPlan(**_values(known, None, is_command=False))


class _Known(NamedTuple):
    """The first half of a plan: `settings` are those with references to secrets replaced."""

    request: RunRequest
    services: RunServices
    changes: Changes
    settings: Resolved
    expander: ReferenceExpander
    spool: Path | None


def _values(known: _Known, job: Job | None, *, is_command: bool) -> dict[str, Any]:
    """Return the values of a `RunPlan`, in the order in which each needs those before it."""
    request, services, changes, settings, expander, spool = known
    # 4. The directories, none of which leads out of the workspace.
    workspace, code_dir, job_dir = _directories(settings, request.located())
    spool = spool or workspace.spool(lasting=not is_command)
    # 5. The variables of the job, and the secrets in them.
    places: dict[str, Path | str] = {
        "REACTORCIDE_CODE_DIR": code_dir,
        "REACTORCIDE_JOB_DIR": job_dir,
        "REACTORCIDE_ARTIFACTS_DIR": workspace.artifacts,
        **workspace.variables,
        "RUNNERLIB_TRIGGERS": spool,
        **_reach(settings),
        **request.upstream,
        **_inputs(job),
    }
    environ = request.environ
    environment = job_environment(settings, environ, workspace, places, job, services.files, expander.text)
    expander.check()
    # 6. The sources.
    prepared = _checkouts(settings, services, workspace, code_dir, environ)
    # 7. Everything secret is masked from here on.
    lists = job.secret_names() if job else ()
    secrets = _secrets(settings, workspace, expander, environment, changes, lists)
    count, weak = services.register(settings, secrets)
    services.secrets_known = True
    # 8. The container, if the steps run in one.
    placement, unused = _container(settings, environ, job)
    return {
        "config": settings.config,
        "environ": environ,
        "workspace": workspace,
        "code_dir": code_dir,
        "job_dir": job_dir,
        "spool": spool,
        "checkouts": prepared,
        "env": with_changes(environment.variables, changes.env),
        "given": environment.given.union(changes.env),
        "secret_names": environment.secret_names,
        "secret_count": count,
        "warnings": (
            *request.notices,
            *misspelt(environ),
            *unused,
            *expander.warnings,
            *weak,
            *(() if prepared else _without_files(request, workspace, code_dir)),
        ),
        "about": request.about or request.cwd,
        "code_dir_given": settings.origin("code_dir").layer is not Layer.DEFAULT,
        "placement": placement,
        "step_count": len(job.steps) if job else 0,
        "is_command": is_command,
        "untrusted": bool(request.untrusted),
    }


def _check_output(settings: Resolved, services: RunServices) -> None:
    """Raise ConfigError for an output mode that is unknown, or has no use for a setting."""
    config, modes = settings.config, (*MODES, *services.modes)
    if config.output is not None and config.output not in modes:
        raise settings.error("output", unknown("output mode", config.output, modes))
    if config.timestamps and mode_of(config.output).timed:
        others = " and ".join(name for name, mode in MODES.items() if not mode.timed)
        raise settings.error("timestamps", f"the mode '{config.output}' has its own ({others} have none)")


def _only_command(resolved: Resolved, words: Sequence[str]) -> Job:
    """Return the command that is set, or `words`, as a job of one step."""
    command = resolved.config.job_command
    if words:
        if command is not None:
            raise resolved.error("job_command", f"contradicts the words '{' '.join(words)}'; give one of them")
        return Job("job", [Step("job", tuple(words))])
    if not command or not command.strip():
        raise ConfigError(
            "no command: give --job-command, REACTORCIDE_JOB_COMMAND, job_command in a configuration file, "
            "--job-file, or words after --"
        )
    # As it is, however many lines it has: a shell of that kind would not stop at the first failure either.
    return Job("job", [Step("job", command, "/bin/sh -c")])


def _expander(request: RunRequest, services: RunServices, settings: Resolved) -> ReferenceExpander:
    masker = services.masker
    return ReferenceExpander(
        services.resolver, settings, request.environ, lambda one: masker.register_secret(one.value, one.name)
    )


def _expanded(settings: Resolved, expander: ReferenceExpander) -> Resolved:
    """Return the settings with references to secrets replaced, except in settings that are split into items later."""
    changes: dict[str, tuple[object, Origin]] = {}
    for name, origin in settings.origins.items():
        value = getattr(settings.config, name)
        expanded = value if SETTINGS[name].literal or name in _TAKEN_APART else expander.setting(value, name)
        if expanded != value:
            changes[name] = expanded, origin
    return settings.changed(changes)


def _resolved_job(job: Job, config: RunnerConfig, services: RunServices, expander: ReferenceExpander) -> Job:
    """Return the job with the limits of the settings instead of its own, and references to secrets replaced."""

    def expanded(step: Step) -> Step:
        """Return the same step object where nothing is replaced: its result is looked up there."""
        env = expander.variables(step.env, f"env of step '{step.name}'") if step.env else step.env
        return step if env == step.env else step._replace(env=env)

    max_parallel = config.max_parallel or job.max_parallel
    if mode_of(config.output).verbatim or services.inspect is not None:
        max_parallel = 1  # the output of parallel steps would be mixed
    steps = [expanded(step) for step in job.steps]
    beside = [
        one._replace(env=expander.variables(one.env, f"env of service '{one.name}'")) if one.env else one
        for one in job.services
    ]
    env = expander.variables(job.env, f"env of job '{job.name}'")
    job = job.replaced(steps=steps, env=env, services=beside)
    return job.replaced(timeout=config.job_timeout or job.timeout, max_parallel=max_parallel)


def _directories(settings: Resolved, workspace: Workspace) -> tuple[Workspace, Path, Path]:
    """Return the workspace with its artifacts directory, the code directory and that of the job. Raises PathError."""
    config = settings.config
    if config.source_type not in {None, "", "none"}:
        workspace = workspace.prepared()
    code_dir = workspace.resolve_directory(config.code_dir, settings.subject("code_dir"))
    artifacts = workspace.resolve_directory(config.artifacts_dir, settings.subject("artifacts_dir"))
    workspace = workspace._replace(artifacts_at=artifacts)
    job_dir = code_dir if config.job_dir is None else workspace.resolve(config.job_dir, settings.subject("job_dir"))
    return workspace, code_dir, job_dir


def _inputs(job: Job | None) -> dict[str, str]:
    """Return the variables of the job's inputs; like those of other jobs they refer to nothing."""
    if job is None or not job.input_values:
        return {}
    from runnerlib.pipeline.job.inputs import variables

    return variables(job.input_values)


def _reach(settings: Resolved) -> dict[str, str]:
    """Return variables for the job's access to the coordinator, from settings outside the environment."""
    names = [name for name in _REACH if settings.origin(name).layer not in {Layer.DEFAULT, Layer.ENVIRONMENT}]
    values = {SETTINGS[name].variable: getattr(settings.config, name) for name in names}
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items() if value}


def _secrets(
    settings: Resolved,
    workspace: Workspace,
    expander: ReferenceExpander,
    environment: JobEnvironment,
    changes: Changes,
    lists: Collection[str],
) -> list[Secret]:
    """Return all secrets: those that are referred to, those of the environment, of plugins, and of triggers."""
    config = settings.config
    added = {name: value for name, value in changes.env.items() if value is not None}
    secrets = [*expander.secrets.values(), *environment.secrets, *named_secrets(added, config, lists)]
    if config.triggers or config.triggers_key or settings.origin("triggers_file").layer is not Layer.DEFAULT:
        from runnerlib.triggers.channels import checked

        secrets += checked(settings, workspace)
    return secrets


def _checkouts(
    settings: Resolved, services: RunServices, workspace: Workspace, code_dir: Path, environ: Mapping[str, str]
) -> tuple[Checkout, ...]:
    """Return the checkouts of a run. Raises ConfigError and SourceError."""
    if not any(getattr(settings.config, name) for name in _SOURCES):
        return ()
    # Loaded only by runs with a source.
    from runnerlib.runner.checkouts import checkouts

    return checkouts(settings, services.sources, workspace, code_dir, environ)


def _without_files(request: RunRequest, workspace: Workspace, code_dir: Path) -> Iterable[str]:
    """Return a warning for a job file without a source in an empty directory."""
    if request.about is None or request.workspace is not None or workspace.base != request.cwd / "job":
        return ()
    if request.resolved.config.fleet is not None:  # its jobs run elsewhere
        return ()
    from runnerlib.runner.checkouts import without_files

    return without_files(code_dir, request.cwd)


def _container(
    settings: Resolved, environ: Mapping[str, str], job: Job | None
) -> tuple[Placement | None, tuple[str, ...]]:
    """Return the containers that the steps run in, None without, and warnings. Raises ConfigError."""
    steps, services = ((), ()) if job is None else (job.steps, job.services)
    config = settings.config
    if not (config.container or config.runner_image or any(one.image for one in (*steps, *services))):
        return None, ()
    # Loaded only by runs that name an image.
    from runnerlib.runner.image_choice import placed

    return placed(settings, environ, steps, services)
