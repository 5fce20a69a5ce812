"""The families of figures: names, kinds, labels and buckets, as Prometheus knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

SHORT = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0)
MIDDLE = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
LONG = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0)


class Family(NamedTuple):
    """A family: its kind, what it means, its labels and, for a histogram, its buckets in seconds."""

    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...] = ("pipeline",)
    buckets: tuple[float, ...] = ()


FAMILIES: Mapping[str, Family] = {
    "runs_total": Family("counter", "Runs of jobs and workflows that have ended.", ("pipeline", "outcome")),
    "jobs_total": Family("counter", "Jobs that have ended, each run of a matrix for itself.", ("pipeline", "outcome")),
    "steps_total": Family("counter", "Steps that have ended or were left out.", ("pipeline", "outcome")),
    "job_duration_seconds": Family("histogram", "Time from the start of a job to its end.", buckets=LONG),
    "step_duration_seconds": Family(
        "histogram", "Time from the first start of a step to its last end.", buckets=MIDDLE
    ),
    "queue_duration_seconds": Family("histogram", "Time that a run waited for its turn in a group.", buckets=LONG),
    "source_duration_seconds": Family("histogram", "Time that it took to prepare a source.", buckets=MIDDLE),
    "plugin_hook_duration_seconds": Family("histogram", "Time in hooks of plugins.", ("plugin", "hook"), SHORT),
    "plugin_hook_failures_total": Family("counter", "Calls of hooks of plugins that failed.", ("plugin", "hook")),
    "step_retries_total": Family("counter", "Attempts at steps that failed and were followed by another one."),
    "step_cpu_seconds_total": Family("counter", "Processor time of steps."),
    "step_read_bytes_total": Family("counter", "Bytes that steps read from storage."),
    "step_written_bytes_total": Family("counter", "Bytes that steps wrote to storage."),
    "step_memory_max_bytes": Family("gauge", "Largest memory of a step, of those that have ended."),
    "output_bytes_total": Family("counter", "Bytes that steps wrote to their output, masked."),
    "masked_secrets_total": Family("counter", "Secrets that were masked in the output of steps."),
    "cache_requests_total": Family("counter", "Caches that were asked for, or saved.", ("pipeline", "result")),
    "cache_bytes_total": Family("counter", "Bytes that were restored from caches, or saved.", ("pipeline", "result")),
    "warnings_total": Family("counter", "Warnings of the runner."),
    "last_run_start_timestamp_seconds": Family("gauge", "Start of the last run, in seconds since the epoch."),
    "last_run_timestamp_seconds": Family("gauge", "End of the last run, in seconds since the epoch."),
    "last_run_duration_seconds": Family("gauge", "Time that the last run took."),
    "last_run_success": Family("gauge", "1 if the last run succeeded, else 0."),
    "last_run_step_duration_seconds": Family("gauge", "Time that a step of the last run took.", ("pipeline", "step")),
    "build_info": Family("gauge", "The version of runnerlib; always 1.", ("version",)),
    "worker_ready": Family("gauge", "1 while the worker takes jobs, else 0.", ("worker",)),
    "worker_slots": Family("gauge", "Jobs that the worker runs at a time.", ("worker",)),
    "worker_running_jobs": Family("gauge", "Jobs that run now.", ("worker",)),
    "worker_ended_jobs_total": Family("counter", "Jobs that the worker has ended.", ("worker",)),
    "worker_lost_leases_total": Family("counter", "Jobs that the worker lost to another one.", ("worker",)),
}
"""Each by its name without the prefix `runnerlib_`."""
