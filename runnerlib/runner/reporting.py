"""The observers of a run: console in the right mode, logs, summary, events file."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.events import Notice, StepStarted
from runnerlib.output import automatic_mode, console, mode_of
from runnerlib.output.capabilities import look
from runnerlib.output.line_policy import for_lines
from runnerlib.output.log.level import chosen_format, chosen_level
from runnerlib.output.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib.output.capabilities import TerminalCapabilities
    from runnerlib.output.protocol import Console, Listener
    from runnerlib.output.streams import Streams
    from runnerlib.output.summary import Summary
    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.services import RunServices

    Ends = Callable[[], Streams]


@contextmanager
def audience(
    plan: RunPlan, services: RunServices, ends: Streams | None = None, *, summary: type[Summary] | None = None
) -> Iterator[Listener]:
    """Open the observers of a run. At the end of the block nothing is waited for: unread output is dropped.

    `summary` is the class of the last observer, by default the summary for jobs. Output goes to `ends`, by default
    the descriptors 1 and 2. Raises OutputError when stdout is closed or a file cannot be opened.
    """
    listener = _listener(plan, services, ends or streams(), summary)
    try:
        yield listener
    finally:
        listener.give_up()
        listener.close()


def _listener(plan: RunPlan, services: RunServices, ends: Streams, summary: type[Summary] | None) -> Listener:
    config, environ = plan.config, plan.environ
    terminal = ends.out.is_terminal
    seen = look(environ, terminal, getattr(sys.stdout, "encoding", None))
    structured = chosen_format(environ, config.log_format) == "json"
    mode = config.output or automatic_mode(environ, terminal and not structured, plan.step_count)
    if structured and mode_of(mode).needs_terminal:  # its view and lines on stderr would write into each other
        mode = "prefixed"
    if config.timestamps and config.output is None and mode_of(mode).timed:
        mode = "prefixed"
    ends = for_lines(ends, config, environ, mode, services.masker.marks)
    log = _log(plan, ends) if structured and not mode_of(mode).for_programs else None
    shown: Console = _without(console(mode, ends, seen, services.modes), mode, plan, log)
    if config.log_limit is not None:
        head = config.log_limit // 2
        from runnerlib.output.truncate import Truncate

        shown = Truncate(shown, head=head, tail=config.log_limit - head, path=_place_of_logs(plan))
    others = [*([log] if log else _summary(plan, mode, shown, seen, summary)), *_files(plan)]
    if not others:
        return shown
    from runnerlib.output.fanout import FanOut

    return FanOut(shown, *others)


def _place_of_logs(plan: RunPlan) -> Callable[[str], str]:
    """Return a function that gives the path of a step's log, relative to the workspace if it lies there."""
    from runnerlib.output.log.file_names import log_path

    base, artifacts = plan.workspace.base, plan.workspace.artifacts
    seen = artifacts.relative_to(base) if artifacts.is_relative_to(base) else artifacts
    return partial(log_path, artifacts=str(seen))


def _log(plan: RunPlan, ends: Streams) -> Listener:
    """Return the log of the runner's messages as JSON on stderr, with their job, trace, phase and step."""
    from runnerlib.output.log.json_observer import LogLines
    from runnerlib.output.log.trace_context import context

    return LogLines(ends.err, chosen_level(plan.environ, plan.config.log_level), context(plan.environ))


def _without(shown: Console, mode: str, plan: RunPlan, log: Listener | None) -> Console:
    """Return the console without events that the log shows, and without those below the log level."""
    least = plan.config.log_level
    if log is None and (least in {None, "debug", "info"} or mode_of(mode).for_programs):
        return shown
    from runnerlib.output.log import json_observer as log_lines

    kinds: tuple[type, ...] = log_lines.OWN if log is not None or least != "warning" else (Notice,)
    if mode_of(mode).verbatim:  # in the other modes they are a part of the picture
        kinds = (*kinds, *log_lines.FRAMES) if log is not None else (*kinds, StepStarted)
    return log_lines.Without(shown, kinds)


def _files(plan: RunPlan) -> Iterator[Listener]:
    if not plan.is_command or plan.config.log_limit is not None:  # what is not shown must be somewhere
        from runnerlib.output.log.step_logs import StepLogs

        yield StepLogs(plan.workspace.artifacts)
    if plan.config.events is not None:
        from runnerlib.output.log.events_file import EventsFile

        yield EventsFile(Path(plan.config.events), plan.workspace.base)


def _summary(
    plan: RunPlan, mode: str, shown: Console, seen: TerminalCapabilities, made: type[Summary] | None
) -> Iterator[Listener]:
    """Yield the summary; none for a single command, and none for JSON output, whose reader makes its own."""
    if not plan.is_command and not mode_of(mode).for_programs:
        from runnerlib.output.summary import Summary

        yield (made or Summary)(shown.say, seen, _place_of_logs(plan), console_told=mode_of(mode).verbatim)
