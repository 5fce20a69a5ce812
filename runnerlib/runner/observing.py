"""Observers of a run that keep or send figures of it; loaded for runs that have such an observer."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from runnerlib._util.paths import OWN
from runnerlib.errors import OutputError, RunnerError
from runnerlib.events import Warned
from runnerlib.output.log.trace_context import trace_id
from runnerlib.output.log.trace_fields import TraceFields
from runnerlib.output.modes.informed import Estimating, Traced
from runnerlib.output.telemetry.otel_settings import HEADERS, Signals, sampled, secrets_of, signals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.config import RunnerConfig
    from runnerlib.events import Observer
    from runnerlib.output.history.estimate import EarlierRuns
    from runnerlib.output.log.trace_context import Parent
    from runnerlib.output.protocol import Console, Listener
    from runnerlib.output.telemetry.push import Pusher
    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.services import RunServices

HISTORY = "history.db"


class Finishing(Protocol):
    """An observer that hands on what it has gathered, once nothing more will happen."""

    def finish(self) -> None:
        """Hand it on."""


class Watch:
    """The observers of one run that its settings ask for.

    `observer` takes their warnings; it is set once all observers are made. `earlier` are estimates by earlier runs.
    """

    def __init__(self, plan: RunPlan, services: RunServices, *, workflow: bool) -> None:
        self.observer: Observer | None = None
        self._plan = plan
        self._services = services
        self._parent: Parent | None = None
        self._mask = services.masker.mask_string
        self._workflow = workflow
        self._history = history_of(plan)
        self.earlier = self._earlier()
        self._finishing: list[Finishing] = []
        self._signals = signals(plan.environ, plan.config.otel) if plan.config.otel != "off" else Signals()
        self.trace = self._traced(services)
        config = plan.config
        asked = (config.metrics_file, config.metrics_push, *self._signals[:2])
        services.measures = any(asked)

    def inform(self, console: Console) -> None:
        """Give a console what it shows: estimates, or the ids of the trace."""
        if isinstance(console, Estimating):
            console.earlier = self.earlier
        if isinstance(console, Traced):
            console.trace = self.trace

    def listeners(self) -> Iterator[Listener]:
        """Yield the observers."""
        if self._history is not None:
            from runnerlib.output.history.recorder import HistoryRecorder

            yield HistoryRecorder(self._history, self.warn, self._revision, workflow=self._workflow)

        config = self._plan.config
        if config.metrics_file is not None or config.metrics_push is not None:
            yield self._metrics(config)
        if self._signals.traces or self._signals.metrics:
            yield self._otel()
        if config.notify:
            yield self._notifier()

    def finish(self) -> None:
        """Hand on what observers have gathered, when nothing more will happen."""
        if self._signals.problem:
            self.warn(self._signals.problem)
        for one in self._finishing:
            one.finish()

    def _metrics(self, config: RunnerConfig) -> Listener:
        from runnerlib.output.telemetry.metrics import Metrics, metrics_file

        pusher = self._pusher(config.metrics_push) if config.metrics_push is not None else None
        file = metrics_file(config.metrics_file, self._plan.workspace.base) if config.metrics_file is not None else None
        made = Metrics(file, pusher, self.warn, workflow=self._workflow)
        self._finishing.append(made)
        return made

    def _pusher(self, url: str) -> Pusher:
        from runnerlib.output.telemetry.push import Pusher

        return Pusher(url)

    def warn(self, text: str) -> None:
        """Send a warning, masked."""
        if self.observer is not None:
            with suppress(OutputError):  # an earlier event has raised it
                self.observer.observe(Warned(self._mask(text)))

    def _traced(self, services: RunServices) -> TraceFields | None:
        """Begin a trace where spans are exported; return the ids for lines about the run, if there is a trace."""
        environ = self._plan.environ
        if not self._signals.traces:
            known = trace_id(environ)
            return TraceFields(known) if known else None
        from runnerlib.output.telemetry.trace import new_trace

        services.masker.register_secrets(secrets_of(environ), [HEADERS[0]] * len(secrets_of(environ)))
        trace, self._parent = new_trace(environ)
        services.trace = trace._replace(sampled=sampled(environ, self._parent, trace.trace_id))
        return TraceFields(trace.trace_id, trace)

    def _otel(self) -> Listener:
        from runnerlib.output.telemetry.otel import OtelObserver
        from runnerlib.output.telemetry.spans import SpanMaker
        from runnerlib.output.telemetry.trace import new_trace

        services, plan = self._services, self._plan
        trace = services.trace or new_trace({})[0]
        parent = self._parent.span_id if self._parent is not None else ""
        maker = SpanMaker(trace, parent, self._about, workflow=self._workflow)
        made = OtelObserver(self._signals, plan.environ, trace, maker, self.warn)
        self._finishing.append(made)
        return made

    def _notifier(self) -> Listener:
        from runnerlib.runner.notifying import notifier

        made = notifier(self._plan, self._services, self._history, self.warn, workflow=self._workflow)
        self._finishing.append(made)
        return made

    def _about(self) -> dict[str, str | bool | int | float]:
        """Return the repository that the run is about, by the conventions for version control."""
        from runnerlib.runner.about import about

        return {name: self._mask(text) for name, text in about(self._plan).items()}

    def _earlier(self) -> EarlierRuns | None:
        if self._history is None:
            return None
        try:
            from runnerlib.output.history.estimate import EarlierRuns
        except ImportError:  # a Python without SQLite; the recorder says so
            return None
        return EarlierRuns(self._history, self._plan.config.max_parallel or os.cpu_count() or 1)

    def _revision(self) -> str:
        """Return the commit of a source that was prepared; what a person works on has changes beside its commit."""
        if self._plan.workspace.tree is not None:
            return ""
        from runnerlib.source.git_query.head import commit_of

        try:
            return commit_of(self._plan.code_dir)
        except RunnerError:
            return ""


def history_of(plan: RunPlan) -> Path | None:
    """Return the file of the history: that of the settings, else that of the project; None for no history."""
    given = plan.config.history
    if given is not None:
        return None if given == "none" else Path(given)
    return plan.workspace.base / HISTORY if plan.workspace.base.name == OWN and not plan.is_command else None
