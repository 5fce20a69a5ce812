"""Hooks of a run, by which plugins take part in it beside the steps, and the state of the run."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, Protocol, TypeVar

from runnerlib.errors import OutputError, RunnerError
from runnerlib.events import Measured, Notice, Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from contextlib import AbstractContextManager

    from runnerlib._util.cancellation import Stop
    from runnerlib.engine import StepHooks
    from runnerlib.events import Event, Observer
    from runnerlib.events.result import JobResult
    from runnerlib.masking import SecretMasker
    from runnerlib.runner.cache.job import CacheSet
    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.reporting import Ends
    from runnerlib.runner.sandbox.watch import Watch
    from runnerlib.triggers.sinks import Sink

R = TypeVar("R")
P = ParamSpec("P")
S = TypeVar("S", bound="_Stateful")

Kind = Literal["queue", "source", "phase", "hook", "cache"]

Stage = Literal[
    "validation",  # the request is there, and its first plan is made by this
    "validated",  # the plan is right, and the observers are open
    "pre_source_prep",
    "post_source_prep",
    "pre_execution",
    "ended",  # there is a result, or a failure without one; again when the delivery has changed the result
    "post_execution",
    "cleanup",
]
"""Moment in a run at which plugins take part, in this order; most are named like the phase that they fire."""


class JobFailedError(RunnerError):
    """Failure of a job that ran; the value of `context.error` in ON_ERROR."""

    def __init__(self, result: JobResult) -> None:
        super().__init__(result.reason)
        self.exit_code = result.exit_code
        self.result = result


class FailureLog:
    """The failures of a run: the first is that of the run, and later errors become warnings."""

    def __init__(self, warn: Callable[[str], object]) -> None:
        self.first: BaseException | None = None
        self._warn = warn

    def keep(self, error: BaseException) -> bool:
        """Keep the error if it is the first; return whether it is."""
        if self.first is None:
            self.first = error
        return self.first is error

    def add(self, error: BaseException) -> None:
        """Keep the error, or warn of it."""
        if not self.keep(error) and isinstance(error, RunnerError) and not isinstance(error, JobFailedError):
            self._warn(str(error))

    def raise_first(self) -> None:
        """Raise the failure of the run; that of a job is its result."""
        if self.first is not None and not isinstance(self.first, JobFailedError):
            raise self.first


class RunState:
    """The state of one run.

    `ends` gives the streams for its output. `observer` takes the events, and is None until there is one. `result` is
    that of the job, once it has ended; `ending` is true from then on, or from what has ended the run before it. `watch`
    looks after the CI source, from its preparation on; `caches` are those of the job, once they are restored.
    `measures` says that observers want to know how long the parts of the run took.
    """

    def __init__(self, masker: SecretMasker, stop: Stop, ends: Ends, warned: Collection[str] = ()) -> None:
        self.stop = stop
        self.ends = ends
        self.observer: Observer | None = None
        self.result: JobResult | None = None
        self.ending = False
        self.watch: Watch | None = None
        self.caches: CacheSet | None = None
        self.measures = False
        self.failures = FailureLog(self.warn)
        self._mask = masker.mask_string
        self._warned = set(warned)

    def tell(self, event: Event) -> None:
        """Send an event to the observer; a lost reader ends the run, but not the stages after the job."""
        assert self.observer is not None  # noqa: S101 - nothing is told before
        try:
            self.observer.observe(event)
        except OutputError as error:
            if not self.ending:
                raise
            self.failures.keep(error)

    def notice(self, text: str) -> None:
        """Send a notice, masked."""
        self.tell(Notice(self._mask(text)))

    def warn(self, text: str) -> None:
        """Send a warning, masked."""
        self.tell(Warned(self._mask(text)))

    @contextmanager
    def measuring(self, kind: Kind, name: str, phase: str = "", step: str = "") -> Iterator[None]:
        """Tell how long the block took, and whether it failed, if observers want to know."""
        started, outcome = time.time(), "failure"
        try:
            yield
            outcome = "success"
        finally:
            self.measured(Measured(kind, name, started, time.time(), outcome, phase, step))

    def measured(self, event: Measured) -> None:
        """Send what was measured, masked, if observers want to know; of plugins the summary does."""
        if self.measures or event.kind == "hook":
            name, step = self._mask(event.name), self._mask(event.step)
            with suppress(OutputError):  # the next event raises it again
                self.tell(event._replace(name=name, step=step))

    def cached(self, result: str, key: str, started: float, size: int) -> None:
        """Send what became of a cache."""
        self.measured(Measured("cache", key, started, time.time(), result, size=size))

    def warn_of(self, plan: RunPlan) -> None:
        """Send each warning of a plan, once."""
        for warning in plan.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                self.warn(warning)


class _Stateful(Protocol):
    state: RunState


def measured_phase(name: str) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """Have a method of a run tell how long it took."""

    def decorated(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        @wraps(method)
        def measured(run: S, /, *words: P.args, **keywords: P.kwargs) -> R:
            if not run.state.measures:
                return method(run, *words, **keywords)
            with run.state.measuring("phase", name):
                return method(run, *words, **keywords)

        return measured

    return decorated


class RunHooks(Protocol):
    """The plugins of a run, for its sequence; `PluginHost` has them, and a run without plugins has None.

    `around` and `beside` are called on the event loop, the others outside of it, where they may block.
    """

    def open(self, run: RunState) -> AbstractContextManager[object]:
        """Enter the run; an observer for events before `listen` is given to it."""
        ...

    def listen(self, observer: Observer) -> Observer:
        """Return the observer for all events, which passes them to `observer`."""
        ...

    def reached(self, stage: Stage) -> None:
        """Take part in a stage; what this changes is in the next plan of the planner.

        What it raises up to `pre_execution` ends the run.
        """

    def working(self) -> AbstractContextManager[object]:
        """Enter the preparation and the execution."""
        ...

    def beside(self, observer: Observer) -> Observer:
        """Return the observer for the events of steps, which passes them to `observer`."""
        ...

    def around(self) -> StepHooks | None:
        """Return the hooks before and after each step."""
        ...

    def sinks(self) -> Sequence[Sink]:
        """Return further sinks for follow-up jobs."""
        ...

    def close(self) -> None:
        """Release everything."""
