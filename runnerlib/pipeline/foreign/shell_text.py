"""Texts of a shell in which expressions become variables: quoted as the place asks for, and never pasted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEREDOC = re.compile(r"<<-?\s*(?:'(\w+)'|\"(\w+)\"|\\(\w+)|(\w+))")


class Untranslatable(Exception):  # noqa: N818 - it becomes a line about what is left out
    """A part has no translation; the text says what, and why if there is more to say."""


class Value(NamedTuple):
    """The value of an expression: a text that is known, or a variable of the step by its name.

    `program`: the value has words of a shell in it, which would be read where it was pasted, and are not in a variable.
    """

    text: str = ""
    variable: str = ""
    program: bool = False


def translated(text: str, marks: re.Pattern[str], resolve: Callable[[re.Match[str]], Value | None]) -> str:
    """Return a shell's text with each of `marks` replaced by what `resolve` finds; None of it leaves a mark as it is.

    Raises Untranslatable for a variable where the shell replaces none, and as `resolve` does.
    """
    made: list[str] = []
    scan = _Scanner(text)
    at = 0
    for found in marks.finditer(text):
        made.append(text[at : found.start()])
        scan.to(found.start())
        at = found.end()
        value = resolve(found)
        scan.skip(at)
        if value is None:
            made.append(found[0])
        elif value.program:
            raise Untranslatable(f"'{value.variable}', whose values are commands or quoted words,")
        elif value.variable:
            made.append(_reference(value.variable, scan.state))
        else:
            made.append(value.text)
    return "".join((*made, text[at:]))


def _reference(name: str, state: str) -> str:
    if state == "heredoc":
        raise Untranslatable("a variable in a here-document with quotes, where the shell replaces none")
    return f"'\"${{{name}}}\"'" if state == "'" else f"${{{name}}}"


class _Scanner:
    """Follows the quotes of a text.

    `state` is the quote that is open, `document` in a here-document, `heredoc` in one without variables, or ''. In
    `$(…)` and backticks quotes begin anew, also in double quotes.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.state = ""
        self._end = self._kind = ""
        self._around: list[tuple[str, str]] = []  # the states around, and the sign that leads back to each

    def skip(self, end: int) -> None:
        self.at = end

    def to(self, end: int) -> None:
        while self.at < end:
            self._step(end)

    def _step(self, end: int) -> None:
        here = self.text[self.at]
        if self.state in {"heredoc", "document"}:
            self._in_heredoc(end)
            return
        if here == "\\" and self.state != "'":
            self.at += 2
            return
        if self.state != "'" and self._command(here):
            return
        if here in "'\"" and self.state in {"", here}:
            self.state = "" if self.state else here
        elif here == "#" and not self.state and (self.at == 0 or self.text[self.at - 1] in " \t\n;"):
            line_end = self.text.find("\n", self.at)
            self.at = end if line_end < 0 or line_end > end else line_end
            return
        elif self.text.startswith("<<<", self.at) and not self.state:
            self.at += 2
        elif here == "<" and not self.state and (found := _HEREDOC.match(self.text, self.at)):
            if self._end:
                raise Untranslatable("a command with two here-documents")
            self._end, self._kind = next(filter(None, found.groups())), "document" if found[4] else "heredoc"
            self.at = found.end()
            return
        elif here == "\n" and not self.state and self._end:
            self.state = self._kind
        self.at += 1

    def _command(self, here: str) -> bool:
        """Enter or leave a command in a word, or parentheses; return whether one begins or ends here."""
        if self._around and not self.state and here == self._around[-1][1]:
            self.state = self._around.pop()[0]
        elif here == "`" or self.text.startswith("$(", self.at) or (here == "(" and not self.state and self._around):
            self._around.append((self.state, "`" if here == "`" else ")"))
            self.state = ""
            self.at += here == "$"
        else:
            return False
        self.at += 1
        return True

    def _in_heredoc(self, end: int) -> None:
        line_end = self.text.find("\n", self.at)
        stop = len(self.text) if line_end < 0 else line_end
        if self.text[self.at : stop].strip() == self._end:
            self.state, self._end = "", ""
        self.at = end if stop >= end else stop + 1


def export(name: str, parts: Iterator[Value]) -> str:
    """Return a line of a shell that sets and exports a variable."""
    inner = "".join(f"${{{one.variable}}}" if one.variable else _escaped(one.text) for one in parts)
    return f'export {name}="{inner}"'


def _escaped(text: str) -> str:
    return re.sub(r'([\\"$`])', r"\\\1", text)
