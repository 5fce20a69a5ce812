"""Preparation of the workspace of a job: its journal, directories and sources."""

from __future__ import annotations

import math
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runnerlib._util.paths import PLUGINS
from runnerlib.errors import RunnerError, TimeLimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from runnerlib._util.cancellation import Stop
    from runnerlib.runner.hooks import RunHooks, RunState
    from runnerlib.runner.journal import Journal
    from runnerlib.runner.plan import JobPlan
    from runnerlib.runner.planner import Planner
    from runnerlib.source.spec import Progress


@contextmanager
def journal_of(plan: JobPlan) -> Iterator[Journal | None]:
    """Open the journal of a job of steps; a single command has none."""
    if plan.is_command:
        yield None
        return
    _make(plan.workspace.base)
    from runnerlib.runner.resume import open_journal

    journal = open_journal(plan, plan.selection)
    try:
        yield journal
    finally:
        journal.close()


class PreparationProgress:
    """`Progress` of a run: its lines are notices; a stop, or the time limit of the job, ends the preparation.

    The time limit starts again with the steps.
    """

    def __init__(self, notice: Callable[[str], object], stop: Stop, limit: float | None) -> None:
        self._notice = notice
        self._stop = stop
        self._limit = limit
        self._end = math.inf if limit is None else time.monotonic() + limit

    def line(self, text: str) -> None:
        """Report one line."""
        self._stop.check()
        self._notice(text)

    __call__ = line

    def check(self) -> None:
        """Raise Interrupted or TimeLimitError if the preparation must end."""
        self._stop.check()
        if time.monotonic() >= self._end:
            raise TimeLimitError(f"the job's time limit of {self._limit:g} s was over before its sources were prepared")


def prepare(planner: Planner[JobPlan], journal: Journal | None, hooks: RunHooks, run: RunState) -> None:
    """Prepare the sources and directories of a job. Raises RunnerError."""
    plan = planner.plan()
    progress: Progress = PreparationProgress(run.notice, run.stop, plan.job.timeout)
    if journal is not None and journal.doubt:
        run.warn(journal.doubt)
    _make(plan.workspace.artifacts)
    if journal is not None and not journal.prepared:
        _forget_spools(plan)
    hooks.reached("pre_source_prep")
    _prepare_sources(planner, journal, progress, run)
    if run.watch is not None:
        run.watch.check()  # before plugins of it are loaded
    planner.read_awaited_job()
    code_dir = planner.plan().code_dir
    if not hooks.present and os.path.isdir(f"{code_dir}/{PLUGINS}"):
        progress.line(f"the plugins in '{code_dir}/{PLUGINS}' are not loaded; see --trust-source-plugins")
    hooks.reached("post_source_prep")
    code_dir = planner.plan().code_dir
    if not code_dir.exists():
        _make(code_dir)
    hooks.reached("pre_execution")
    if hooks.present and run.watch is not None:
        run.watch.accept()  # plugins are trusted, and may have changed it
    # The source is in place now, and may hold a symlink at the path of the job's directory.
    plan = planner.plan()
    plan.workspace.resolve(str(plan.job_dir), "job_dir")
    if plan.secrets is not None:
        from runnerlib.runner.secret_variables import check_lists  # few jobs list their secrets

        check_lists(plan.job, plan.env, plan.secrets, plan.config)


def _prepare_sources(planner: Planner[JobPlan], journal: Journal | None, progress: Progress, run: RunState) -> None:
    """Prepare the sources; when a job resumes, only the trusted one, because steps may have changed it."""
    going_on = journal is not None and journal.prepared
    plan = planner.plan()
    for checkout in plan.checkouts:
        if checkout.trusted or not going_on:
            # Not loaded before: only runs with a source replace a tree.
            from runnerlib.source import mounts as mounted

            mounted.prepare(planner.services.sources, checkout.spec, checkout.target, plan.workspace.base, progress)
        else:
            progress.line("going on in the workspace as it is; no source is prepared")
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


def _forget_spools(plan: JobPlan) -> None:
    """Remove the files for follow-up jobs of earlier runs."""
    from runnerlib.runner.delivery import spools_of

    for spool in spools_of(plan):
        if spool != plan.spool:
            try:
                spool.unlink(missing_ok=True)
            except OSError as error:
                raise RunnerError(f"cannot remove '{spool}': {error.strerror}") from None


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunnerError(f"cannot create '{directory}': {error.strerror}") from None
