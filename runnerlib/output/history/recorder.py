"""The observer that adds a run to the history when it has finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.events import JobFinished, JobStarted, StepFinished, WorkflowFinished, WorkflowJobFinished
from runnerlib.events.forwarding import UnbufferedObserver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from runnerlib.events import Event
    from runnerlib.events.result import JobResult, StepResult, WorkflowResult
    from runnerlib.output.history.file import Entry


class HistoryRecorder(UnbufferedObserver):
    """Keeps the results of steps and jobs, and writes them down once; a failure of it is told by `warn`.

    Jobs of a matrix are kept by what people read, which says what they are; their numbers change with the file.
    """

    def __init__(
        self, path: Path, warn: Callable[[str], object], revision: Callable[[], str], *, workflow: bool
    ) -> None:
        """`revision` returns the commit of the source, "" where none is known; it is asked when all has ended."""
        self._path = path
        self._warn = warn
        self._revision = revision
        self._workflow = workflow
        self._results: list[tuple[str, StepResult]] = []
        self._labels: Mapping[str, str] = {}

    def observe(self, event: Event) -> None:
        """Keep a result; write all at the end."""
        match event:
            case JobStarted():
                self._results.clear()
                self._labels = event.labels
            case StepFinished():
                self._results.append(("step", event.result))
            case WorkflowJobFinished():
                self._results.append(("job", event.result))
            case JobFinished() if not self._workflow:
                self._write(event.result)
            case WorkflowFinished():
                self._write(event.result)

    def _write(self, result: JobResult | WorkflowResult) -> None:
        try:
            from runnerlib.output.history.file import HistoryError, Run, add  # loaded when there is a run to add
        except ImportError as error:  # a Python without SQLite
            self._warn(f"this run is not in the history: {error}")
            return
        named = ((kind, one._replace(name=self._labels.get(one.name, one.name))) for kind, one in self._results)
        entries = tuple(_entry(kind, one) for kind, one in named if one.cause not in {"restored", "excluded"})
        run = Run(result.name, result.started, result.ended, result.exit_code, self._revision(), entries)
        try:
            add(self._path, run)
        except HistoryError as error:
            self._warn(f"this run is not in the history: {error}")


def _entry(kind: str, result: StepResult) -> Entry:
    from runnerlib.output.history.file import Entry

    usage = result.usage
    return Entry(
        kind,
        result.name,
        result.outcome,
        result.cause,
        result.exit_code,
        result.attempts,
        result.started,
        result.duration,
        None if usage is None else usage.user + usage.system,
        None if usage is None else usage.max_rss,
    )
