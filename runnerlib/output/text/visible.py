r"""The visible text of a line of output: without colours, and as a terminal would leave it.

A line that overwrites itself (by `\r`, backspaces or motions of the cursor along it) is what is left at last. Motions
to other lines are passed over.
"""

from __future__ import annotations

import re
import unicodedata

# The characters that a line lacks if it is shown as it is.
_UNPLAIN = re.compile(rb"[^\t\x20-\x7e]")
# A motion along the line (1: its number, 2: what it does), any other sequence, or a control character.
_CONTROL = re.compile(
    "(?:\x1b\\[|\x9b)([0-9]{0,5})([CDGK])"
    "|(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"
    "|(?:\x1b\\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"
    "|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\\\|\x9c)?"
    "|\x1b[ -/]*[0-~]?"
    "|[\x00-\x08\x0a-\x1f\x7f-\x9f]"
)
# No terminal is wider; a motion to the right ends there.
_WIDEST = 4096
# Characters that show nothing, though they are not of the category of formats.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}


def visible(line: bytes) -> str:
    """Return the visible text of a line, with or without line break; bytes that are not UTF-8 are replaced."""
    line = line.rstrip(b"\r\n")
    if _UNPLAIN.search(line) is None:
        return line.decode("ascii")
    text = line.decode(errors="replace")
    if not text.isascii():
        text = text.translate(_SHOWN)
    if "\r" not in text and "\b" not in text and not any(found[2] for found in _CONTROL.finditer(text)):
        return _CONTROL.sub("", text)
    return _last_state(text)


class _Shown(dict[int, int | None]):
    """Replacements of characters, made on first use: none for an invisible one, a blank for any kind of blank."""

    def __missing__(self, code: int) -> int | None:
        char = chr(code)
        kind = unicodedata.category(char)
        shown = None if kind == "Cf" or char in _INVISIBLE else 0x20 if kind == "Zs" else code
        self[code] = shown
        return shown


_SHOWN = _Shown()


def _last_state(text: str) -> str:
    """Return the text that is left of a line that overwrites itself, without blanks at its end."""
    cells: list[str] = []
    column = at = 0
    for found in _CONTROL.finditer(text):
        column = _write(cells, column, text[at : found.start()])
        at = found.end()
        column = _move(cells, column, found)
    _write(cells, column, text[at:])
    return "".join(cells).rstrip(" ")


def _write(cells: list[str], column: int, text: str) -> int:
    if text:
        cells.extend(" " * (column - len(cells)))
        cells[column : column + len(text)] = text
    return column + len(text)


def _move(cells: list[str], column: int, found: re.Match[str]) -> int:
    """Return the column of the cursor after a sequence or a control character."""
    number, what = found[1], found[2]
    if what == "K":
        _erase(cells, column, int(number or 0))
        return column
    if what is None:
        return 0 if found[0] == "\r" else max(column - 1, 0) if found[0] == "\b" else column
    steps = max(int(number or 1), 1)
    if what == "G":
        return min(steps - 1, _WIDEST)
    return max(column - steps, 0) if what == "D" else max(min(column + steps, _WIDEST), column)


def _erase(cells: list[str], column: int, which: int) -> None:
    """Erase to the end of the line (0), from its beginning (1), or all of it (2)."""
    if which in {0, 2}:
        del cells[column:]
    if which in {1, 2}:
        end = min(column + 1, len(cells))
        cells[:end] = " " * end
