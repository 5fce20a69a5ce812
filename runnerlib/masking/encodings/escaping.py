"""The engine of every form that replaces single characters and leaves the others alone.

A form is a rule: one character in, its escape out. Being character by character is what makes it work
inside a longer text: the escape of a secret is a piece of the escape of whatever contains the secret.
"""

from __future__ import annotations

from itertools import repeat

TYPE_CHECKING = False  # `typing` costs 5 ms to import; type checkers know this spelling too
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# No table replaces these.
_ALPHANUMERIC = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Table(dict[int, str]):
    """Lazy translation table: a character's replacement is computed when it first occurs.

    `str.translate` then runs as one C loop however long the value is, and nothing is built at import.
    It remembers single characters, never a value.
    """

    def __init__(self, rule: Callable[[str], str]) -> None:
        super().__init__()
        self._rule = rule

    def __missing__(self, code: int) -> str:
        self[code] = escape = self._rule(chr(code))
        return escape


def by_character(value: bytes, table: Table) -> bytes:
    """Escape as tools do that decode UTF-8; a byte that is none reaches the rule as U+DC80..U+DCFF."""
    text = value.decode("utf-8", "surrogateescape").translate(table)
    return text.encode("utf-8", "surrogateescape")


def by_byte(value: bytes, table: Table) -> bytes:
    """Escape as tools do that know bytes only; byte N reaches the rule as U+00N."""
    return value.decode("latin-1").translate(table).encode("latin-1")


class Dialects(dict[int, tuple[str, ...]]):
    """Tables of one form; a row has what each of them makes of one character.

    Most dialects agree about most values: two that make the same of all characters of a value are one.
    """

    def __init__(self, *tables: Table) -> None:
        super().__init__()
        self.tables = tables

    def __missing__(self, code: int) -> tuple[str, ...]:
        self[code] = row = tuple([table[code] for table in self.tables])
        return row

    def spell(self, value: bytes, escape: Callable[[bytes, Table], bytes]) -> Iterator[bytes]:
        """Yield the different spellings, made by `by_byte` or `by_character`; not always the value itself."""
        if not value.isascii():
            return map(escape, repeat(value), self.tables)
        codes = set(value.translate(None, _ALPHANUMERIC))
        # A later table takes the place of a former one that makes the same.
        different = dict(zip(zip(*map(self.__getitem__, codes), strict=True), self.tables, strict=False))
        different.pop(tuple(map(chr, codes)), None)
        return map(escape, repeat(value), different.values())


def composed(inner: Table, outer: Table) -> Table:
    """A table that replaces as `inner` does, and then as `outer` does what came of that."""
    return Table(lambda char: inner[ord(char)].translate(outer))


def substitution(replacements: dict[str, str]) -> Table:
    """A table that replaces these characters and no others."""
    return Table(lambda char: replacements.get(char, char))


def prefixing(mark: str, chars: str) -> Table:
    """A table that puts `mark` in front of each of `chars`."""
    return substitution({char: mark + char for char in chars})


def is_undecodable(char: str) -> bool:
    """Return whether the character represents a byte that was not UTF-8."""
    return "\udc80" <= char <= "\udcff"


def original_bytes(char: str) -> bytes:
    """Return the bytes that decoded to this character."""
    return char.encode("utf-8", "surrogateescape")
