"""`runnerlib run --watch`: run again whenever a file of the project changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from runnerlib.cli._project import find
from runnerlib.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_OPTION = "--watch"
_LEFT_OUT = frozenset({"node_modules", "__pycache__", "target", "venv", "job"})
_PAUSE = 0.5
# A look at a large tree takes time of the processor: at most this share of it.
_SHARE = 0.1

State = dict[str, tuple[int, int, int]]
"""Files by path: inode, size, and time of the last change in nanoseconds."""


def watch(args: Sequence[str], cwd: Path) -> int:
    """Run the command line `args`, and again after each change, until a signal ends it; return the exit code.

    Each run is a process of its own. A change that is made while one is at work counts with the next change.
    """
    project = find(cwd)
    root = project.root if project else cwd
    files = [cwd / file for file in project.files] if project else []
    command = [sys.executable, "-P", "-m", "runnerlib", *_without_option(args)]
    while True:
        code = _run(command)
        if code in {128 + signal.SIGINT, 128 + signal.SIGTERM}:
            return code
        try:
            before = _look(root, files)
            _say(f"watching '{root}'; Ctrl-C ends")
            changed = _changed(root, files, before)
        except KeyboardInterrupt:
            return 128 + signal.SIGINT
        _say(f"'{os.path.relpath(changed, cwd)}' has changed")


def _without_option(args: Sequence[str]) -> list[str]:
    """Return the arguments without the option, which may be a word of a command after `--`."""
    end = args.index("--") if "--" in args else len(args)
    return [*(word for word in args[:end] if word != _OPTION), *args[end:]]


def _say(text: str) -> None:
    click.echo(printable(f"runnerlib: {text}"), err=True)


def _run(command: Sequence[str]) -> int:
    """Run a command to its end and return its exit code; signals are for the command to handle."""
    with subprocess.Popen(command) as process, _passed_on(process):
        code = process.wait()
    return 128 - code if code < 0 else code


@contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass SIGTERM on to a process, and let it have SIGINT, which a terminal sends to both."""

    def ignore(_signum: int, _frame: object) -> None:
        """Do nothing; a signal that is ignored would be ignored by the command, too."""

    def send(signum: int, _frame: object) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(signum)

    before = signal.signal(signal.SIGINT, ignore), signal.signal(signal.SIGTERM, send)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


def _changed(root: Path, files: Sequence[Path], look: tuple[State, float]) -> str:
    """Wait for a change since `look`, and until no more follow, and return the path of a changed file."""
    before, pause = look
    state = before
    while state == before:
        time.sleep(pause)
        state, pause = _look(root, files)
    settled: State | None = None
    while state != settled:  # a checkout of another branch takes its time
        time.sleep(pause)
        settled, (state, pause) = state, _look(root, files)
    paths = sorted(before.keys() | state.keys())
    return next((path for path in paths if before.get(path) != state.get(path)), str(root))


def _look(root: Path, files: Sequence[Path]) -> tuple[State, float]:
    """Return the state of the files and the pause before the next look."""
    started = time.monotonic()
    found: State = {}
    for path in files:
        with suppress(OSError):
            found[str(path)] = _state(os.stat(path))
    _add(str(root), found)
    return found, max(_PAUSE, (time.monotonic() - started) / _SHARE)


def _add(directory: str, found: State) -> None:
    """Add the files below a directory, without what tools keep for themselves."""
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            with suppress(OSError):
                if not entry.is_dir(follow_symlinks=False):
                    found[entry.path] = _state(entry.stat(follow_symlinks=False))
                elif not entry.name.startswith(".") and entry.name not in _LEFT_OUT:
                    _add(entry.path, found)


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
