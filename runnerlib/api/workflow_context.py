"""The context of a pipeline: triggers of follow-up jobs, and information about its workflow."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runnerlib._util.paths import locate
from runnerlib.api import job_state
from runnerlib.api.deliver_now import insisted, told_at_once
from runnerlib.config import RunnerConfig, read
from runnerlib.errors import printable
from runnerlib.pipeline.conditions import variables
from runnerlib.runner.request import RunRequest
from runnerlib.runner.services import early_services
from runnerlib.triggers.channels import named
from runnerlib.triggers.delivery import Verdict
from runnerlib.triggers.job_trigger import JobTrigger, TriggerError, made, trigger_of
from runnerlib.triggers.message import message
from runnerlib.triggers.next_jobs import NextJob, next_jobs, run_command
from runnerlib.triggers.sinks import counted
from runnerlib.triggers.spool import append, spool_of
from runnerlib.triggers.workflow_variables import OUTPUT_FILE, VARS_FILE, add, given_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Unpack

    from runnerlib.triggers.keywords import TriggerKeywords

TRIGGERS_FILE = RunnerConfig.triggers_file


class WorkflowContext:
    """Jobs to trigger, kept until they are flushed; variables and outputs of the workflow.

    Inside a run (in a step or a plugin), flushing passes the jobs to the runner, which submits them when the job has
    succeeded. `allow_insecure_transport` allows plain http to the coordinator for them, with the token. Elsewhere the
    jobs are submitted at once, through the channels that the environment configures: see
    `runnerlib.triggers.channels`. With a `triggers_file` of its own, they are always written at once.
    """

    def __init__(self, triggers_file: str = TRIGGERS_FILE, allow_insecure_transport: bool = False) -> None:
        self.triggers: list[JobTrigger] = []
        self.triggers_file = triggers_file
        self._insecure = allow_insecure_transport

    # -- about this job

    @property
    def job_id(self) -> str | None:
        """The id of this job at the coordinator."""
        return os.environ.get("REACTORCIDE_JOB_ID")

    @property
    def workflow_id(self) -> str | None:
        """The id of the workflow that this job belongs to."""
        return os.environ.get("RC_WF_ID")

    @property
    def branch(self) -> str | None:
        """The branch this job runs for; None when it is unknown, or the event is a new tag."""
        return variables(os.environ)["branch"] or None

    @property
    def commit(self) -> str | None:
        """The commit this job runs for."""
        return variables(os.environ)["sha"] or None

    @property
    def ref(self) -> str | None:
        """The ref this job runs for."""
        return os.environ.get("REACTORCIDE_GIT_REF") or os.environ.get("REACTORCIDE_SOURCE_REF") or self.branch

    # -- jobs

    def trigger_job(
        self,
        job_name: str,
        env: Mapping[str, str | int | float | bool] | None = None,
        depends_on: Sequence[str] | str | None = None,
        condition: str = "all_success",
        **fields: Unpack[TriggerKeywords],
    ) -> JobTrigger:
        """Add a job to trigger; `fields` are those of JobTrigger. Raises TriggerError."""
        given = {"job_name": job_name, "env": env, "depends_on": depends_on, "condition": condition}
        trigger = made({**given, **fields})
        self.triggers.append(trigger)
        return trigger

    def trigger_jobs(self, jobs: Iterable[JobTrigger | Mapping[str, Any]]) -> list[JobTrigger]:
        """Add jobs to trigger, all or none; a mapping has the fields of JobTrigger. Raises TriggerError."""
        triggers = [trigger_of(job if isinstance(job, JobTrigger) else dict(job)) for job in jobs]
        self.triggers += triggers
        return triggers

    def submit_job(
        self,
        job: JobTrigger | str,
        env: Mapping[str, str | int | float | bool] | None = None,
        depends_on: Sequence[str] | str | None = None,
        condition: str = "all_success",
        **fields: Unpack[TriggerKeywords],
    ) -> JobTrigger:
        """Add a job to trigger, as `trigger_job` does; takes a JobTrigger as well. Raises TriggerError."""
        if not isinstance(job, JobTrigger):
            return self.trigger_job(job, env, depends_on, condition, **fields)
        if fields or env is not None or depends_on is not None or condition != "all_success":
            raise TriggerError(
                f"trigger '{printable(job.job_name)}': a JobTrigger has all fields, got others beside it"
            )
        self.triggers.append(job)
        return job

    def flush_triggers(self) -> Verdict:
        """Submit the jobs added so far, as one message, and clear them; the result is printed on stderr, too.

        A failed delivery raises DeliveryError where a coordinator is known (or `triggers_required` is set), and
        is part of the returned verdict elsewhere. The jobs are kept in the triggers file, and the next flush tries
        again.
        """
        triggers, self.triggers = self.triggers, []
        spool = spool_of(os.environ) if self.triggers_file == TRIGGERS_FILE else None
        if spool is None:
            return self._tell(triggers)
        try:
            append(spool, triggers, insecure=self._insecure)
        except BaseException:
            self.triggers = [*triggers, *self.triggers]
            raise
        return Verdict((f"handed {counted(len(triggers))} to the runner",), path=str(spool))

    def _tell(self, triggers: Sequence[JobTrigger]) -> Verdict:
        given = message([trigger.to_dict() for trigger in triggers]) if triggers else None
        masker = early_services(RunRequest(read({}, os.environ), (), os.environ, Path.cwd())).masker
        file = None if self.triggers_file == TRIGGERS_FILE else self.triggers_file
        kept = False

        def keep() -> None:
            nonlocal kept
            kept = True

        try:
            verdict = told_at_once(given, file, masker, insecure=self._insecure, kept=keep)
        finally:
            if not kept:  # neither delivered nor in the file: keep them here
                self.triggers = [*triggers, *self.triggers]
        for done in verdict.done:
            _say(masker.mask_string(f"✓ triggers: {done}"))
        for warning in verdict.warnings:
            _say(masker.mask_string(f"warning: triggers: {warning}"))
        insisted(verdict, masker)
        for line in verdict.problem.splitlines():
            _say(masker.mask_string(f"warning: triggers: {line}"))
        return verdict

    # -- the workflow

    def workflow_vars(self) -> dict[str, Any]:
        """Return the workflow variables given to this job. Raises RunnerError when they are not JSON."""
        return given_variables(os.environ, self._place("RC_WF_VARS_FILE", VARS_FILE))

    def set_workflow_var(self, name: str, value: Any) -> None:
        """Set a variable for later jobs, to any value that JSON can express. Raises VariableError."""
        add(self._place("RC_WF_OUTPUT_FILE", OUTPUT_FILE), "vars", name, value, self.workflow_vars())

    def set_workflow_output(self, name: str, value: Any) -> None:
        """Set an output of this job, which other jobs see as the variable `JOB.name`. Raises VariableError."""
        add(self._place("RC_WF_OUTPUT_FILE", OUTPUT_FILE), "outputs", name, value, {})

    def _place(self, variable: str, usual: str) -> Path:
        return Path(locate(os.environ, Path.cwd()).meant(os.environ.get(variable) or usual))

    # -- other jobs

    def is_job_running(self, name: str) -> bool:
        """Return whether a job of that name runs, or waits at the Coordinator.

        On this machine, only running jobs count. Raises CoordinatorError when the state cannot be found.
        """
        return job_state.is_job_running(name, os.environ, insecure=self._insecure)

    def get_job_result(self, name: str) -> dict[str, Any] | None:
        """Return the result of the last ended job of that name (`exit_code`, `status`, …); None if none has ended.

        Raises CoordinatorError when it cannot be found.
        """
        return job_state.get_job_result(name, os.environ, insecure=self._insecure)

    def log_next_job(self, name: str, reason: str = "", depends_on: Sequence[str] = ()) -> None:
        """Print the next job, and the command that runs it."""
        file = os.environ.get("RUNNERLIB_WORKFLOW_FILE") or "pipeline.yaml"
        text = next_jobs([NextJob(name, tuple(depends_on), True, reason)], lambda job: run_command(job, file))
        sys.stdout.write(printable(text))
        sys.stdout.flush()


class workflow_context:  # noqa: N801 - called like the function that it is to its users
    """`with workflow_context() as context:` flushes the jobs in `context`, if the block succeeds."""

    def __init__(self, triggers_file: str = TRIGGERS_FILE, allow_insecure_transport: bool = False) -> None:
        self._context = WorkflowContext(triggers_file, allow_insecure_transport)

    def __enter__(self) -> WorkflowContext:
        return self._context

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None or (isinstance(error, SystemExit) and error.code in {None, 0}):
            self._context.flush_triggers()
        elif self._context.triggers:
            names = named(trigger.job_name for trigger in self._context.triggers)
            _say(f"warning: triggers: {names} not submitted, because of an error")


def _say(text: str) -> None:
    sys.stderr.write(f"{printable(text)}\n")
