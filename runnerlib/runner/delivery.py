"""Delivery of the follow-up jobs of a run, once its job has ended; most jobs have none."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib._util.paths import opened_own
from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from runnerlib.events import Observer
    from runnerlib.events.result import JobResult
    from runnerlib.runner.plan import RunPlan
    from runnerlib.triggers.sinks import Sink


def deliver(
    plan: RunPlan, mask: Callable[[str], str], result: JobResult, observer: Observer, sinks: Sequence[Sink] = ()
) -> JobResult:
    """Deliver the new follow-up jobs, and those that were not delivered before; return the final result of the job.

    Blocks; errors go to `observer`. `sinks` are those of plugins.
    """
    try:
        spools = [plan.spool] if plan.is_command else spools_of(plan)
    except RunnerError as error:
        from runnerlib.triggers.after_run import undelivered

        return undelivered(plan, mask, result, [str(error)], observer.observe)
    if not any(map(os.path.lexists, spools)) and not os.path.lexists(plan.workspace.meant(plan.config.triggers_file)):
        return result
    from runnerlib.triggers import after_run

    return after_run.deliver(plan, mask, spools, result, observer.observe, sinks)


def spools_of(plan: RunPlan) -> list[Path]:
    """Return the spool files of this job's runs, oldest first; the caller must hold the workspace.

    A link or a directory of such a name does not count: a step has made it. Raises PathError when a step has
    replaced the directory of the spool files.
    """
    found: list[tuple[float, str]] = []
    with opened_own(plan.workspace.base) as own:
        for name in os.listdir(own) if own is not None else ():
            if name.startswith("triggers-") and name.endswith(".ndjson"):
                with suppress(FileNotFoundError):
                    status = os.stat(name, dir_fd=own, follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode) or name == plan.spool.name:
                        found.append((status.st_mtime, name))
    return [plan.spool.with_name(name) for _, name in sorted(found)]
