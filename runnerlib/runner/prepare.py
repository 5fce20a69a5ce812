"""Preparation of the workspace of a job: its directories and sources."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from runnerlib.errors import RunnerError, TimeLimitError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib._util.cancellation import Stop
    from runnerlib.runner.hooks import RunState
    from runnerlib.runner.journal import Journal
    from runnerlib.runner.plan import JobPlan
    from runnerlib.runner.planner import Planner


class PreparationReport:
    """`Report` of a run: its lines are notices; a stop, or the time limit of the job, ends the preparation.

    The time limit starts again with the steps.
    """

    def __init__(self, notice: Callable[[str], object], stop: Stop, limit: float | None) -> None:
        self._notice = notice
        self._stop = stop
        self._limit = limit
        self._end = math.inf if limit is None else time.monotonic() + limit

    def __call__(self, text: str) -> None:
        """Report one line."""
        self._stop.check()
        self._notice(text)

    def check(self) -> None:
        """Raise Interrupted or TimeLimitError if the preparation must end."""
        self._stop.check()
        if time.monotonic() >= self._end:
            raise TimeLimitError(f"the job's time limit of {self._limit:g} s was over before its sources were prepared")


def make_workspace(plan: JobPlan, journal: Journal | None, run: RunState) -> PreparationReport:
    """Make the directories that no source brings; return the report of the preparation, which begins here."""
    report = PreparationReport(run.notice, run.stop, plan.job.timeout)
    if journal is not None and journal.doubt:
        run.warn(journal.doubt)
    make_directory(plan.workspace.artifacts)
    if journal is not None and not journal.prepared:
        _forget_spools(plan)
    return report


def prepare_sources(
    planner: Planner[JobPlan], plan: JobPlan, journal: Journal | None, report: PreparationReport, run: RunState
) -> None:
    """Prepare the sources of a plan, and read a job file that is in one of them; the planner learns what they bring.

    When a job resumes, only the trusted source is prepared, because steps may have changed it. Raises RunnerError.
    """
    going_on = journal is not None and journal.prepared
    for checkout in plan.checkouts:
        if checkout.trusted or not going_on:
            # Not loaded before: only runs with a source replace a tree.
            from runnerlib.source import mounts as mounted

            with run.measuring("source", checkout.target.name):
                mounted.prepare(planner.services.sources, checkout.spec, checkout.target, plan.workspace.base, report)
        else:
            report("going on in the workspace as it is; no source is prepared")
        if checkout.trusted:
            # Only runs with a CI source watch over it.
            from runnerlib.runner.sandbox.watch import Watch

            run.watch = Watch(checkout.target)
            planner.add_ci_settings(checkout.target)
            planner.plan()  # what is wrong in them ends the run before anything untrusted is fetched
    if plan.checkouts:
        from runnerlib.source import forget_stored

        forget_stored()
    if journal is not None and not going_on:
        journal.record_prepared()
    if run.watch is not None:
        run.watch.check()  # before plugins of it are loaded
    if planner.request.awaited is not None:
        planner.read_awaited_job()


def _forget_spools(plan: JobPlan) -> None:
    """Remove the files for follow-up jobs of earlier runs."""
    from runnerlib.runner.delivery import spools_of

    for spool in spools_of(plan):
        if spool != plan.spool:
            try:
                spool.unlink(missing_ok=True)
            except OSError as error:
                raise RunnerError(f"cannot remove '{spool}': {error.strerror}") from None


def make_directory(directory: Path) -> None:
    """Make a directory of the workspace. Raises RunnerError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunnerError(f"cannot create '{directory}': {error.strerror}") from None
