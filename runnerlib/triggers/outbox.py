"""The triggers file: undelivered messages, in order, kept even if the process is killed.

`triggers.json` holds the first message. From the moment it may have been sent it does not change any more,
because its operation id stands for exactly this content; `triggers.json.sent` says so, and who has taken it.
What is added meanwhile waits in `triggers.json.2` and so on. So a message is sent again as it was, and created once.
Of a message that is refused for what is in it the rest goes (`partial_delivery`); what is refused stays.
"""

from __future__ import annotations

import json
import os
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.locked_file import locked, read, remove, replace
from runnerlib.errors import RunnerError
from runnerlib.triggers.message import Message, parse
from runnerlib.triggers.partial_delivery import Division, apart, divide, name_of, stuck

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from runnerlib.triggers.message import Item
    from runnerlib.triggers.partial_delivery import Left

    Post = Callable[[Message], object]
    """Gives a message to a channel. Raises DeliveryError when that does not take it."""


class DeliveryError(RunnerError):
    """A message was not taken; it stays in the triggers file.

    `refused` says that it can have created nothing.

    `content` says that it was refused for what is in it: other messages may be taken, and parts of it. `sent` is what
    was taken all the same.
    """

    def __init__(self, text: str, *, refused: bool = False, content: bool = False) -> None:
        super().__init__(text)
        self.refused = refused or content
        self.content = content
        self.sent: tuple[Message, ...] = ()


class Added(NamedTuple):
    """Result of adding a message: how many of its items are new."""

    path: Path
    new: int


class _Turn(NamedTuple):
    """The next message; `in_doubt` is true if it may have been sent before.

    `refusal` is set if it was refused whole before, and then parts of it may have been sent. Other messages have the
    jobs `elsewhere`.
    """

    message: Message
    in_doubt: bool
    refusal: str
    elsewhere: frozenset[str]


