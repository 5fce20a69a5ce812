"""The trace of a run: ids of its spans, which all parts of a run derive from one number.

So an engine on another machine gives a step the id of a span that the observer here makes later, and nobody has to tell
anybody.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.output.log.trace_context import parent_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.output.log.trace_context import Parent


class Trace(NamedTuple):
    """A trace: its id, that of the span of the whole run, and whether spans are recorded.

    `names` are those of steps in events, by their names in the job, for a job of a workflow.
    """

    trace_id: str
    span_id: str
    sampled: bool = True
    names: Mapping[str, str] = {}

    def job(self, name: str) -> str:
        """Return the id of the span of a job of a workflow."""
        return self._child("job", name)

    def step(self, name: str) -> str:
        """Return the id of the span of a step, by its name in events."""
        return self._child("step", name)

    def attempt(self, name: str, number: int) -> str:
        """Return the id of the span of an attempt at a step."""
        return self._child("attempt", name, str(number))

    def phase(self, job: str, name: str) -> str:
        """Return the id of the span of a phase of the runner, of a job of a workflow if one is named."""
        return self._child("phase", job, name)

    def variables(self, step: str, shown: str, number: int) -> dict[str, str]:
        """Return the variable of an attempt that says of which span its own ones are a part."""
        span = self.attempt(self.names.get(step, shown), number)
        return {"TRACEPARENT": f"00-{self.trace_id}-{span}-{self.sampled:02d}"}

    def _child(self, *words: str) -> str:
        text = "\0".join((self.trace_id, self.span_id, *words))
        return sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def new_trace(environ: Mapping[str, str]) -> tuple[Trace, Parent | None]:
    """Return the trace of a run, a new one or that of its environment, and the span that the run is a part of."""
    parent = parent_of(environ)
    span = os.urandom(8).hex()
    return Trace(parent.trace_id if parent is not None else os.urandom(16).hex(), span), parent
