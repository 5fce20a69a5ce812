"""The plan of a run: everything that it needs, resolved; values only, which `planner` makes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runnerlib._util.values import record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runnerlib._util.paths import Workspace
    from runnerlib.config import RunnerConfig
    from runnerlib.engine.step_secrets import SecretVariables
    from runnerlib.pipeline.conditions import Condition
    from runnerlib.pipeline.job import Job
    from runnerlib.runner.checkouts import Checkout
    from runnerlib.runner.image_choice import Placement
    from runnerlib.runner.journal import Selection

# Prefixes of the variables that describe a job to itself.
_TOLD = ("REACTORCIDE_", "RC_", "RUNNERLIB_")


@record
class RunPlan:
    """Everything that a run needs besides its job. Its values are resolved, and never change.

    `config` has the settings with references to secrets replaced. `environ` is the environment of the runner, `env`
    that of the job; `given` are the variables that were set for the job. `warnings` name the secrets that will not be
    masked. `secret_names` are variables that are secret because of where they come from. `about` is a directory in the
    repository that conditions are about; it gives way to `code_dir` if `code_dir_given`.
    `untrusted` says that others may have written the file of the job.
    """

    config: RunnerConfig
    environ: Mapping[str, str]
    workspace: Workspace
    code_dir: Path
    job_dir: Path
    spool: Path
    checkouts: tuple[Checkout, ...]
    env: Mapping[str, str]
    given: frozenset[str]
    secret_names: frozenset[str]
    secret_count: int
    warnings: tuple[str, ...]
    about: Path
    code_dir_given: bool
    placement: Placement | None = None
    step_count: int = 0
    is_command: bool = False
    untrusted: bool = False

    @property
    def journal(self) -> Path:
        """The path of the journal, which records the finished steps of the job."""
        return self.workspace.base / ".runnerlib" / "journal.ndjson"


@record
class JobPlan(RunPlan):
    """The plan of a run with its job. `awaited` is the path of a job file that is in a source, until that exists.

    `secrets` are the secret variables of a job that says which step gets which. `is_bounded` is true if any step may
    run in a sandbox, or there is a CI source to look after.
    """

    job: Job
    conditions: Mapping[str, Condition]
    selection: Selection | None
    awaited: str | None = None
    secrets: SecretVariables | None = None
    is_bounded: bool = False

    def apart(self) -> JobPlan:
        """Return a copy for a container: with the variables set for the job, without the runner's other ones."""
        names = {*self.given, *self.config.secret_env_names, *self.job.secret_names(), "PATH"}
        env = {name: self.env[name] for name in self.env if name in names or name.startswith(_TOLD)}
        return replace(self, env=env)