class Outbox:
    """The triggers file at `path`, for its owner only. Any number of processes may use it at a time.

    They wait `patience` seconds for the file, and `turn` seconds until another one has sent what it sends.
    """

    def __init__(self, path: Path, patience: float = 60.0, turn: float = 180.0) -> None:
        self.path = path
        self._patience = patience
        self._turn = turn
        self._sending = path.with_name(path.name + ".sending")
        self._sent = path.with_name(path.name + ".sent")

    def add(self, message: Message) -> Added:
        """Keep the items that no message here has yet.

        Raises FileError, and TriggerError when the file is broken.
        """
        with locked(self.path, self._patience):
            waiting = self._waiting()
            fresh = message.without(item for _, other in waiting for item in other.items if other.fits(message))
            count = len(fresh.items)
            path = self._path(len(waiting) + 1)
            if count and waiting and waiting[-1][1].fits(message) and not self._is_sealed(waiting[-1][1]):
                path, last = waiting[-1]
                fresh = last.extended(fresh)
                fresh.check()
            if count:
                replace(path, _data(fresh))
            return Added(path, count)

    def messages(self) -> list[Message]:
        """All messages that wait. Raises as `add` does."""
        with locked(self.path, self._patience):
            return [message for _, message in self._waiting()]

    def send(self, sinks: Mapping[str, Post], warn: Callable[[str], object] = lambda _text: None) -> list[Message]:
        """Send every message to each of `sinks`, in order; remove and return those that all have taken.

        A sink raises DeliveryError for one that it does not take, which is passed on; the rest waits then. What is
        refused for its content, and jobs that wait for one which no message has, keep nothing back: all else is sent
        before the error names them. `warn` gets a line about jobs that were sent and will wait for ever.
        """
        done: list[Message] = []
        refusals: list[Left] = []
        passed: set[str] = set()
        if not self._files():
            return done
        with locked(self._sending, self._turn):  # the file itself is not locked while a sink takes its time
            try:
                while (turn := self._next(passed, refusals, done)) is not None:
                    for left in apart(turn.message, turn.elsewhere):
                        warn(f"'{name_of(left.item)}' waits: {left.why}")
                    division = self._send(turn, sinks)
                    self._settle(turn.message, division, passed)
                    done += division.taken
                    refusals += division.left
            except DeliveryError as error:
                raise _failed([*_told(refusals), str(error)], done, refused=error.refused and not done) from None
        if refusals:
            raise _failed(_told(refusals), done, refused=not done)
        return done

    def _next(self, passed: set[str], refusals: list[Left], done: Sequence[Message]) -> _Turn | None:
        """Return the next message, sealed now; none that is `passed`.

        Jobs that nothing can start are put aside.

        What may have been sent comes first: there is one seal.
        """
        with locked(self.path, self._patience):
            while True:
                waiting = [(path, one) for path, one in self._waiting() if one.operation_id not in passed]
                chosen = next((each for each in waiting if self._is_sealed(each[1])), next(iter(waiting), None))
                if chosen is None:
                    return None
                path, message = chosen
                if read(path) != _data(message):  # written by others: the operation id it got must outlive us
                    replace(path, _data(message))
                others = [*(one for _, one in waiting if one is not message), *done]
                elsewhere = frozenset(name for one in others for name in one.job_names)
                in_doubt = self._is_sealed(message)
                if in_doubt or not (held := stuck(message, elsewhere)):
                    break
                passed.add(self._put_aside(path, message, [left.item for left in held]))
                refusals += held
            refusal = self._state().get("refusal")
            if not in_doubt:
                self._seal(message, [])
            return _Turn(message, in_doubt, refusal if in_doubt and isinstance(refusal, str) else "", elsewhere)

    def _put_aside(self, path: Path, message: Message, items: Sequence[Item]) -> str:
        """Part `items` from a message that was not sent; the operation id of the one that has them now.

        That is written first: a kill in between leaves them in both, and the next time they are not added again.
        """
        rest = message.without(items)
        if not rest.items:
            return message.operation_id
        waiting = self._waiting()
        others = [one for _, one in waiting if one.operation_id != message.operation_id]
        aside = message._replace(operation_id=str(uuid.uuid4()), items=tuple(items))
        fresh = aside.without(item for one in others for item in one.items)
        if fresh.items:
            replace(self._path(len(waiting) + 1), _data(fresh))
        replace(path, _data(rest))
        return aside.operation_id

    def _send(self, turn: _Turn, sinks: Mapping[str, Post]) -> Division:
        """Send a message to the sinks that have not taken it; return the parts that were taken and refused."""
        message = turn.message
        if turn.refusal:
            return self._divide(message, sinks, turn.refusal)
        for name, post in sinks.items():
            with locked(self.path, self._patience):
                taken = self._taken(message)
                if name in taken:
                    continue
                self._seal(message, taken)
            try:
                post(message)
            except DeliveryError as error:
                if not error.refused or turn.in_doubt or taken:
                    raise
                if error.content:
                    return self._divide(message, sinks, str(error))
                with locked(self.path, self._patience):
                    remove(self._sent)
                raise
            with locked(self.path, self._patience):
                self._seal(message, [*taken, name])
        return Division((message,), ())

    def _divide(self, message: Message, sinks: Mapping[str, Post], refusal: str) -> Division:
        """Find by the first sink, which has refused the message whole, the parts that can go.

        The other sinks get these parts, too.
        """
        with locked(self.path, self._patience):
            self._seal(message, [], refusal)
        first, *others = sinks.values()

        def offer(part: Message) -> str:
            try:
                first(part)
            except DeliveryError as error:
                if not error.content:
                    raise
                return str(error)
            for post in others:
                post(part)
            return ""

        return divide(message, offer, refusal)

    def _settle(self, message: Message, division: Division, passed: set[str]) -> None:
        """Record the result for a message: only what was refused stays, as a message of its own."""
        with locked(self.path, self._patience):
            where = [path for path, one in self._waiting() if one == message]  # a reader without the lock may have it
            if not division.taken:
                passed.add(message.operation_id)
            elif division.left:
                rest = message._replace(operation_id=str(uuid.uuid4()), items=tuple(one.item for one in division.left))
                passed.add(rest.operation_id)
                for path in where:
                    replace(path, _data(rest))
            else:
                for path in where:
                    remove(path)
            remove(self._sent)

    def _waiting(self) -> list[tuple[Path, Message]]:
        """The messages in order. A kill between two renames has left a gap, which is closed."""
        found = []
        for number, path in enumerate(self._files(), 1):
            here = self._path(number)
            if path != here:
                path.replace(here)
            found.append((here, parse(read(here) or b"", str(here))))
        return found

    def _files(self) -> list[Path]:
        prefix = self.path.name + "."
        numbers = [1] if os.path.lexists(self.path) else []
        for entry in os.listdir(self.path.parent) if self.path.parent.is_dir() else ():
            number = entry.removeprefix(prefix)
            if entry.startswith(prefix) and number.isascii() and number.isdigit():
                numbers.append(int(number))
        return [self._path(number) for number in sorted(numbers)]

    def _path(self, number: int) -> Path:
        return self.path if number == 1 else self.path.with_name(f"{self.path.name}.{number}")

    def _seal(self, message: Message, taken: Sequence[str], refusal: str = "") -> None:
        state = {"operation_id": message.operation_id, "taken": taken, **({"refusal": refusal} if refusal else {})}
        replace(self._sent, json.dumps(state).encode() + b"\n")

    def _is_sealed(self, message: Message) -> bool:
        return bool(self._state().get("operation_id", message.operation_id) == message.operation_id)

    def _taken(self, message: Message) -> list[str]:
        taken = self._state().get("taken") if self._is_sealed(message) else None
        return [name for name in taken if isinstance(name, str)] if isinstance(taken, list) else []

    def _state(self) -> dict[str, Any]:
        """Return the record of a message that may have been sent.

        It is empty, which fits any message, when it cannot be read.
        """
        data = read(self._sent)
        if data is None:
            return {"operation_id": None}
        try:
            state = json.loads(data)
        except (ValueError, RecursionError):
            return {}
        return state if isinstance(state, dict) else {}


def _data(message: Message) -> bytes:
    return message.encode().encode() + b"\n"


def _failed(lines: Sequence[str], sent: Sequence[Message], *, refused: bool) -> DeliveryError:
    error = DeliveryError("\n".join(lines), refused=refused)
    error.sent = tuple(sent)
    return error


def _told(refusals: Sequence[Left]) -> list[str]:
    """A line for each reason, with the jobs that it is about."""
    by_why: dict[str, dict[str, None]] = {}
    for left in refusals:
        by_why.setdefault(left.why, {})[f"'{name_of(left.item)}'"] = None
    return [f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} refused: {why}" for why, names in by_why.items()]
