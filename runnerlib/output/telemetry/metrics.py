"""The figures of a run in a file, for the textfile collector of Prometheus' node exporter, and at a gateway."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from runnerlib.errors import OutputError
from runnerlib.events import JobStarted
from runnerlib.output.report.whole_file import ReportFile
from runnerlib.output.telemetry.figures import Figures
from runnerlib.output.telemetry.run_figures import RunFigures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib.events import Event
    from runnerlib.output.telemetry.push import Pusher


class Metrics(RunFigures):
    """Counts a run, and hands its figures on at its end; failures of that are told by `warn` and harm nothing."""

    def __init__(
        self, file: ReportFile | None, pusher: Pusher | None, warn: Callable[[str], object], *, workflow: bool
    ) -> None:
        super().__init__(workflow=workflow)
        self._file = file
        self._pusher = pusher
        self._warn = warn

    def observe(self, event: Event) -> None:
        """Count an event; tell the gateway that the run has begun."""
        super().observe(event)
        if isinstance(event, JobStarted):
            began = Figures()
            began.set("last_run_start_timestamp_seconds", event.job, value=time.time())
            self.figures.merge(began.plain())
            if self._pusher is not None:
                self._pusher.send(event.job, began.text())

    def finish(self) -> None:
        """Write the file, and send the figures."""
        self.flush()
        text = self.figures.text()
        if self._pusher is not None and self.pipeline:
            self._pusher.send(self.pipeline, text)
        if self._file is not None:
            try:
                self._file.write([text.encode()])
            except OutputError as error:
                self._warn(str(error))
        if self._pusher is not None and (problem := self._pusher.finish()):
            self._warn(f"the figures are not sent: {problem}")

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            self._file.close()


def metrics_file(path: str, base: Path) -> ReportFile:
    """Open the file of the figures. Raises OutputError."""
    return ReportFile(path, base, "metrics")
