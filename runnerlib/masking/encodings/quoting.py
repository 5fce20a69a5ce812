"""Quotings that put something before punctuation, `-` and `.` included: for regular expressions, shells and files."""

from __future__ import annotations

from runnerlib.masking.encodings.escaping import (
    Dialects,
    Table,
    by_byte,
    by_character,
    is_undecodable,
    prefixing,
    substitution,
)
from runnerlib.masking.encodings.shell import ansi_c
from runnerlib.masking.encodings.web import percent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ASCII = "".join(map(chr, range(128)))
_PUNCTUATION = "".join(char for char in _ASCII if not char.isalnum() and char != "_")

_REGEX = Dialects(
    prefixing("\\", "()[]{}?*+-|^$\\.&~# \t\n\r\v\f"),  # Python's re.escape
    prefixing("\\", _PUNCTUATION),  # Perl's quotemeta and \Q, where text is text
    substitution(
        {char: "\\" + char for char in "$\\+?*[]{}()|^#-. "} | {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    ),  # Ruby
    prefixing("\\", ".\\+*?[^]$(){}=!<>|:-#/"),  # PHP's preg_quote with a slash
    prefixing("\\", ".\\+*?[^]$(){}=!<>|:-#"),
    prefixing("\\", "$\\+?*[]{}()|^-."),  # fish
    prefixing("\\", "\\.+*?()|[]{}^$"),  # Go's QuoteMeta, lodash and the recipe of MDN
    prefixing("\\", "\\.*[]^$"),  # sed
    prefixing("\\", _PUNCTUATION + "".join(map(chr, range(128, 256)))),  # quotemeta of bytes
)


def regex_quoted(value: bytes) -> Iterator[bytes]:
    """A secret in a regular expression: `re.escape`, `quotemeta`, `Regexp.escape`, `preg_quote`, `QuoteMeta`."""
    yield from _REGEX.spell(value, by_byte)


_CONTROLS = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\x1b": "\\e"}
_FISH = {char: "\\" + char for char in "'\"$ \\<>&%;?*[]{}()|~#"} | _CONTROLS
_PERL = _CONTROLS | {"\a": "\\a", "\f": "\\f"} | {char: "\\" + char for char in '@"$\\'}
_MYSQL = {"'": "\\'", '"': '\\"', "\\": "\\\\", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"}
_ZSH = {"\n": "$'\\n'", "\t": "$'\\t'", "\r": "$'\\r'", "\b": "$'\\b'", "\a": "$'\\a'", "\f": "$'\\f'", "\v": "$'\\v'"}


def _word_of_zsh(also: str) -> Table:
    """The (q) flag; `=` and `~` are special only where a word begins, `!` only with history."""

    def rule(char: str) -> str:
        if char in _ZSH:
            return _ZSH[char]
        if char < " " or char == "\x7f":
            return f"$'\\{ord(char):03o}'"
        return "\\" + char if char in "'\"$` \\<>&;?*[]{}()|^#" + also else char

    return Table(rule)


def _dollar_of_zsh(special: str) -> Table:
    """The (qqqq) flag, without and with history."""

    def rule(char: str) -> str:
        if char in _ZSH:
            return _ZSH[char][2:-1]
        return "\\" + char if char in special else f"\\{ord(char):03o}" if char < " " or char == "\x7f" else char

    return Table(rule)


def _nice_of_zsh(char: str) -> str:
    """The (q+) flag, and what zsh says itself: `\\C-[` for an escape."""
    if char in "\n\t'\\":
        return {"\n": "\\n", "\t": "\\t"}.get(char, "\\" + char)
    return f"\\C-{chr(ord(char) ^ 64)}" if char < " " or char == "\x7f" else char


def _word_of_ruby(char: str) -> str:
    """Shellwords: a line end cannot be escaped, so it is put between quotes."""
    if char == "\n":
        return "'\n'"
    return char if (char.isalnum() and char < "\x80") or char in "_-.,:+/@" else "\\" + char


_WORD_OF_ZSH = _word_of_zsh("")
_WORD_OF_RUBY = Table(lambda char: char if char > "\x7f" else _word_of_ruby(char))
_TEXT_OF_RUBY = Table(_word_of_ruby)  # in a UTF-8 locale
_BACKSLASHED = Dialects(
    Table(lambda char: _FISH.get(char) or (f"\\x{ord(char):02x}" if char < " " or char == "\x7f" else char)),
    _WORD_OF_RUBY,
    _WORD_OF_ZSH,
    _word_of_zsh("!"),
    prefixing("\\", "'\"\\"),  # addslashes
    prefixing("\\", "'\\"),  # between single quotes: PHP, Perl
    substitution(_MYSQL),
    _dollar_of_zsh("'\\"),
    _dollar_of_zsh("'\\!"),
    Table(_nice_of_zsh),
    prefixing("\\", ',+"\\<>;=#'),  # names in LDAP
    prefixing("\\", '@"$\\'),  # Perl's Data::Dumper
    Table(lambda char: _PERL.get(char) or (char if " " <= char <= "~" else f"\\{ord(char):o}")),  # with Useqq
)


def backslashed(value: bytes) -> Iterator[bytes]:
    """Words of fish, zsh and Ruby's Shellwords, strings of PHP, MySQL and Perl, names in LDAP."""
    yield from _BACKSLASHED.spell(value, by_byte)
    yield by_character(value, _TEXT_OF_RUBY)
    yield _sparingly_quoted(value)
    between = b"\\'''\\'"  # of three quotes in a row the second replacement finds the last
    yield value.replace(b"'", b"'\\''").replace(between, b"\\'\\'").replace(between, b"\\'\\'")  # the (q+) flag
    shown = by_byte(value, _WORD_OF_ZSH)
    if value[:1] in {b"=", b"~"}:
        yield b"\\" + shown


def _sparingly_quoted(value: bytes) -> bytes:
    """The (q-) flag of zsh: quotes around what needs them between two `'`."""
    quotes = [b"" if by_byte(part, _WORD_OF_ZSH) == part else b"'" for part in value.split(b"'")]
    parts = [quote + part + quote for quote, part in zip(quotes, value.split(b"'"), strict=True)]
    return b"\\'".join(parts)[len(quotes[0]) :].removesuffix(quotes[-1])


def quoted_again(value: bytes) -> Iterator[bytes]:
    """`echo ${S@Q}` below `set -x`, and traces of git, which put `!` outside of their quotes, of URLs too."""
    if b"'" in value:
        for once in (_between_quotes(value), *ansi_c(value)):
            yield _between_quotes(once)
    if b"!" in value or b"'" in value:
        for text in (value, *percent(value)):
            yield _between_quotes(text).replace(b"!", b"'\\!'")


def _between_quotes(text: bytes) -> bytes:
    return text.replace(b"'", b"'\\''")


def _unit_character(char: str) -> str:
    if char == "/":
        return "-"
    return char if (char.isascii() and char.isalnum()) or char in "_.:" else f"\\x{ord(char):02x}"


_UNIT = Table(_unit_character)


def systemd_escaped(value: bytes) -> Iterator[bytes]:
    """`systemd-escape`: an instance of a unit, its log and its cgroup."""
    escaped = by_byte(value, _UNIT)
    yield escaped
    if escaped[:1] == b".":
        yield b"\\x2e" + escaped[1:]


def _hex_quoted(mark: str, chars: str, *, upper: bool, beyond_ascii: bool) -> Table:
    spelling = f"{mark}{{:02{'X' if upper else 'x'}}}"
    return Table(lambda c: spelling.format(ord(c)) if c in chars or (beyond_ascii and c > "\x7f") else c)


_HEX_QUOTED = Dialects(
    _hex_quoted("=", "=", upper=True, beyond_ascii=True),  # quoted-printable
    _hex_quoted("=", "= \t", upper=True, beyond_ascii=True),
    _hex_quoted("\\", "*()\\\0", upper=False, beyond_ascii=False),  # filters of LDAP
    _hex_quoted("\\", "*()\\\0", upper=False, beyond_ascii=True),
)


def hex_quoted(value: bytes) -> Iterator[bytes]:
    """Quoted-printable, as mail has it (`=3D`), and filters of LDAP (`\\2a`)."""
    yield from _HEX_QUOTED.spell(value, by_byte)


def _utf16_upper(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex().upper()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


_PROPERTIES_SHORT = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f"}


def _properties(marks: str) -> Table:
    def rule(char: str) -> str:
        if char in marks:
            return "\\" + char
        if char in _PROPERTIES_SHORT:
            return _PROPERTIES_SHORT[char]
        return char if " " <= char <= "~" or is_undecodable(char) else _utf16_upper(char)

    return Table(rule)


_PROPERTIES = Dialects(_properties("=:#!"), _properties("=:#! "))


def java_properties(value: bytes) -> Iterator[bytes]:
    """`Properties.store`: Gradle, Spring and Sonar; in keys blanks are escaped too."""
    yield from _PROPERTIES.spell(value, by_character)
    if value[:1] == b" ":
        yield b"\\" + by_character(value, _PROPERTIES.tables[0])


_YAML_SHORT = {
    "\0": "\\0", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r",
    "\x1b": "\\e", '"': '\\"', "\\": "\\\\", "\x85": "\\N", "\xa0": "\\_", "\u2028": "\\L", "\u2029": "\\P",
}  # fmt: skip


def _yaml(*, ascii_only: bool) -> Table:
    def rule(char: str) -> str:
        if char in _YAML_SHORT:
            return _YAML_SHORT[char]
        if is_undecodable(char) or " " <= char <= "~" or (not ascii_only and char.isprintable()):
            return char
        code = ord(char)
        return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"

    return Table(rule)


_YAML = Dialects(_yaml(ascii_only=True), _yaml(ascii_only=False))


def yaml_quoted(value: bytes) -> Iterator[bytes]:
    """Double-quoted text of YAML: PyYAML and what is built on it, whose hex digits are upper case."""
    yield from _YAML.spell(value, by_character)


_RUBY_SHORT = {
    "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r", "\x1b": "\\e",
    '"': '\\"', "\\": "\\\\",
}  # fmt: skip


def _ruby_character(char: str) -> str:
    if char in _RUBY_SHORT:
        return _RUBY_SHORT[char]
    if is_undecodable(char):
        return f"\\x{ord(char) - 0xDC00:02X}"
    return char if char.isprintable() else f"\\u{ord(char):04X}"


_RUBY = Table(_ruby_character)


def ruby_inspect(value: bytes) -> Iterator[bytes]:
    """`p` and error messages of Ruby, in which `#` is escaped before `$`, `@` and `{`."""
    shown = by_character(value, _RUBY)
    for mark in (b"$", b"@", b"{"):
        shown = shown.replace(b"#" + mark, b"\\#" + mark)
    yield shown
