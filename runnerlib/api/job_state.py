"""State of other jobs, from the records of the workflow on this machine, or from the coordinator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runnerlib._util.paths import RECORDS_VARIABLE
from runnerlib.api.token_settings import settings
from runnerlib.triggers.coordinator import CoordinatorError
from runnerlib.triggers.sinks import coordinator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnerlib.triggers.coordinator import Coordinator

_WAITING_OR_RUNNING = ("running", "queued", "submitted", "cancelling")
_ENDED = ("completed", "failed", "cancelled", "timeout")


def is_job_running(name: str, environ: Mapping[str, str], *, insecure: bool = False) -> bool:
    """Return whether a job of that name runs, or waits at the coordinator, in any workflow there.

    With `insecure` the coordinator may be asked over plain http. For a workflow on this machine, only running jobs
    count, not waiting ones. Raises RunnerError when the state cannot be found.
    """
    asked = _coordinator(environ, insecure)
    if asked is None:
        from runnerlib.runner.workflow import status_records

        return status_records.job_running(status_records.records_directory(environ, Path.cwd()), name)
    return any(_is_named(job, name) for status in _WAITING_OR_RUNNING for job in _found(asked, status=status))


def get_job_result(name: str, environ: Mapping[str, str], *, insecure: bool = False) -> dict[str, Any] | None:
    """Return the result of the last ended job of that name in this workflow; None if none has ended.

    Raises RunnerError when it cannot be found.
    """
    asked = _coordinator(environ, insecure)
    if asked is None:
        from runnerlib.runner.workflow import status_records

        answer = status_records.job_result(status_records.records_directory(environ, Path.cwd()), name)
        return None if answer is None or answer["state"] == "running" else answer
    workflow = environ.get("RC_WF_ID")
    jobs = _found(asked, **({"workflow_id": workflow} if workflow else {}))
    ended = [job for job in jobs if _is_named(job, name) and job.get("status") in _ENDED]
    return max(ended, key=lambda job: str(job.get("created_at") or ""), default=None)


def _coordinator(environ: Mapping[str, str], insecure: bool) -> Coordinator | None:
    """Return the coordinator to ask; None when the state is recorded on this machine."""
    if environ.get(RECORDS_VARIABLE):
        return None
    config = settings(environ, lambda _secret: None, {"allow_insecure_transport": True} if insecure else {}).config
    if not config.coordinator_url:
        return None
    if config.read_token:
        return coordinator(config, config.read_token, "REACTORCIDE_READ_TOKEN")
    return coordinator(config, config.api_token, "REACTORCIDE_API_TOKEN")


def _found(asked: Coordinator, **wanted: str) -> Iterator[dict[str, Any]]:
    try:
        yield from asked.jobs(**wanted)
    except CoordinatorError as error:
        if error.status in {401, 403}:
            hint = "the token of a job may only submit jobs; REACTORCIDE_READ_TOKEN takes one that may read"
            raise CoordinatorError(f"cannot look up jobs: {error}; {hint}", error.status, refused=True) from None
        raise CoordinatorError(f"cannot look up jobs: {error}", error.status) from None


def _is_named(job: Mapping[str, Any], name: str) -> bool:
    return name in {job.get("name"), job.get("workflow_node_name")}
