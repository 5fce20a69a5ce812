"""Quotings of shells: `set -x`, `declare -p`, `printf %q` and common idioms in scripts."""

from __future__ import annotations

from runnerlib.masking.encodings.escaping import (
    Dialects,
    Table,
    by_byte,
    by_character,
    original_bytes,
    prefixing,
    substitution,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ANSI_SHORT = {
    "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r",
    "\x1b": "\\E", "\\": "\\\\", "'": "\\'",
}  # fmt: skip


def single_quoted(value: bytes) -> Iterator[bytes]:
    """`set -x` of bash and ash, `set` and `export -p` of every shell, `shlex.quote`.

    Inside single quotes only `'` changes: `'\\''` (bash), `'"'"'` (shlex), and dash puts a whole run of
    quotes into one pair of double quotes and does not open a new `'` when nothing follows.
    """
    if b"'" not in value:
        return
    yield value.replace(b"'", b"'\\''")
    each = value.replace(b"'", b"'\"'\"'")
    yield each
    run = each.replace(b"\"''\"", b"")  # `''` arises only where two replacements meet
    yield run
    yield run[:-1] if value.endswith(b"'") else run


_QUOTED_IN_TRACES = frozenset(b"\\'\"|&;()<>!{}*[]?^$`")


def traced_words(value: bytes) -> Iterator[bytes]:
    """`set -x` of a command with `$KEY` unquoted: the shell splits the value and quotes each word that needs it."""
    words = value.split()
    if len(words) > 1:
        yield b" ".join(map(_traced, words))


def _traced(word: bytes) -> bytes:
    if word[:1] in {b"#", b"~"} or not _QUOTED_IN_TRACES.isdisjoint(word):
        return b"'" + word.replace(b"'", b"'\\''") + b"'"
    return word


# Everything bash treats specially somewhere; `#` and `~` only at the start of a word (see below).
_BACKSLASHED = prefixing("\\", " !\"$&'()*,;<>?[\\]^`{|}")


def printf_q(value: bytes) -> Iterator[bytes]:
    """Bash `printf %q` and completion; a value with control characters becomes `ansi_c` instead."""
    quoted = by_byte(value, _BACKSLASHED)
    yield quoted
    if value[:1] in {b"#", b"~"}:
        yield b"\\" + quoted
    if b":~" in value or b"=~" in value:
        yield quoted.replace(b":~", b":\\~").replace(b"=~", b"=\\~")


def _octal(char: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in original_bytes(char))


# In a UTF-8 locale printable characters stay as they are, in the C locale every high byte is octal.
_ANSI_UTF8 = Table(lambda char: _ANSI_SHORT.get(char) or (char if char.isprintable() else _octal(char)))
_ANSI_C = Table(lambda char: _ANSI_SHORT.get(char) or (char if " " <= char <= "~" else f"\\{ord(char):03o}"))


def ansi_c(value: bytes) -> Iterator[bytes]:
    """Bash writes `$'…'` in `printf %q`, `declare -p`, `set`, `${x@Q}` for unprintable characters."""
    yield by_character(value, _ANSI_UTF8)
    yield by_byte(value, _ANSI_C)


_DOUBLE_QUOTED = Dialects(*(prefixing("\\", chars) for chars in ('"\\$`', '"\\', '"', '"\\$`!')))


def double_quoted(value: bytes) -> Iterator[bytes]:
    """`declare -p` and `export -p` of bash, docker and make echoing a command line."""
    yield from _DOUBLE_QUOTED.spell(value, by_byte)


_CMD = Dialects(
    *(prefixing("^", chars) for chars in ("&|<>^", '&|<>^()"!%', '()[]%!^"`<>&|;, *?')), substitution({"%": "%%"})
)


def windows_cmd(value: bytes) -> Iterator[bytes]:
    """`echo on` in cmd shows carets before operators; which ones is up to who quoted (last: Node)."""
    yield from _CMD.spell(value, by_byte)


_POWERSHELL_CONTROLS = {
    "\0": "`0", "\a": "`a", "\b": "`b", "\f": "`f", "\n": "`n", "\r": "`r", "\t": "`t", "\v": "`v",
}  # fmt: skip
_BACKTICKED = {char: "`" + char for char in '`$"'}
_POWERSHELL = Dialects(
    substitution(_BACKTICKED),
    substitution(_BACKTICKED | _POWERSHELL_CONTROLS),
    substitution(_BACKTICKED | {"'": "`'"}),
)


def powershell(value: bytes) -> Iterator[bytes]:
    """PowerShell escapes with a backtick inside double quotes."""
    yield from _POWERSHELL.spell(value, by_byte)


_DOUBLED = Dialects(*(substitution({char: char * 2}) for char in "$\\'\""))


def doubled(value: bytes) -> Iterator[bytes]:
    """Write one character twice: `$$` (compose, make), backslashes, `''` (YAML, SQL), `""` (CSV)."""
    yield from _DOUBLED.spell(value, by_byte)
