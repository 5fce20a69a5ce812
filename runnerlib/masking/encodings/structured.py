"""The secrets inside a secret: string leaves of JSON, values of dotenv text, the password of a URL.

A service account key or a `.env` file is one registered value, but what leaks is one member of it, and
masking its lines would mask `{` and `"type": "service_account",` instead (actions/runner #1488, #2232).
`json` is imported where it is used: most secrets are tokens.
"""

from __future__ import annotations

from runnerlib.masking.encodings.public import is_public
from runnerlib.masking.strength import MIN_LEAF_DIGITS, is_strong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# JSON in JSON in dotenv is real; beyond that a value could only make us read it again and again.
MAX_DEPTH = 3

_NAME = b"._-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BLANK = b" \t\r"


class Member:
    """A leaf, the kind of text that it is a member of, and its name there, "" if it has none."""

    __slots__ = ("kind", "name", "value")

    def __init__(self, kind: str, name: str, value: bytes) -> None:
        self.kind, self.name, self.value = kind, name, value

    @property
    def is_strong(self) -> bool:
        """True if it may be searched for by itself."""
        return is_strong(self.value, digits=MIN_LEAF_DIGITS)

    @property
    def is_public(self) -> bool:
        """True if its name says that it is no secret."""
        return bool(self.name) and is_public(self.name, self.value)


def members(value: bytes, depth: int = MAX_DEPTH) -> Iterator[Member]:
    """Yield all leaves, the weak ones too, each before the leaves in it, which have its kind."""
    kind, found = _parse(value)
    for name, leaf in found:
        yield Member(kind, name, leaf)
        if depth > 1:
            for inner in members(leaf, depth - 1):
                yield Member(kind, inner.name, inner.value)


def _parse(value: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    text = value.removeprefix(b"\xef\xbb\xbf").strip()
    if text[:1] in {b"{", b"["} and (found := _json_leaves(text)):
        return "json-leaf", found
    if b"=" in text and (found := _dotenv_leaves(text)):
        return "dotenv-leaf", found
    return "url-leaf", [("", leaf) for leaf in _url_leaves(text)]


def _json_leaves(text: bytes) -> list[tuple[str, bytes]]:
    import json

    try:
        root = json.loads(
            text.decode("utf-8", "surrogateescape"), parse_int=_number, parse_float=_number, object_pairs_hook=tuple
        )
    except (ValueError, RecursionError):  # no JSON, or nested beyond reason
        return []
    todo: list[tuple[str, object]] = [("", root)]
    found: list[tuple[str, bytes]] = []
    while todo:
        name, node = todo.pop()
        if isinstance(node, tuple):  # an object; its members in their order, all of the same name too
            todo.extend(reversed(node))
        elif isinstance(node, list):
            todo.extend((name, item) for item in reversed(node))
        elif isinstance(node, str):
            found.append((name, _encoded(node)))
    return found


def _number(text: str) -> str | None:
    """Keep a number as it was written: `1e9` and leading zeros of a fraction matter when it is searched."""
    return text if sum(map(str.isdigit, text)) >= MIN_LEAF_DIGITS else None


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone `\ud800` in the JSON
        return text.encode("utf-8", "surrogatepass")


def _dotenv_leaves(text: bytes) -> list[tuple[str, bytes]]:
    """Read `NAME=value` lines; one line that is none, and the text is no dotenv file."""
    found: list[tuple[str, bytes]] = []
    at = 0
    while at < len(text):
        end = _line_end(text, at)
        line = text[at:end].strip()
        if line and not line.startswith(b"#"):
            name, equals, value = line.removeprefix(b"export ").partition(b"=")
            if not equals or not _is_name(name.strip()):
                return []
            if value.lstrip()[:1] in {b'"', b"'"} and (quoted := _quoted(text, text.index(b"=", at) + 1)):
                leaf, end = quoted
                read = [leaf, _unescaped(leaf)] if b"\\" in leaf else [leaf]
            else:
                read = list(dict.fromkeys((value.strip(), value.partition(b" #")[0].strip())))
            found += [(name.decode().strip(), leaf) for leaf in read]
        at = end + 1
    return found


def _line_end(text: bytes, at: int) -> int:
    end = text.find(b"\n", at)
    return len(text) if end < 0 else end


def _is_name(name: bytes) -> bool:
    return name[:1].isalpha() | name.startswith(b"_") and not name.translate(None, _NAME)


def _quoted(text: bytes, at: int) -> tuple[bytes, int] | None:
    """Read a quoted value, which may have several lines; return it and the end of its last line."""
    while text[at] in _BLANK:
        at += 1
    quote = text[at : at + 1]
    close = text.find(quote, at + 1)
    while quote == b'"' and close > 0 and _is_escaped(text, close):
        close = text.find(quote, close + 1)
    end = _line_end(text, close)
    rest = text[close + 1 : end].strip()
    if close < 0 or (rest and not rest.startswith(b"#")):
        return None
    return text[at + 1 : close], end


def _is_escaped(text: bytes, at: int) -> bool:
    before = at
    while text[before - 1 : before] == b"\\":
        before -= 1
    return (at - before) % 2 == 1


def _unescaped(double: bytes) -> bytes:
    """Read a value as the readers of the file do."""
    kept = double.replace(b"\\\\", b"\0")  # so that `\\n` stays a backslash and an `n`
    for escape, char in ((b"\\n", b"\n"), (b"\\r", b"\r"), (b"\\t", b"\t"), (b'\\"', b'"'), (b"\\$", b"$")):
        kept = kept.replace(escape, char)
    return kept.replace(b"\0", b"\\")


def _url_leaves(text: bytes) -> list[bytes]:
    """Return the password of `scheme://user:password@host`, or the user where a token stands alone."""
    _, scheme_end, rest = text.partition(b"://")
    if not scheme_end or b"@" not in rest or len(text.split(None, 1)) != 1:
        return []
    authority = rest.replace(b"?", b"/").replace(b"#", b"/").partition(b"/")[0]
    user_info, at, _ = authority.rpartition(b"@")
    if not at:
        return []
    user, _, password = user_info.partition(b":")
    secret = password or user
    return [secret, _percent_decoded(secret)] if b"%" in secret else [secret]


def _percent_decoded(text: bytes) -> bytes:
    first, *escapes = text.split(b"%")
    decoded = [first]
    for escape in escapes:
        try:
            decoded.append(bytes.fromhex(escape[:2].decode("latin-1")) + escape[2:])
        except ValueError:
            decoded.append(b"%" + escape)
    return b"".join(decoded)
