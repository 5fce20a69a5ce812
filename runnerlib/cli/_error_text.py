"""Errors on the console: wrapped to a terminal, with the line of a file that one is about; and their exit code.

Loaded only when there is an error.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.system import own_terminal_size
from runnerlib.config import SETTINGS
from runnerlib.errors import ConfigError, printable
from runnerlib.output.text.columns import columns, hanging, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_PREFIX = "error: "
_PLACE = re.compile(r"(?P<name>.+?):(?P<line>[0-9]+):(?P<column>[0-9]+): ")
# Columns of a long line that are shown before the place that is pointed at.
_BEFORE = 20


class Excerpt(NamedTuple):
    """A line of a file by its number, and the column that an error is about; both count from 1."""

    number: int
    line: str
    column: int


def config_exit_code(args: Sequence[str], environ: Mapping[str, str]) -> int:
    """Return the exit code of configuration errors while the configuration itself may be what is wrong."""
    from runnerlib.cli._secret_guess import given_texts

    setting = SETTINGS["config_exit_code"]
    options = args[: args.index("--")] if "--" in args else args
    for text in given_texts(options, environ)[setting.name]:
        with suppress(ValueError):
            code: int = setting.parse(text)
            return code
    return ConfigError.exit_code


def error_text(message: str, texts: Mapping[str, str], mask: Callable[[str], str]) -> str:
    """Return the lines of an error, masked. On a terminal they are wrapped, and quote lines of `texts`."""
    width = own_terminal_size(2).columns if os.isatty(2) else 0
    return "".join(f"{line}\n" for line in _lines(message, texts, mask, width))


def _lines(message: str, texts: Mapping[str, str], mask: Callable[[str], str], width: int) -> Iterator[str]:
    shown = printable(mask(message)).splitlines() or [""]
    if not width:
        yield from (_PREFIX + line for line in shown)
        return
    quoted = {printable(mask(printable(name))): text for name, text in texts.items()}
    for line in shown:
        yield from hanging(line, width, _PREFIX)
        if excerpt := _excerpt(line, quoted):
            yield from _pointed(excerpt, mask, width)


def _excerpt(line: str, texts: Mapping[str, str]) -> Excerpt | None:
    """Return the line of a file that a line of an error is about; None for a place that no text has."""
    for name, text in texts.items():
        found = _PLACE.match(line) if line.startswith(f"{name}:") else None
        if found is None or found["name"] != name:
            continue
        lines, number = text.removeprefix("\ufeff").split("\n"), int(found["line"])
        if 0 < number <= len(lines) and lines[number - 1].strip():
            return Excerpt(number, lines[number - 1].rstrip(), int(found["column"]))
    return None


def _pointed(excerpt: Excerpt, mask: Callable[[str], str], width: int) -> Iterator[str]:
    """Yield the line of a file, cut to a window of the terminal, and a caret below the column."""
    before, line = (_plain(text, mask) for text in (excerpt.line[: excerpt.column - 1], excerpt.line))
    if not line.startswith(before):  # a secret begins before the column and ends behind it
        before = ""
    margin = f"{excerpt.number:>6} │ "
    room = max(width - columns(margin), 1)
    if columns(line) > room and columns(before) > _BEFORE:
        cut = next(n for n in range(len(before) + 1) if columns(before[n:]) <= min(_BEFORE, room // 2))
        before, line = f"…{before[cut:]}", f"…{line[cut:]}"
    yield margin + shortened(line, room)
    if columns(before) < room:
        yield f"{'│':>8} {' ' * columns(before)}^"


def _plain(text: str, mask: Callable[[str], str]) -> str:
    return printable(mask(text)).replace("\t", " ")
