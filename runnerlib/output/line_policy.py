"""Settings of outputs for readers of lines, such as a worker: one stream or two, and how long a line may be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from runnerlib.output import mode_of
from runnerlib.output.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.config import RunnerConfig
    from runnerlib.output.capabilities import TerminalCapabilities


def under_worker(environ: Mapping[str, str], terminal: bool) -> bool:
    """Return whether a worker reads the output: the job has a coordinator, and there is no terminal."""
    return bool(environ.get("REACTORCIDE_JOB_ID")) and not terminal


def is_one_stream(config: RunnerConfig, environ: Mapping[str, str], terminal: bool) -> bool:
    """Return whether the runner's own lines go to the same stream as the output of the job.

    Structured output, which programs read, stays in a stream of its own.
    """
    if config.log_stream == "auto":
        log_format = config.log_format, environ.get("LOG_FORMAT")
        structured = mode_of(config.output).for_programs or "json" in log_format
        return under_worker(environ, terminal) and not structured
    return config.log_stream == "one"


def for_lines(
    ends: Streams, config: RunnerConfig, environ: Mapping[str, str], mode: str, marks: Sequence[bytes] = ()
) -> Streams:
    """Return `ends` as the settings ask for them; `marks` are the replacements of secrets, which are never cut.

    Events are lines of their own, and stay as they are.
    """
    out, err = ends.out, ends.err
    terminal = out.is_terminal
    joined = is_one_stream(config, environ, terminal)
    if joined and err is not out:
        err.close()
        err = out
    cut = config.max_line is None and under_worker(environ, terminal)
    if mode_of(mode).for_programs or not (cut or config.max_line or config.timestamps):
        return Streams(out, err, joined=joined)
    # Few outputs have a worker as their reader.
    from runnerlib.output.line_output import LineOutput, stamped
    from runnerlib.output.text.lines import LONGEST

    limit = LONGEST if cut else config.max_line
    now = time.time if config.timestamps and not mode_of(mode).stamps else None
    shown = LineOutput(out, limit, marks, now)
    stamp = stamped if config.timestamps and now is None else None
    return Streams(shown, shown if err is out else LineOutput(err, limit, marks, now), joined=joined, stamp=stamp)


def beside_time(look: TerminalCapabilities, config: RunnerConfig, mode: str) -> TerminalCapabilities:
    """Return the capabilities with what is left of a line beside the time, if every line begins with it."""
    if not config.timestamps or mode_of(mode).for_programs or mode_of(mode).stamps:
        return look
    from runnerlib.output.line_output import STAMP_WIDTH

    return look._replace(taken=STAMP_WIDTH)
