"""The ids of the trace that each line about a run has, the same in the log, in events and in spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.output.telemetry.trace import Trace


class TraceFields:
    """The fields `trace_id` and, where spans are exported, `span_id`: that of the step, or of the run."""

    def __init__(self, trace_id: str, trace: Trace | None = None) -> None:
        self._run = {"trace_id": trace_id, **({"span_id": trace.span_id} if trace is not None else {})}
        self._trace = trace
        self._steps: dict[str, Mapping[str, str]] = {}

    def of(self, step: str) -> Mapping[str, str]:
        """Return the fields for a step, by its name in events; for "" those of the run."""
        if not step or self._trace is None:
            return self._run
        known = self._steps.get(step)
        if known is None:
            known = self._steps[step] = {**self._run, "span_id": self._trace.step(step)}
        return known
