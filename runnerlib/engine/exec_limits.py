"""Limits of the kernel for a command and its variables: what is too large is passed by file."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import RunnerError, one_line
from runnerlib.pipeline.job.step import LONGEST_WORD, SCRIPT, reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from runnerlib.pipeline.job import Step

LEFT_OUT = "RUNNERLIB_LEFT_OUT"
"""Names the directory with the values of variables that did not fit, each in a file with the name of its variable."""

# Bytes that all words and variables together may have, whatever the limit of the stack is.
_MOST = 6 << 20
# Bytes that the commands of a step can use for their own words.
_SPARE = 1 << 17
# Bytes for each word besides its own: its end, and its pointer.
_EACH = 9
# Variables that are left out only if there is no other way.
_WANTED = frozenset({"PATH", "HOME"})
# The number of variables that a warning names.
_NAMED = 5


class Fitted(NamedTuple):
    """A command with its variables that fits; `warning` names what was left out, if anything."""

    argv: Sequence[str]
    env: Mapping[str, str]
    warning: str = ""


def fitted(step: Step, env: Mapping[str, str], start: str, secret: Callable[[str], bool]) -> Fitted:
    """The command of a step and its variables, as far as they fit; `start` is that of the names of its files.

    A long text to run is run from a file. A value that is `secret` is left out and written nowhere. Raises
    RunnerError for a file that cannot be written.
    """
    env, argv = dict(env), step.argv
    room = _room()
    if isinstance(step.run, str) and (_size(step.run) > LONGEST_WORD or _total(argv) + _total(_texts(env)) > room):
        text = reader(argv[:-1])
        if text is not None:
            argv = (*argv[:-1], text)
            env[SCRIPT] = script_file(start)
            _write(env[SCRIPT], step.run)
    names = _unfit(env, room - _total(argv))
    if not names:
        return Fitted(argv, env)
    directory = values_directory(start)
    _make(directory)
    written = []
    for name in names:
        value = env.pop(name)
        if not secret(value):
            _write(f"{directory}/{name}", value)
            written.append(name)
    env[LEFT_OUT] = directory
    return Fitted(argv, env, _warning(names, written))


def script_file(start: str) -> str:
    """The file of the text of a step."""
    return f"{start}.script"


def values_directory(start: str) -> str:
    """The directory of the values that did not fit."""
    return f"{start}.values"


def tidy(start: str) -> None:
    """Remove the files of a step, if there are any."""
    with suppress(OSError):
        os.unlink(script_file(start))
    shutil.rmtree(values_directory(start), ignore_errors=True)


def _unfit(env: Mapping[str, str], room: int) -> list[str]:
    """The variables that are too long, and then the longest ones until the rest fits."""
    sizes = {name: _size(text) for name, text in zip(env, _texts(env), strict=True)}
    total = sum(sizes.values()) + _EACH * len(sizes)
    found = []
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        if sizes[name] > LONGEST_WORD or (total > room and name not in _WANTED):
            found.append(name)
            total -= sizes[name] + _EACH
    return found


def _warning(names: Sequence[str], written: Sequence[str]) -> str:
    shown = ", ".join(f"'{one_line(name)}'" for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    which = f"variable {shown} is" if len(names) == 1 else f"variables {shown}{more} are"
    where = f"see ${LEFT_OUT}/{one_line(written[0])}" if written else "what is secret is written to no file"
    return f"{which} larger than the system takes and left out; {where}"


def _make(directory: str) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    try:
        os.mkdir(directory, 0o700)
        _give(directory)
    except OSError as error:
        raise RunnerError(f"cannot create '{directory}': {error.strerror}") from None


def _write(path: str, text: str) -> None:
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as opened:
            opened.write(text.encode("utf-8", "surrogateescape"))
        _give(path)
    except OSError as error:
        raise RunnerError(f"cannot write '{path}': {error.strerror}") from None


def _give(path: str) -> None:
    """Give a file to the owner of its directory: steps in a container have another user than the runner."""
    owner = os.stat(os.path.dirname(path))
    if owner.st_uid != os.geteuid():
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _room() -> int:
    """Bytes that words and variables may have together, some kept for the commands that a step runs."""
    most = min(os.sysconf("SC_ARG_MAX"), _MOST)
    return most - min(most // 4, _SPARE)


def _texts(env: Mapping[str, str]) -> Iterable[str]:
    return (f"{name}={value}" for name, value in env.items())


def _total(words: Iterable[str]) -> int:
    return sum(_size(word) + _EACH for word in words)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
