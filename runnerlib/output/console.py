"""The console of a run: the mode, for the reader of its output, and the streams as the settings ask for them."""

from __future__ import annotations

import sys
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from runnerlib._util import registry
from runnerlib._util.values import NamedTuple
from runnerlib.errors import ConfigError, unknown
from runnerlib.output import MODES, Mode, chosen_format, mode_of
from runnerlib.output.capabilities import look, service
from runnerlib.output.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.config import RunnerConfig
    from runnerlib.output.capabilities import TerminalCapabilities
    from runnerlib.output.protocol import Console, MakeConsole

_NO_MODES: Mapping[str, MakeConsole] = MappingProxyType({})


class View(NamedTuple):
    """A console and its parts: the output mode and its properties, the streams, and what their reader is capable of.

    `structured` says that the runner's messages are lines of a log.
    """

    console: Console
    mode: Mode
    streams: Streams
    seen: TerminalCapabilities
    structured: bool


def console_for(
    config: RunnerConfig,
    environ: Mapping[str, str],
    streams: Streams,
    step_count: int,
    marks: Sequence[bytes],
    added: Mapping[str, MakeConsole],
) -> View:
    """Choose and make the console that shows a run of so many steps on `streams`.

    `marks` are the replacements of secrets, never cut; `added` are output modes of plugins. Raises ConfigError.
    """
    terminal = streams.out.is_terminal
    seen = look(environ, terminal, getattr(sys.stdout, "encoding", None))
    structured = chosen_format(environ, config.log_format) == "json"
    name = config.output or automatic_mode(environ, terminal and not structured, step_count)
    if structured and mode_of(name).needs_terminal:  # its view and lines on stderr would write into each other
        name = "prefixed"
    streams, seen = for_lines(streams, config, environ, name, marks), beside_time(seen, config, name)
    return View(console(name, streams, seen, added), mode_of(name), streams, seen, structured)


def console(
    mode: str, streams: Streams, seen: TerminalCapabilities, added: Mapping[str, MakeConsole] = _NO_MODES
) -> Console:
    """Return the console of `mode`; its module is loaded on first use, since a run needs only one.

    `live` needs a terminal and is `prefixed` elsewhere. `added` are modes that are not built in. Raises
    ConfigError for an unknown mode.
    """
    if mode in added:
        return added[mode](streams, seen)
    if mode not in MODES:
        raise ConfigError(unknown("output mode", mode, (*MODES, *added)))
    if MODES[mode].needs_terminal and not seen.terminal:
        mode = "prefixed"
    make: MakeConsole = registry.load("output mode", MODES[mode].module).console
    return make(streams, seen)


def automatic_mode(environ: Mapping[str, str], isatty: bool, step_count: int) -> str:
    """Return the output mode that fits the job; `isatty` says whether stdout is a terminal."""
    if step_count <= 1:
        return "raw"
    if service(environ):
        return "grouped"
    return "live" if isatty and environ.get("TERM") != "dumb" else "prefixed"


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
    streams: Streams, config: RunnerConfig, environ: Mapping[str, str], mode: str, marks: Sequence[bytes] = ()
) -> Streams:
    """Return the streams as the settings ask for them; `marks` are the replacements of secrets, which are never cut.

    Events are lines of their own, and stay as they are.
    """
    out, err = streams.out, streams.err
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


def beside_time(seen: TerminalCapabilities, config: RunnerConfig, mode: str) -> TerminalCapabilities:
    """Return the capabilities with what is left of a line beside the time, if every line begins with it."""
    if not config.timestamps or mode_of(mode).for_programs or mode_of(mode).stamps:
        return seen
    from runnerlib.output.line_output import STAMP_WIDTH

    return seen._replace(taken=STAMP_WIDTH)
