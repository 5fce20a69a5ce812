"""Runs that are in a concurrency group: they wait for their turn, and stop when a later run is to have it."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from runnerlib._util.paths import own_directory
from runnerlib._util.threads import start_thread
from runnerlib.errors import PathError, RunnerError
from runnerlib.pipeline.template import Facts, filled
from runnerlib.runner import condition_context
from runnerlib.runner.cache.scope import is_foreign, scope_of
from runnerlib.runner.cache.store import name_of
from runnerlib.runner.group_queue import Ticket
from runnerlib.runner.journal.seal import state_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from runnerlib._util.cancellation import Stop
    from runnerlib.pipeline.job.concurrency import Concurrency
    from runnerlib.runner.plan import JobPlan, RunPlan
    from runnerlib.runner.workflow.plan import WorkflowPlan
    from runnerlib.source.git_query import Head

_TURN = 0.1  # seconds between two looks at the queue


class Group:
    """The group of a run; `foreign` says that others wrote a part of what runs."""

    def __init__(self, plan: RunPlan, name: str, concurrency: Concurrency, *, foreign: bool) -> None:
        self._plan = plan
        self._concurrency = concurrency
        names = condition_context.surroundings(
            plan.env, name, condition_context.repository_of(plan), _ignore, _asked(plan)
        ).variables()
        self.name = filled(concurrency.group, Facts({**names, **_machine()}, plan.env, lambda _globs: ""))
        self._scope = scope_of(plan, names, foreign=foreign)

    @contextmanager
    def entered(self, stop: Stop, notice: Callable[[str], None], warn: Callable[[str], None]) -> Iterator[None]:
        """Wait for the turn of the run, and have it for the block; a later run that cancels this one stops it.

        Raises Interrupted when the run is stopped while it waits, and RunnerError.
        """
        ticket = Ticket(self._directory())
        try:
            if self._concurrency.cancel:
                ticket.cancel_others()
            self._wait(ticket, stop, notice, warn)
            done = threading.Event()
            watching = start_thread(partial(_watch, ticket, stop, done), "runnerlib-group")
            try:
                yield
            finally:
                done.set()
                watching.join()
                if ticket.cancelled:
                    warn(self._displaced)
        finally:
            ticket.give_back()

    @property
    def _displaced(self) -> str:
        return f"a later run of the group '{self.name}' has stopped this one"

    def _wait(self, ticket: Ticket, stop: Stop, notice: Callable[[str], None], warn: Callable[[str], None]) -> None:
        told = 0
        pause = threading.Event()
        while count := ticket.ahead():
            if count != told:
                notice(f"waiting for {count} of the group '{self.name}'")
                told = count
            if ticket.cancelled:
                warn(self._displaced)
                stop.request()
            stop.check()
            pause.wait(_TURN)

    def _directory(self) -> Path:
        state = state_directory(self._plan.config.state_dir, self._plan.environ)
        if state is None:
            problem = "the user has no home directory, and --state-dir is not set"
            raise RunnerError(f"there is no place for the queue of the group '{self.name}': {problem}")
        try:
            state.parent.mkdir(parents=True, exist_ok=True)
            return own_directory(state.parent, state.name, "groups", name_of(f"{self._scope}\n{self.name}"))
        except (OSError, PathError) as error:
            raise RunnerError(f"there is no place for the queue of the group '{self.name}': {error}") from None


def group_of_job(plan: JobPlan, concurrency: Concurrency) -> Group:
    """Return the group of a job."""
    return Group(plan, plan.job.name, concurrency, foreign=is_foreign(plan))


def group_of_workflow(plan: WorkflowPlan, concurrency: Concurrency) -> Group:
    """Return the group of a whole workflow."""
    return Group(plan.front, plan.workflow.name, concurrency, foreign=any(map(is_foreign, plan.plans.values())))


def _watch(ticket: Ticket, stop: Stop, done: threading.Event) -> None:
    """Stop the run once a later one has asked for it."""
    while not done.wait(_TURN):
        if ticket.cancelled:
            stop.request()
            return


def _asked(plan: RunPlan) -> Callable[[], Head] | None:
    """Return how to ask for the branch of a source that is not prepared yet; None without one."""
    spec = next((one.spec for one in plan.checkouts if not one.trusted and one.spec.type == "git"), None)
    if spec is None:
        return None
    from runnerlib.source.git_query.requested_ref import asked_for  # few groups are asked for before their source

    return partial(asked_for, spec)


def _ignore(_text: str) -> None:
    """Take a warning about changed files, which no group asks for."""


def _machine() -> dict[str, str]:
    system = os.uname()
    return {"os": system.sysname.lower(), "arch": system.machine}
