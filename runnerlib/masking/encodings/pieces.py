"""The spellings of a value before any encoding: trimmed, with other line ends, line by line."""

from __future__ import annotations

from runnerlib.masking.strength import MIN_VALUE, is_searchable, is_strong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = b" \t\r\n"  # what shells and editors drop; other control characters belong to a value
_QUOTES = (b'"', b"'", b"`")
_REPLACEMENT = "\ufffd".encode()


def trimmed(value: bytes) -> Iterator[bytes]:
    """Files end in a newline and `.env` values have quotes: shells and tools drop both before printing."""
    bare = value.strip(_SPACE)
    if len(bare) >= MIN_VALUE:
        yield bare
    if bare[:1] in _QUOTES and bare[:1] == bare[-1:]:
        inner = bare[1:-1].strip(_SPACE)
        if len(inner) >= MIN_VALUE:
            yield inner


def is_text(value: bytes) -> bool:
    """Say whether lines and line ends mean anything here; `grep` asks the same question."""
    return b"\0" not in value


def line_ends(value: bytes) -> Iterator[tuple[str, bytes]]:
    """A PTY turns LF into CRLF, git and editors turn CRLF into LF."""
    if b"\n" in value:
        unix = value.replace(b"\r\n", b"\n")
        yield "lf", unix
        yield "crlf", unix.replace(b"\n", b"\r\n")


def joined(value: bytes) -> Iterator[bytes]:
    """`echo $KEY` without quotes puts single spaces between the words, `tr -d '\\n'` nothing between the lines."""
    yield from filter(is_searchable, (b" ".join(value.split()), b"".join(value.splitlines())))


def between_ampersands(value: bytes) -> Iterator[bytes]:
    """PowerShell takes `&` for an operator; its error shows the text between two. Assignments are those of a URL."""
    if b"&" in value:
        yield from (part for part in value.split(b"&") if b"=" not in part and is_strong(part))


def lossy(value: bytes) -> Iterator[bytes]:
    """Tools that insist on UTF-8 (node, jq, loggers) print U+FFFD for the rest."""
    replaced = value.decode("utf-8", "replace").encode()
    if replaced != value and is_strong(replaced.replace(_REPLACEMENT, b"")):
        yield replaced


def lines(value: bytes) -> Iterator[bytes]:
    """Output is prefixed, indented and filtered by line, so a strong line is a secret by itself."""
    if b"\\n" in value and b"-----BEGIN" in value:
        # Keys are passed in variables with literal `\n`; programs that use them print real lines.
        value = value.replace(b"\\r", b"").replace(b"\\n", b"\n")
    if is_text(value) and (b"\n" in value or b"\r" in value):
        yield from filter(is_strong, map(bytes.strip, value.splitlines()))
