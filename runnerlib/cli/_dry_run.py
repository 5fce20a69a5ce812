"""Text of a dry run, for jobs and workflows alike."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.output.capabilities import look
from runnerlib.output.text.columns import hanging

if TYPE_CHECKING:
    from collections.abc import Iterable


def as_dry_run(rows: Iterable[tuple[str, str]], graph: str) -> str:
    """Return the text of a dry run: labels with what they stand for, and the graph of steps or jobs, if any."""
    done = "nothing", "was done: this was a dry run"
    rows = [*rows] if graph else [*rows, done]
    widest = max(len(label) for label, _ in (*rows, done))
    lines = [line for label, text in rows for line in hanging(text, width_of_stdout(), f"{label:{widest}}  ")]
    return "\n".join([*lines, "", graph, "", " ".join(done)] if graph else lines)


def width_of_stdout() -> int:
    """Return the columns of the terminal that stdout is; 0 if it is none."""
    return look(os.environ, os.isatty(1), None).width()
