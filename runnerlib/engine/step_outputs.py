"""Outputs of a step for later ones: the files it may write, and their meaning.

RUNNERLIB_OUTPUT and RUNNERLIB_ENV hold `NAME=value` lines, or `NAME<<END`, lines of a value, `END`.
RUNNERLIB_PATH holds directories, one a line, that later steps find commands in first. RUNNERLIB_ANNOTATIONS
has findings for people, a line of JSON each, which the runner reads. Each attempt has files of its own, so that
parallel steps never write to the same one.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib.events.result import Exports
from runnerlib.pipeline.job import VARIABLE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIABLES = ("RUNNERLIB_OUTPUT", "RUNNERLIB_ENV", "RUNNERLIB_PATH")
LARGEST = 1 << 20
MOST = 1000
LONGEST_PATH = 1 << 15
ANNOTATIONS = "RUNNERLIB_ANNOTATIONS"
_SUFFIXES = {"RUNNERLIB_OUTPUT": "output", "RUNNERLIB_ENV": "env", "RUNNERLIB_PATH": "path", ANNOTATIONS: "annotations"}
# Patterns as texts: they are compiled when they are first used, and a plain start uses none.
_ASSIGNMENT = r"(?s)([A-Za-z_][A-Za-z0-9_-]{0,99})(=|<<)(.*)"
# The variables that the runner itself sets for steps.
_OWN = ("RUNNERLIB_", "REACTORCIDE_SECRETS_SOCKET")


class ExportError(Exception):
    """A file of exports cannot be used; the text says which and why, and has none of its content."""


def files(start: str) -> dict[str, str]:
    """Return the variables with the paths of an attempt's files, which begin with `start`.

    The files need not exist before the attempt writes them.
    """
    return {name: f"{start}.{suffix}" for name, suffix in _SUFFIXES.items()}


def any_of(paths: Mapping[str, str]) -> bool:
    """Return whether an attempt wrote any of its files. Raises ExportError.

    Most steps write none of them, and one look at the directory costs less than one at each file.
    """
    directory, _, file = paths[VARIABLES[0]].rpartition("/")
    prefix = file.partition(".output")[0]
    try:
        names = os.listdir(directory)
    except OSError as error:  # there are no descriptors left
        raise ExportError(f"the files of outputs cannot be listed: {error.strerror}") from None
    return any(name.startswith(prefix) for name in names)


def annotated(paths: Mapping[str, str]) -> str:
    """Return the text of the annotations that an attempt wrote; the file is removed. Raises ExportError."""
    return _text(ANNOTATIONS, paths[ANNOTATIONS])


def read(paths: Mapping[str, str]) -> Exports:
    """Return the exports that an attempt wrote into its files, which are removed. Raises ExportError."""
    texts = [_text(name, paths[name]) for name in VARIABLES]
    outputs = dict(_assignments("RUNNERLIB_OUTPUT", texts[0]))
    env = dict(_assignments("RUNNERLIB_ENV", texts[1]))
    for file, values in (("RUNNERLIB_OUTPUT", outputs), ("RUNNERLIB_ENV", env)):
        if len(values) > MOST:
            raise ExportError(f"{file} has {len(values)} values; a step hands on {MOST} at most")
    if len(texts[2]) > LONGEST_PATH:
        raise ExportError(f"RUNNERLIB_PATH is larger than {LONGEST_PATH} bytes")
    for name in env:
        if not re.fullmatch(VARIABLE_NAME, name):
            raise ExportError(f"RUNNERLIB_ENV: '{name}' is no name of a variable")
        if name.startswith(_OWN):
            raise ExportError(f"RUNNERLIB_ENV: '{name}' belongs to the runner")
    return Exports(outputs, env, tuple(filter(None, (line.strip() for line in texts[2].split("\n")))))


def _text(name: str, path: str) -> str:
    """The text of a file, which is removed."""
    file = _opened(name, path)
    if file is None:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ExportError(f"{name} is no regular file")
        with open(file, "rb", closefd=False) as opened:
            data = opened.read(LARGEST + 1)
    finally:
        os.close(file)
    if len(data) > LARGEST:
        raise ExportError(f"{name} is larger than {LARGEST} bytes")
    if b"\0" in data:
        raise ExportError(f"{name} holds a NUL byte")
    return data.decode("utf-8", "surrogateescape")


def _opened(name: str, path: str) -> int | None:
    """A descriptor of the file, which has no name any more; a step wrote it, so it may be a link, a pipe, anything."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        _remove(path)
        why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise ExportError(f"{name} cannot be read: {why}") from None
    _remove(path)
    return file


def _remove(path: str) -> None:
    with suppress(OSError):
        try:
            os.unlink(path)
        except IsADirectoryError:
            os.rmdir(path)


def _assignments(file: str, text: str) -> Iterator[tuple[str, str]]:
    lines = iter(enumerate(text.split("\n"), 1))
    for number, line in lines:
        if not line.strip():
            continue
        found = re.fullmatch(_ASSIGNMENT, line.rstrip("\r"))
        if found is None:
            raise ExportError(f"line {number} of {file} is not NAME=value")
        name, how, value = found.groups()
        yield name, value if how == "=" else _block(file, number, value.strip(), lines)


def _block(file: str, start: int, end: str, lines: Iterator[tuple[int, str]]) -> str:
    """The lines up to the one that is `end`."""
    block: list[str] = []
    for _, line in lines:
        if line.rstrip("\r") == end:
            return "\n".join(block)
        block.append(line)
    raise ExportError(f"line {start} of {file} begins a value that does not end")
