"""Percent-encodings of URLs and forms, and the entities of XML and HTML."""

from __future__ import annotations

from runnerlib.masking.encodings.escaping import (
    Dialects,
    Table,
    by_byte,
    by_character,
    composed,
    is_undecodable,
    substitution,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_UNRESERVED = _ALPHANUMERIC + "-._~"  # RFC 3986; also curl and Python's quote(safe="")


def _percent(safe: str, *, upper: bool, space: str = "") -> Table:
    spelling = "%{:02X}" if upper else "%{:02x}"

    def rule(char: str) -> str:
        if char == " " and space:
            return space
        return char if char in safe else spelling.format(ord(char))

    return Table(rule)


_PERCENT = Dialects(
    *(
        _percent(safe, upper=upper, space=space)
        for upper in (True, False)
        for safe, space in (
            (_UNRESERVED, ""),
            (_UNRESERVED + "/", ""),  # Python's quote, object store keys
            (_UNRESERVED, "+"),  # forms: Python's quote_plus, Go's QueryEscape
            (_UNRESERVED + "!'()*", ""),  # encodeURIComponent
            (_UNRESERVED + "!$&'()*+,;=", ""),  # user-info as RFC 3986 allows it
            (_UNRESERVED + "$&+=:@", ""),  # Go's url.PathEscape, close to its user-info
            (_UNRESERVED + "$&+,;=", ""),  # Go's url.UserPassword
            (_UNRESERVED + "!#$&'()*+,/:;=?@", ""),  # encodeURI
            (_ALPHANUMERIC + "-._*", "+"),  # forms: browsers, Java
            (_ALPHANUMERIC + "-._", "+"),  # forms: PHP
        )
    )
)


def percent(value: bytes) -> Iterator[bytes]:
    """URLs in logs of curl, git and every HTTP client; forms; user-info of clone URLs.

    All upper-case or all lower-case hex. A text that mixes the cases from escape to escape has 2**n
    spellings: that is the scanner's business (it folds the case of escapes), not a list's.
    """
    yield from _PERCENT.spell(value, by_byte)


_AGAIN = substitution({"%": "%25", "+": "%2B"})
_TWICE = Dialects(*(composed(_PERCENT.tables[number], _AGAIN) for number in (0, 1, 2, 3, 6, 8, 9, 10)))


def percent_twice(value: bytes) -> Iterator[bytes]:
    """A URL in a parameter of another one (`%252F`): redirections, proxies, logs of what was called."""
    yield from _TWICE.spell(value, by_byte)


_BASIC = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_NUMBERS = ("&#{};", "&#x{:X};", "&#x{:x};")
_GO_QUOTES = {'"': "&#34;", "'": "&#39;"}
_QUOTES: tuple[dict[str, str], ...] = (
    {'"': "&quot;"},
    {},
    {'"': "&quot;", "'": "&#x27;"},  # Python's html.escape
    {'"': "&quot;", "'": "&apos;"},  # XML writers
    {"'": "&apos;"},
    {'"': "&quot;", "'": "&#39;"},  # Jinja, lodash, Ruby
    {'"': "&quot;", "'": "&#039;"},  # PHP
    _GO_QUOTES,  # Go's html package
    {'"': "&#x22;", "'": "&#x27;"},
)
_NUMBERED = "&<>\"'"
_SPACES = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_GO_SPACES = {"\n": "&#xA;", "\r": "&#xD;", "\t": "&#x9;"}
_HANDLEBARS = {'"': "&quot;", "'": "&#x27;", "`": "&#x60;", "=": "&#x3D;"}


def _entities(replacements: dict[str, str], beyond_ascii: str = "", illegal: str = "") -> Table:
    def rule(char: str) -> str:
        if char in replacements:
            return replacements[char]
        if illegal and (char < " " or is_undecodable(char)):
            return illegal
        numbered = beyond_ascii and char > "\x7f" and not is_undecodable(char)
        return beyond_ascii.format(ord(char)) if numbered else char

    return Table(rule)


def _numbered(spelling: str) -> dict[str, str]:
    return {char: spelling.format(ord(char)) for char in _NUMBERED}


_ENTITIES = Dialects(
    *(_entities(_BASIC | quotes) for quotes in _QUOTES),
    *(_entities(_BASIC | quotes, number) for quotes in _QUOTES[:2] for number in _NUMBERS),
    _entities(_BASIC | _QUOTES[0] | _SPACES),  # attributes: libxml2
    _entities(_BASIC | _QUOTES[0] | _SPACES | {"\t": "&#09;"}),  # attributes: Python's ElementTree
    _entities(_BASIC | _GO_QUOTES | _GO_SPACES, illegal="\ufffd"),  # Go's encoding/xml
    _entities({"&": "&amp;", '"': "&quot;"}),  # attributes: browsers
    _entities({"&": "&amp;", "<": "&lt;"}),  # text: the least XML allows
    _entities({"&": "&amp;", "<": "&lt;", '"': "&quot;"}),
    _entities(_BASIC | _HANDLEBARS),
    _entities(_BASIC | _HANDLEBARS | {"/": "&#x2F;"}),  # mustache.js
    *(_entities(_numbered(number)) for number in _NUMBERS),
)


def entities(value: bytes) -> Iterator[bytes]:
    """JUnit reports, SOAP faults, Maven settings, HTML reports: each writer has its own idea of quotes."""
    yield from _ENTITIES.spell(value, by_character)
