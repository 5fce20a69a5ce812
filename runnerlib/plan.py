"""What a run is going to do, checked as a whole before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.environment import job_environment
from runnerlib.errors import ConfigError, PathError, unknown
from runnerlib.job import Step
from runnerlib.masking import SecretMasker
from runnerlib.masking.secrets import weakness
from runnerlib.paths import Workspace, locate
from runnerlib.source import SourceSpec, check, source_types, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from runnerlib.config import Resolved, RunnerConfig
    from runnerlib.masking.secrets import Secret


class Checkout(NamedTuple):
    """A source and the directory its content replaces."""

    label: str
    spec: SourceSpec
    target: Path


class RunPlan(NamedTuple):
    """Everything a run needs, resolved. `warnings` name the secrets that are not going to be masked."""

    workspace: Workspace
    checkouts: tuple[Checkout, ...]
    code_dir: Path
    step: Step
    masker: SecretMasker
    secret_count: int
    warnings: tuple[str, ...]
    grace: float
    drain: float

    def describe(self) -> Iterator[tuple[str, str]]:
        """The plan as (label, text) rows, not masked."""
        yield "workspace", str(self.workspace.base)
        for checkout in self.checkouts:
            spec = checkout.spec
            ref = f" at {spec.ref}" if spec.ref else ""
            yield checkout.label, f"{spec.type} {without_credentials(spec.url or '')}{ref} -> {checkout.target}"
        yield "directory", str(self.step.cwd)
        yield "command", self.step.shown
        yield "secrets", f"{self.secret_count} masked"
        for warning in self.warnings:
            yield "warning", warning


def plan_run(
    resolved: Resolved,
    words: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path,
) -> RunPlan:
    """Check the configuration against the world and say what is to be done; changes nothing.

    `words` is the command when it is given as words instead of `job_command`. Raises ConfigError,
    PathError among them, for a wrong setting and SourceError for a source that can never work.
    """
    config = resolved.config
    run = _command(resolved, words)
    workspace = locate(environ, cwd)
    code_dir = workspace.resolve_directory(config.code_dir, _subject(resolved, "code_dir"))
    job_dir = code_dir if config.job_dir is None else workspace.resolve(config.job_dir, _subject(resolved, "job_dir"))
    checkouts = _checkouts(resolved, workspace, code_dir)
    places = {"REACTORCIDE_CODE_DIR": code_dir, "REACTORCIDE_JOB_DIR": job_dir}
    environment = job_environment(resolved, environ, workspace, places)
    masker, count, warnings = _masker(config, environment.secrets)
    return RunPlan(
        workspace=workspace,
        checkouts=checkouts,
        code_dir=code_dir,
        step=Step("job", run, job_dir, environment.variables),
        masker=masker,
        secret_count=count,
        warnings=warnings,
        grace=config.grace_period,
        drain=config.drain_timeout,
    )


def masker_of(resolved: Resolved, environ: Mapping[str, str], cwd: Path) -> SecretMasker:
    """The masker a run with this configuration would have, whether or not it could run."""
    environment = job_environment(resolved, environ, locate(environ, cwd), {})
    return _masker(resolved.config, environment.secrets)[0]


def _subject(resolved: Resolved, name: str) -> str:
    return f"{name} ({resolved.origin(name)})"


def _command(resolved: Resolved, words: Sequence[str]) -> str | tuple[str, ...]:
    command = resolved.config.job_command
    if words:
        if command is not None:
            raise resolved.error("job_command", f"contradicts the words '{' '.join(words)}'; give one of them")
        return tuple(words)
    if not command or not command.strip():
        raise ConfigError(
            "no command: give --job-command, REACTORCIDE_JOB_COMMAND, job_command in a configuration file, "
            "or words after --"
        )
    return command


def _checkouts(resolved: Resolved, workspace: Workspace, code_dir: Path) -> tuple[Checkout, ...]:
    """The trusted CI source first: what it brings may be needed to judge the other."""
    given = (
        _checkout(resolved, "ci source", "ci_source_", workspace.ci),
        _checkout(resolved, "source", "source_", code_dir),
    )
    found = tuple(filter(None, given))
    if len(found) == 2 and (code_dir.is_relative_to(workspace.ci) or workspace.ci.is_relative_to(code_dir)):
        raise PathError(f"code_dir '{code_dir}' and the CI source '{workspace.ci}' must not lie in one another")
    return found


def _checkout(resolved: Resolved, label: str, prefix: str, target: Path) -> Checkout | None:
    kind, url, ref = (getattr(resolved.config, prefix + part) for part in ("type", "url", "ref"))
    if not kind:
        if url or ref:
            given = prefix + ("url" if url else "ref")
            raise resolved.error(given, f"needs {prefix}type to say what kind of source it is")
        return None
    if kind not in source_types():
        raise resolved.error(f"{prefix}type", unknown("source type", kind, source_types()))
    if kind == "none":
        return None
    if not url:
        raise resolved.error(f"{prefix}type", f"a source of type '{kind}' needs {prefix}url")
    spec = SourceSpec(kind, url, ref or None)
    check(spec)
    return Checkout(label, spec, target)


def _masker(config: RunnerConfig, secrets: Sequence[Secret]) -> tuple[SecretMasker, int, tuple[str, ...]]:
    shortest = min(config.secret_min_length, config.secret_env_min_length)
    masker = SecretMasker(config.mask_marker, min_length=shortest)
    strong: dict[str, None] = {}
    warnings: dict[str, None] = {}
    for secret in secrets:
        why = weakness(secret, config.secret_min_length, config.secret_env_min_length)
        if why:
            warnings[f"secret {secret.name} is not masked: {why}"] = None
        else:
            strong[secret.value] = None
    masker.register_secrets(strong)
    # A value may be weak where it was guessed and masked all the same because it is listed elsewhere.
    return masker, len(strong), tuple(warnings)
