"""Every byte string that must be searched so that a secret is found however it was printed.

`forms` is a list of spellings, nothing more: a scanner searches all of them at once and hides the union
of what matches. What a list cannot hold is handled by the scanner's folded view: base64 wrapped into
lines, escapes that mix `%2f` with `%2F`, secrets cut by colours.
"""

from __future__ import annotations

from itertools import islice

from runnerlib.masking.encodings import binary, characters, literals, pieces, quoting, shell, structured, web
from runnerlib.masking.strength import MIN_VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Encoder = Callable[[bytes], Iterable[bytes]]

# These change no byte of _PLAIN, so they have nothing to say about a value made of such bytes only.
ESCAPES: dict[str, Encoder] = {
    "json": literals.json_strings,
    "json-twice": literals.json_twice,
    "go-quoted": literals.go_quoted,
    "python-repr": literals.python_repr,
    "node-inspect": literals.node_inspect,
    "single-quoted": shell.single_quoted,
    "traced-words": shell.traced_words,
    "printf-q": shell.printf_q,
    "ansi-c": shell.ansi_c,
    "double-quoted": shell.double_quoted,
    "percent": web.percent,
    "entities": web.entities,
    "windows-cmd": shell.windows_cmd,
    "powershell": shell.powershell,
    "doubled": shell.doubled,
    "json-again": literals.json_again,
    "percent-twice": web.percent_twice,
    "backslashed": quoting.backslashed,
    "quoted-again": quoting.quoted_again,
    "hex-quoted": quoting.hex_quoted,
    "java-properties": quoting.java_properties,
    "yaml": quoting.yaml_quoted,
    "ruby-inspect": quoting.ruby_inspect,
    "interpreted": characters.interpreted,
    "code-page": characters.code_pages,
    "normal-form": characters.normal_forms,
    "base64-json": binary.base64_json,
}
_PLAIN = b"-._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# These change `-` and `.` as well.
QUOTINGS: dict[str, Encoder] = {
    "regex": quoting.regex_quoted,
    "systemd": quoting.systemd_escaped,
    "ungrouped": characters.ungrouped,
}
_WORD = b"_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# These change every byte.
BINARY: dict[str, Encoder] = {
    "base64": binary.base64_standard,
    "base64-twice": binary.base64_twice,
    "base64url": binary.base64_url,
    "base32": binary.base32,
    "hex": binary.hexadecimal,
    "hex-words": binary.hex_words,
    "utf-16": binary.utf16,
    "base64-utf-16": binary.base64_utf16,
}

# Many dialects differ in one character that few tools escape, and long values hold every character. So a
# value longer than any single key (RSA 4096 in PEM has 3.3 KB) is searched in the main dialects only.
LONG = 4 * 1024
_MAIN_DIALECTS = 3
# A value beyond this is a keystore or a bundle of certificates. Each of its lines in forty spellings would
# cost gigabytes of automaton, so lines stay as they are; the whole and its leaves have the spellings that
# files meet.
LARGE = 32 * 1024
_FOR_LARGE = frozenset({"json", "base64", "base64url", "hex"})


def forms(value: bytes, *, public: bool = True) -> Iterator[tuple[str, bytes]]:
    """Yield (rule, pattern) for one secret value: raw first, no pattern twice.

    The value itself is taken as it is, its strength was judged at registration; pieces of it are yielded
    only when they are strong by themselves, and members that are no secrets by their names only if `public`.
    Time and total size are linear in the value.
    """
    seen = {b""}
    for rule, pattern in _spellings(value, public=public):
        if pattern not in seen and (len(pattern) >= MIN_VALUE or rule == "raw"):
            seen.add(pattern)
            yield rule, pattern


def leaves(value: bytes) -> Iterator[bytes]:
    """Yield the secrets inside a JSON, dotenv or URL value; `forms` has them in all their spellings."""
    yield from dict.fromkeys(member.value for member in structured.members(value) if member.is_strong)


def _spellings(value: bytes, *, public: bool) -> Iterator[tuple[str, bytes]]:
    inner = [member for text in _texts(value) for member in structured.members(text) if member.is_strong]
    large = len(value) > LARGE
    yield from _whole(value, large=large)
    for text in () if inner else _texts(value):
        yield from _lines(text, large=large)
    shown = [(member.kind, member.value) for member in inner if public or not member.is_public]
    for kind, leaf in dict.fromkeys(shown):
        yield from _under(kind, _whole(leaf, large=large))
        yield from _under(kind, _lines(leaf, large=large))


def _texts(value: bytes) -> Iterator[bytes]:
    """The value, and what a shell makes of line ends that are spelt in it."""
    yield value
    if b"\\n" in value and value.lstrip()[:1] not in {b"{", b"["}:
        yield characters.printed(value)


def _under(name: str, found: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    return ((f"{name}/{rule}", pattern) for rule, pattern in found)


def _whole(value: bytes, *, large: bool) -> Iterator[tuple[str, bytes]]:
    yield "raw", value
    trimmed = list(pieces.trimmed(value))
    for pattern in trimmed:
        yield "trimmed", pattern
    if not trimmed or not pieces.is_text(value):  # what looks like a space may be a byte of a key
        yield from _encoded(value, large=large)
    for pattern in trimmed:  # their encodings are part of the encoding of the whole
        yield from _encoded(pattern, large=large)
    core = trimmed[-1] if trimmed else value
    if pieces.is_text(value):
        for rule, pattern in pieces.line_ends(core):
            yield rule, pattern
            yield from _encoded(pattern, large=large)
        for pattern in pieces.joined(core):
            yield "joined", pattern
        for pattern in pieces.between_ampersands(core):
            yield "between-ampersands", pattern
    for pattern in pieces.lossy(core):
        yield "lossy", pattern
        for escaped in islice(literals.json_strings(pattern), _MAIN_DIALECTS):
            yield "lossy", escaped


def _lines(value: bytes, *, large: bool) -> Iterator[tuple[str, bytes]]:
    for line in pieces.lines(value):
        yield "line", line
        if not large:
            yield from _under("line", _encoded(line, large=large))


def _encoded(value: bytes, *, large: bool) -> Iterator[tuple[str, bytes]]:
    for rule, encode in BINARY.items():
        if not large or rule in _FOR_LARGE:
            for pattern in encode(value):
                yield rule, pattern
    dialects = _MAIN_DIALECTS if large or len(value) > LONG else None
    for encoders, unchanged in ((QUOTINGS, _WORD), (ESCAPES, _PLAIN)):
        if value.translate(None, unchanged):
            for rule, encode in encoders.items():
                if not large or rule in _FOR_LARGE:
                    for pattern in islice(encode(value), dialects):
                        yield rule, pattern
