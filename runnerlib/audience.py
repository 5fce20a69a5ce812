"""Who is told what happens in a run: the console in the mode that fits, logs, the summary, a file of events."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from runnerlib.observers import automatic_mode, console
from runnerlib.observers.look import look
from runnerlib.observers.several import Several
from runnerlib.observers.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnerlib.observers.look import Look
    from runnerlib.observers.protocol import Console, Listener
    from runnerlib.observers.streams import Streams
    from runnerlib.plan import RunPlan


@contextmanager
def audience(plan: RunPlan, environ: Mapping[str, str], ends: Streams | None = None) -> Iterator[Listener]:
    """The observer of a run. Left with an error or not, nothing is waited for: what is unread then is dropped.

    It shows things on `ends`, by default the descriptors 1 and 2. Raises OutputError when stdout is closed or a
    file cannot be opened.
    """
    listener = _listener(plan, environ, ends or streams())
    try:
        yield listener
    finally:
        listener.give_up()
        listener.close()


def _listener(plan: RunPlan, environ: Mapping[str, str], ends: Streams) -> Listener:
    config, several = plan.config, len(plan.job.steps)
    terminal = ends.out.is_terminal
    seen = look(environ, terminal, getattr(sys.stdout, "encoding", None))
    mode = config.output or automatic_mode(environ, terminal, several)
    shown: Console = console(mode, ends, seen)
    if config.log_limit is not None:
        head = config.log_limit // 2
        shown = cast("Console", _made("cap", "Cap", shown, head=head, tail=config.log_limit - head))
    others = [*_files(plan), *_summary(plan, mode, shown, seen)]
    return Several(shown, *others) if others else shown


def _files(plan: RunPlan) -> Iterator[Listener]:
    if not plan.is_command or plan.config.log_limit is not None:  # what is not shown must be somewhere
        yield _made("step_logs", "StepLogs", plan.workspace.artifacts)
    if plan.config.events is not None:
        yield _made("events_file", "EventsFile", Path(plan.config.events))


def _summary(plan: RunPlan, mode: str, shown: Console, seen: Look) -> Iterator[Listener]:
    """A single command needs none, and a program that reads JSON makes its own."""
    if not plan.is_command and mode != "json":
        where = importlib.import_module("runnerlib.observers.log_names").log_path
        yield _made("summary", "Summary", shown.say, seen, where, console_told=mode == "raw")


def _made(module: str, name: str, *args: object, **keys: object) -> Listener:
    """An observer that not every run needs; loaded when one does."""
    made = getattr(importlib.import_module(f"runnerlib.observers.{module}"), name)
    return cast("Listener", made(*args, **keys))
