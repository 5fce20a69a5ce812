"""String literals as programs print them: JSON, Go `%q`, Python `repr`, Node `util.inspect`."""

from __future__ import annotations

from itertools import product

from runnerlib.masking.encodings.escaping import Dialects, Table, by_byte, by_character, composed, is_undecodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_JSON_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_GO_SHORT = _JSON_SHORT | {"\a": "\\a", "\v": "\\v"}
_PYTHON_SHORT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NODE_SHORT = _PYTHON_SHORT | {"\b": "\\b", "\f": "\\f"}
_LINE_SEPARATORS = "\u2028\u2029"  # legal in JSON, not in old JavaScript: escaped with the markup
_MARKUP = "<>&" + _LINE_SEPARATORS


def _utf16(char: str, *, upper: bool) -> str:
    """Spell one character as JSON does: two escapes above U+FFFF."""
    units = char.encode("utf-16-be", "surrogatepass").hex()
    units = units.upper() if upper else units
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _json(
    *,
    ascii_only: bool = False,
    upper: bool = False,
    slash: bool = False,
    also: str = "",
    short: str = "".join(_JSON_SHORT),
) -> Table:
    """Build one dialect: `also` gets `\\uXXXX` on top of the controls, `short` has two-character escapes."""

    def rule(char: str) -> str:
        if char in short:
            return _JSON_SHORT[char]
        if slash and char == "/":
            return "\\/"
        if also and is_undecodable(char) and not ascii_only:
            return "\\ufffd"  # Go, the encoder that escapes markup by default
        if char < " " or char in also or (ascii_only and char > "~"):
            return _utf16(char, upper=upper)
        return char

    return Table(rule)


# The fewer switches are on, the more frequent: plain; Python's ASCII; Go's and Rails' markup; PHP's `\/`.
_SWITCHES = sorted(product((False, True), repeat=4), key=sum)
_JSON = Dialects(
    *(
        _json(upper=upper, slash=slash, also=_MARKUP if markup else "", ascii_only=ascii_only)
        for upper, slash, markup, ascii_only in _SWITCHES
    ),
    _json(also="\x7f"),  # jq
    _json(also=_MARKUP, short='"\\\n\r\t'),  # Go before 1.22
    _json(short='"\\'),  # writers without short escapes
    _json(also=_MARKUP + "'"),  # Flask and Jinja `tojson`
    _json(also=_MARKUP + "'", ascii_only=True),
    _json(also=_MARKUP + "'="),  # Gson
    _json(also=_MARKUP + "'+`\"\x7f", short="\\\b\f\n\r\t", ascii_only=True, upper=True),  # .NET
)


_ASCII_JSON = _json(ascii_only=True)
_PHP_JSON = _json(ascii_only=True, slash=True)
_MARKUP_JSON = _json(also=_MARKUP)


def json_strings(value: bytes) -> Iterator[bytes]:
    """API answers, `docker inspect`, `jq`, structured logs: the most frequent way a secret is re-spelt."""
    yield from _JSON.spell(value, by_character)


# What both layers escape, the outer one alone, or the inner one alone.
_PLAIN_JSON, *_MORE_JSON = _JSON.tables[:5]
_JSON_TWICE = Dialects(
    composed(_PLAIN_JSON, _PLAIN_JSON),
    *(
        composed(inner, outer)
        for more in _MORE_JSON
        for inner, outer in ((more, more), (_PLAIN_JSON, more), (more, _PLAIN_JSON))
    ),
)


def json_twice(value: bytes) -> Iterator[bytes]:
    """JSON in a string of JSON: what `kubectl apply` remembers, logs of logs, answers of queues and functions."""
    yield from _JSON_TWICE.spell(value, by_character)


_BACKSLASHES = Table(lambda char: "\\\\" if char == "\\" else char)
_BACKSLASHES_QUOTES = Table(lambda char: "\\" + char if char in "\\'" else char)


_JSON_AGAIN = Dialects(
    *(
        composed(table, outer)
        for table in (_PLAIN_JSON, _ASCII_JSON, _MARKUP_JSON)
        for outer in (_BACKSLASHES, _BACKSLASHES_QUOTES, composed(table, table))
    ),
    composed(_PHP_JSON, _PHP_JSON),
)


def json_again(value: bytes) -> Iterator[bytes]:
    """`repr(json.dumps(…))` in a log of Python, JSON in a string of JSON in another one."""
    yield from _JSON_AGAIN.spell(value, by_character)


_JSON_MAIN = Dialects(_PLAIN_JSON, _MARKUP_JSON, _ASCII_JSON)


def json_main(value: bytes) -> list[bytes]:
    """The value in the dialects of JSON that most programs write, without those that leave it as it is."""
    return [form for form in dict.fromkeys(_JSON_MAIN.spell(value, by_character)) if form != value]


def _by_code(char: str, *, two_digits: int) -> str:
    """Spell a character as Go and Python do: up to `two_digits` `\\xNN`, then `\\uNNNN` and `\\UNNNNNNNN`."""
    code = ord(char)
    if code < two_digits:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _go(*, ascii_only: bool) -> Table:
    def rule(char: str) -> str:
        if char in _GO_SHORT:
            return _GO_SHORT[char]
        if is_undecodable(char):
            return f"\\x{ord(char) - 0xDC00:02x}"
        if char.isprintable() and not (ascii_only and char > "\x7f"):
            return char
        return _by_code(char, two_digits=0x80)

    return Table(rule)


_GO = (_go(ascii_only=False), _go(ascii_only=True))


def go_quoted(value: bytes) -> Iterator[bytes]:
    """Go errors and loggers print values with `%q` (or `%+q`): `parse "https://…": invalid port`."""
    for table in _GO:
        yield by_character(value, table)


def _python(*, ascii_only: bool, quote: bool) -> Table:
    def rule(char: str) -> str:
        if char in _PYTHON_SHORT:
            return _PYTHON_SHORT[char]
        if quote and char == "'":
            return "\\'"
        if char.isprintable() and not (ascii_only and char > "\x7f"):
            return char
        return _by_code(char, two_digits=0x100)

    return Table(rule)


# Whether `'` is escaped depends on which quotes the *whole* text has, which is not ours to know.
_PYTHON = tuple(
    spelling
    for quote in (False, True)
    for spelling in (
        (by_character, _python(ascii_only=False, quote=quote)),  # text
        (by_byte, _python(ascii_only=True, quote=quote)),  # bytes
        (by_character, _python(ascii_only=True, quote=quote)),  # ascii()
    )
)


def python_repr(value: bytes) -> Iterator[bytes]:
    """Tracebacks, `print(dict(os.environ))`, `%r` in logs; text, `ascii()` and bytes."""
    for escape, table in _PYTHON:
        yield escape(value, table)


def _node(*, quote: bool) -> Table:
    def rule(char: str) -> str:
        if char in _NODE_SHORT:
            return _NODE_SHORT[char]
        if quote and char == "'":
            return "\\'"
        return f"\\x{ord(char):02X}" if char < " " or "\x7f" <= char <= "\x9f" else char

    return Table(rule)


_NODE = (_node(quote=False), _node(quote=True))


def node_inspect(value: bytes) -> Iterator[bytes]:
    """`console.log(process.env)` prints strings with `util.inspect`, whose hex digits are upper case."""
    for table in _NODE:
        yield by_character(value, table)
