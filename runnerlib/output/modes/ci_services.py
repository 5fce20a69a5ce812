"""Groups in the log formats of CI services, and defence against commands in a step's output.

A service reads commands from the log: a log line could set variables of later steps, hide the rest of a group, or close
it. The output of a step is data. GitHub can be told so; for the others the mark that makes a command of a line gets a
space. `artifacts/logs` has the bytes as they were.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Dialect(Protocol):
    """The words of one service; every text is printable and of one line."""

    def opening(self, title: str, began: float, *, failed: bool) -> bytes:
        """Begin a group; that its step `failed` is known only if it is shown afterwards. Times are since the epoch."""

    def closing(self, ended: float, *, failed: bool) -> bytes:
        """End the group."""

    def failure(self, text: str) -> bytes:
        """Return a line outside of groups, where it is visible, about a failed step; empty for a plain line."""

    def harmless(self, lines: bytes) -> bytes:
        """Whole `lines` without any command to the service."""


class Plain:
    """For readers of text."""

    def opening(self, title: str, began: float, *, failed: bool) -> bytes:  # noqa: ARG002
        """A heading."""
        return f"=== {title}\n".encode()

    def closing(self, ended: float, *, failed: bool) -> bytes:  # noqa: ARG002
        """Return nothing: the next line has the result."""
        return b""

    def failure(self, text: str) -> bytes:  # noqa: ARG002
        """Return nothing: a plain line does."""
        return b""

    def harmless(self, lines: bytes) -> bytes:
        """Return `lines` unchanged: there are no commands."""
        return lines


class GitHub:
    """Groups for GitHub, which obeys no command between `::stop-commands::` and a random token.

    So the bytes of a step stay as they are.
    """

    def __init__(self, token: Callable[[], str] = lambda: secrets.token_hex(16)) -> None:
        self._new_token = token
        self._token = ""

    def opening(self, title: str, began: float, *, failed: bool) -> bytes:  # noqa: ARG002
        """A group in which no line is a command."""
        self._token = self._new_token()
        group = self.harmless(f"::group::{_escaped(title)}\n".encode())
        return group + f"::stop-commands::{self._token}\n".encode()

    def closing(self, ended: float, *, failed: bool) -> bytes:  # noqa: ARG002
        """Allow commands again, and end the group."""
        return f"::{self._token}::\n::endgroup::\n".encode()

    def failure(self, text: str) -> bytes:
        """An annotation of the run."""
        return self.harmless(f"::error::{_escaped(text)}\n".encode())

    def harmless(self, lines: bytes) -> bytes:
        """Insert a space into the older form of commands, by which the viewer of logs folds."""
        return _hash_commands(lines)


class Azure:
    """Groups as lines that the viewer of Azure knows; its commands are recognised anywhere in a line."""

    def opening(self, title: str, began: float, *, failed: bool) -> bytes:  # noqa: ARG002
        """A group."""
        return b"##[group]" + self.harmless(f"{title}\n".encode())

    def closing(self, ended: float, *, failed: bool) -> bytes:  # noqa: ARG002
        """The end of the group."""
        return b"##[endgroup]\n"

    def failure(self, text: str) -> bytes:
        """A red line."""
        return b"##[error]" + self.harmless(f"{text}\n".encode())

    def harmless(self, lines: bytes) -> bytes:
        """Insert a space into `##[` and `##vso[`."""
        return _hash_commands(lines)


class GitLab:
    """Sections for GitLab, with a number and times; a step's name cannot break them."""

    def __init__(self) -> None:
        self._number = 0

    def opening(self, title: str, began: float, *, failed: bool) -> bytes:
        """A section, folded unless the step is known to have failed."""
        self._number += 1
        folded = "" if failed else "[collapsed=true]"
        return f"\x1b[0Ksection_start:{int(began)}:runnerlib_step_{self._number}{folded}\r\x1b[0K{title}\n".encode()

    def closing(self, ended: float, *, failed: bool) -> bytes:  # noqa: ARG002
        """Return the end of the section; the text after it is in the same line."""
        return f"\x1b[0Ksection_end:{int(ended)}:runnerlib_step_{self._number}\r\x1b[0K".encode()

    def failure(self, text: str) -> bytes:  # noqa: ARG002
        """Return nothing: a plain line does."""
        return b""

    def harmless(self, lines: bytes) -> bytes:
        """Return `lines` unchanged: the marks need escape sequences and carriage returns, which never pass."""
        return lines


class Buildkite:
    """Headings; `+++` opens, and `^^^ +++` opens the last one afterwards."""

    def opening(self, title: str, began: float, *, failed: bool) -> bytes:  # noqa: ARG002
        """A heading, open if the step is known to have failed."""
        return f"{'+++' if failed else '---'} {title}\n".encode()

    def closing(self, ended: float, *, failed: bool) -> bytes:  # noqa: ARG002
        """Open the group of a step that failed."""
        return b"^^^ +++\n" if failed else b""

    def failure(self, text: str) -> bytes:  # noqa: ARG002
        """Return nothing: a plain line does."""
        return b""

    def harmless(self, lines: bytes) -> bytes:
        """Indent lines that look like headings, such as those of diffs."""
        return _HEADING.sub(rb" \g<0>", lines) if b"---" in lines or b"+++" in lines or b"~~~" in lines else lines


_HEADING = re.compile(rb"^(?:\x1b\[[0-9;:]*m)*(?:---|\+\+\+|~~~|\^\^\^ \+\+\+)", re.MULTILINE)
_HASH_COMMAND = re.compile(rb"##(?=(?:vso)?\[)", re.IGNORECASE)


def _hash_commands(lines: bytes) -> bytes:
    return _HASH_COMMAND.sub(b"## ", lines) if b"##" in lines else lines


def _escaped(text: str) -> str:
    """Data of a command of GitHub."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


DIALECTS: dict[str, Callable[[], Dialect]] = {
    "plain": Plain,
    "github": GitHub,
    "gitlab": GitLab,
    "buildkite": Buildkite,
    "azure": Azure,
}
