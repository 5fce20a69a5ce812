"""Partial delivery of a refused message: a refused job holds back only the jobs that wait for it. Pure.

A coordinator refuses a message whole, and seldom says for which job. So parts of it are offered, large ones first: the
rest stays one message, and one workflow, where it can. A refusal creates nothing, and a part has an operation id that
derives from the message and its jobs: offered once more after a crash it creates nothing twice.
"""

from __future__ import annotations

import uuid
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import printable
from runnerlib.triggers.message import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from runnerlib.triggers.message import Item, Message

    Offer = Callable[[Message], str]
    """Offers a part of a message; returns why it is refused, empty when it is taken."""

MOST_OFFERS = 64
"""After so many offers what is in doubt counts as refused: a coordinator that refuses everything is left in peace."""

# Parts without each of their jobs in turn are offered while they have at most so many.
_FEW = 16


class Left(NamedTuple):
    """An item that did not go, and why."""

    item: Item
    why: str


class Division(NamedTuple):
    """Result of dividing a message: the parts that were taken, and the items that were left."""

    taken: tuple[Message, ...]
    left: tuple[Left, ...]


def divide(message: Message, offer: Offer, refusal: str) -> Division:
    """Offer parts of `message`, which was refused whole for `refusal`.

    An exception of `offer` ends it.
    """
    dividing = _Dividing(message, offer)
    dividing.part(range(len(message.items)), refusal)
    return dividing.result()


def stuck(message: Message, elsewhere: Collection[str] = ()) -> list[Left]:
    """Return the items that would wait for ever: for a missing job, or one that waits for ever itself.

    A workflow is one item, and goes or stays whole. `elsewhere` are the names of the jobs in other messages.
    """
    if message.form == "jobs":
        return _stuck(message.items, elsewhere)
    found = [(item, _stuck(item.get("jobs", ()), elsewhere)) for item in message.items]
    return [Left(item, f"'{name_of(jobs[0].item)}': {jobs[0].why}") for item, jobs in found if jobs]


def apart(message: Message, elsewhere: Collection[str]) -> list[Left]:
    """The items that wait for a job which only another message has: they can go, and wait for ever."""
    known = {canonical(left.item) for left in stuck(message, elsewhere)}
    return [left for left in stuck(message) if canonical(left.item) not in known]


def name_of(item: Item) -> str:
    """Return the name of a job, or of a workflow of jobs, for the user."""
    return printable(str(item.get("job_name") or item.get("name") or item.get("id") or "?")[:100])


def _stuck(items: Sequence[Item], elsewhere: Collection[str]) -> list[Left]:
    going, left = list(items), list[Left]()
    while True:
        names = {item["job_name"] for item in going}.union(elsewhere)
        lacks = [next((name for name in item.get("depends_on", ()) if name not in names), None) for item in going]
        left += [Left(item, _waiting(name)) for item, name in zip(going, lacks, strict=True) if name is not None]
        if not any(name is not None for name in lacks):
            return left
        going = [item for item, name in zip(going, lacks, strict=True) if name is None]


def _waiting(name: str) -> str:
    return f"it would wait for ever: '{printable(name[:100])}' is not sent with it"


class _Dividing:
    """One division. Items are meant by their numbers: two jobs may be the same in all but one field."""

    def __init__(self, message: Message, offer: Offer) -> None:
        self._message = message
        self._offer = offer
        self._offers = 0
        self._why = ""
        self._taken: list[Message] = []
        self._left: dict[int, str] = {}
        numbers: dict[str, list[int]] = {}
        for number, item in enumerate(message.items):
            numbers.setdefault(str(item.get("job_name", number)), []).append(number)
        self._waits = [
            {other for name in item.get("depends_on", ()) for other in numbers.get(name, ())} for item in message.items
        ]

    def result(self) -> Division:
        items = self._message.items
        return Division(tuple(self._taken), tuple(Left(items[n], why) for n, why in sorted(self._left.items())))

    def part(self, part: Sequence[int], why: str) -> None:
        """Find the jobs that can go in a part that was refused."""
        groups = self._groups(part)
        for dropped in self._candidates(part, most=2 if len(groups) == 1 else 1):
            if len(dropped) < len(part) and self._goes([number for number in part if number not in dropped]):
                self._left.update({number: self._why_not(number, dropped, why) for number in dropped})
                return
        if len(groups) == 1:
            self._left.update(dict.fromkeys(part, why))
            return
        middle = len(groups) // 2
        for half in (groups[:middle], groups[middle:]):
            numbers = sorted(number for group in half for number in group)
            if not self._goes(numbers):
                self.part(numbers, self._why)

    def _goes(self, part: Sequence[int]) -> bool:
        """Offer a part, unless that was done too often."""
        if self._offers >= MOST_OFFERS:
            return False
        self._offers += 1
        made = _part_of(self._message, [self._message.items[number] for number in part])
        self._why = self._offer(made)
        if not self._why:
            self._taken.append(made)
        return not self._why

    def _why_not(self, number: int, dropped: Collection[int], why: str) -> str:
        """Return why a job stays: `why`, or a dropped job that it waits for, as it was not refused itself."""
        awaited = next((other for other in sorted(self._waits[number]) if other in dropped), None)
        return why if awaited is None else _waiting(name_of(self._message.items[awaited]))

    def _candidates(self, part: Sequence[int], most: int) -> Iterator[set[int]]:
        """Yield sets of jobs to drop from a part, smallest first: some jobs with all that wait for them."""
        if len(part) <= _FEW:
            for number in range(1, most + 1):
                yield from sorted((self._followed(part, some) for some in combinations(part, number)), key=len)

    def _followed(self, part: Sequence[int], some: Collection[int]) -> set[int]:
        found = set(some)
        while more := {number for number in part if self._waits[number] & found} - found:
            found |= more
        return found

    def _groups(self, part: Sequence[int]) -> list[set[int]]:
        """Return the jobs of a part in groups that wait for each other."""
        groups: list[set[int]] = []
        for number in part:
            tied = [group for group in groups if group & self._waits[number] or self._is_awaited(number, group)]
            groups = [*(group for group in groups if group not in tied), {number}.union(*tied)]
        return groups

    def _is_awaited(self, number: int, group: Collection[int]) -> bool:
        return any(number in self._waits[other] for other in group)


def _part_of(message: Message, items: Sequence[Item]) -> Message:
    texts = "\n".join(map(canonical, items))
    operation_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{message.operation_id}\n{texts}")
    return message._replace(operation_id=str(operation_id), items=tuple(items))
