"""The two outputs of a console, and their settings for readers of lines: one stream or two, line length, the time."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

from runnerlib.output import mode_of
from runnerlib.output.nonblocking_writer import BestEffort, Output

if TYPE_CHECKING:
    from collections.abc import Callable

    Stamp = Callable[[bytes, float], bytes]
    from collections.abc import Mapping, Sequence

    from runnerlib.config import RunnerConfig
    from runnerlib.output.capabilities import TerminalCapabilities


class Streams:
    """Stdout and stderr, or the given descriptors; they stay open.

    A console is a subclass: it observes, the rest is here. `joined`: both are one, by choice, so lines of the runner
    do not go on with one of the job. `stamp` puts the time, in seconds since the epoch, before whole lines, where the
    user wants it and the console has to do it.
    """

    def __init__(self, out: Output, err: Output, *, joined: bool = False, stamp: Stamp | None = None) -> None:
        self.out = out
        self.err = err
        self.joined = joined
        self.stamp = stamp

    @property
    def congested(self) -> bool:
        """True while a reader of one of the two is behind."""
        return self.out.congested or self.err.congested

    async def drain(self) -> None:
        """Return when all that was written has gone."""
        await self.out.drain()
        if self.err is not self.out:
            await self.err.drain()

    def give_up(self) -> int:
        """Drop the bytes queued for the readers, and refuse more; return the number of bytes dropped."""
        return self.out.give_up() + (self.err.give_up() if self.err is not self.out else 0)

    def close(self) -> None:
        """Release both descriptors."""
        self.out.close()
        if self.err is not self.out:
            self.err.close()


def streams(stdout: int = 1, stderr: int = 2) -> Streams:
    """The streams of two descriptors. Lines and output keep their order under `2>&1`: that is one queue.

    What stderr does not take is dropped, unless it is the same as stdout. Raises OutputError when stdout is closed.
    """
    out = Output(stdout)
    return Streams(out, out if _lead_to_the_same(stdout, stderr) else BestEffort(lambda: Output(stderr)))


def _lead_to_the_same(stdout: int, stderr: int) -> bool:
    try:
        same = os.path.sameopenfile(stdout, stderr)
    except OSError:
        return False
    return same and _access(stdout) == _access(stderr)


def _access(fd: int) -> int:
    """Return the access mode of a descriptor: read, write or both.

    In the place of a closed stdout there may be one that is only read.
    """
    return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE


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
