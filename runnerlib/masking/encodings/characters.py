"""Other bytes for the same characters: interpreted escapes, 8-bit code pages, composed and decomposed letters."""

from __future__ import annotations

from runnerlib.masking.strength import is_strong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from re import Match

_SHORT = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"\\": b"\\",
}  # fmt: skip
_OCTAL = b"01234567"
_ESCAPES = _SHORT | {b"e": b"\x1b", b"E": b"\x1b"}
# What interpreters take for an escape: `echo` of dash and zsh; `echo -e`, `%b` and the format of bash; readers of JSON.
_HEX = rb"x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8}|[abefnrtvE\\]"
_DASH = rb"\\(0[0-7]{0,3}|[1-7][0-7]{0,2}|[abefnrtv\\])"
_OTHERS = (
    rb"\\(0[0-7]{0,3}|" + _HEX + rb")",
    rb"\\(0[0-7]{0,3}|[1-7][0-7]{0,2}|[\"']|" + _HEX + rb")",
    rb"\\([0-7]{1,3}|[\"']|" + _HEX + rb")",
    rb"\\(u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|(?s:.))",
)


def interpreted(value: bytes) -> Iterator[bytes]:
    r"""`echo "$S"` of dash, `echo -e`, `printf %b`, `printf "$S"`, `read` without `-r`, readers of JSON and YAML."""
    if b"\\" not in value:
        return
    import re

    found = [printed(value), re.sub(_DASH, _replaced(_SHORT), value)]
    found += [re.sub(pattern, _replaced(_ESCAPES), value) for pattern in _OTHERS]
    found.append(re.sub(rb"\\(?s:(.))", rb"\1", value))  # `read`, and words of a shell
    if b"\\c" in value:  # there the output ends
        found.append(printed(value.partition(b"\\c")[0]))
    yield from filter(is_strong, found)


def printed(value: bytes) -> bytes:
    """The value as `echo` of dash prints it; older ones do not know `\\e`."""
    import re

    return re.sub(_DASH, _replaced(_ESCAPES), value)


def _replaced(short: dict[bytes, bytes]) -> Callable[[Match[bytes]], bytes]:
    def replace(found: Match[bytes]) -> bytes:
        body = found[1]
        if body in short:
            return short[body]
        if not body.strip(_OCTAL):
            return bytes([int(body, 8) & 0xFF])
        if len(body) == 1:
            return found[0] if body in b"eE" else body
        code = int(body[1:], 16)
        if body[:1] == b"x":
            return bytes([code])
        return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else found[0]

    return replace


# Of western Europe (Windows, DOS, Unix), of central Europe, Cyrillic, Greek, Turkish.
_PAGES = (
    *("cp1252", "latin-1", "iso8859-15", "cp850", "cp437"),
    *("cp1250", "iso8859-2", "cp1251", "koi8-r", "cp1253", "cp1254"),
)


def code_pages(value: bytes) -> Iterator[bytes]:
    """Windows consoles, old databases and mail: one byte for a letter that is none of ASCII."""
    text = _beyond_ascii(value)
    for page in _PAGES if text else ():
        try:
            encoded = text.encode(page)
        except UnicodeEncodeError:
            continue
        yield from filter(is_strong, (encoded,))


def normal_forms(value: bytes) -> Iterator[bytes]:
    """`é` in one character or in two: macOS decomposes names of files, browsers and databases compose."""
    text = _beyond_ascii(value)
    if text:
        from unicodedata import normalize

        yield normalize("NFC", text).encode()
        yield normalize("NFD", text).encode()


def _beyond_ascii(value: bytes) -> str:
    if value.isascii():
        return ""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""


def ungrouped(value: bytes) -> Iterator[bytes]:
    """A UUID without its dashes, as databases, traces and many programs write it, in either case."""
    parts = value.split(b"-")
    digits = b"".join(parts)
    if [*map(len, parts)] == [8, 4, 4, 4, 12] and not digits.strip(b"0123456789abcdefABCDEF"):
        yield from dict.fromkeys((digits, digits.lower(), digits.upper()))
        yield from dict.fromkeys((value.lower(), value.upper()))
