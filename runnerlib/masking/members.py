"""Notices about the members of structured secrets: which are masked, which are not, and which are dangerous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.masking.encodings.structured import members
from runnerlib.masking.strength import TRIVIAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runnerlib.masking.encodings.structured import Member

_SHOWN = 8
# A longer run of letters is a token or several words.
_LONGEST_WORD = 12


def notices(name: str, value: str, *, public: bool) -> Iterator[str]:
    """Yield what is worth knowing about the members of the secret `name`; nothing if it has none with names.

    `public`: those that are no secrets by their names are masked too.
    """
    found = [member for member in members(value.encode("utf-8", "surrogateescape")) if member.name]
    hidden = [member for member in found if member.is_strong and (public or not member.is_public)]
    shown = [member for member in found if member.is_strong and member.is_public and not public]
    if hidden or shown:
        open_ones = f"; not {_listed(shown)}, public by name (mask_members)" if shown else ""
        yield f"secret {name}: masked by themselves: {_listed(hidden) or 'no members'}{open_ones}"
    if common := [member for member in hidden if _is_word(member.value)]:
        yield f"secret {name}: dangerous, as everyday words are masked wherever they stand: {_listed(common)}"
    if weak := [member for member in found if member.value.lower() in TRIVIAL and not member.is_public]:
        yield f"secret {name}: not masked, as they are everyday words: {_listed(weak)}"


def _is_word(value: bytes) -> bool:
    return len(value) <= _LONGEST_WORD and value.isalpha() and (value[1:].islower() or value.isupper())


def _listed(found: Iterable[Member]) -> str:
    names = list(dict.fromkeys(member.name for member in found))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
