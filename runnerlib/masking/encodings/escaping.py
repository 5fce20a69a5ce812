"""The engine of every form that replaces single characters and leaves the others alone.

A form is a rule: one character in, its escape out. Being character by character is what makes it work
inside a longer text: the escape of a secret is a piece of the escape of whatever contains the secret.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs 5 ms to import; type checkers know this spelling too
if TYPE_CHECKING:
    from collections.abc import Callable


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
