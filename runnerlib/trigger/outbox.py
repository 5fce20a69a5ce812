"""The triggers file: messages that nobody has taken yet, in order, kept whatever happens to the process.

`triggers.json` holds the first message. From the moment it may have been sent it does not change any more,
because its operation id stands for exactly this content; `triggers.json.sent` says so, and who has taken it.
What is added meanwhile waits in `triggers.json.2` and so on. So a message is sent again as it was, and created once.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.errors import RunnerError
from runnerlib.trigger.file import locked, read, remove, replace
from runnerlib.trigger.message import Message, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


class DeliveryError(RunnerError):
    """A message was not taken; it stays in the triggers file. `refused` says that nothing can have come of it."""

    def __init__(self, text: str, *, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused


class Added(NamedTuple):
    """What became of a message that was put in: how many of its items are new."""

    path: Path
    new: int


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
        """Keep what no message here has yet. Raises FileError, and TriggerError when the file is broken."""
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

    def send(self, sinks: Mapping[str, Callable[[Message], object]]) -> list[Message]:
        """Give every message to each of `sinks`, in order, and remove those that all have taken; these it returns.

        A sink raises DeliveryError for one that it does not take, which is passed on; the rest waits then.
        """
        done: list[Message] = []
        if not self._files():
            return done
        with locked(self._sending, self._turn):  # the file itself is not locked while a sink takes its time
            while (first := self._first()) is not None:
                message, in_doubt = first
                self._send(message, sinks, in_doubt)
                with locked(self.path, self._patience):
                    if read(self.path) == _data(message):  # a reader without the lock may have taken it
                        remove(self.path)
                    remove(self._sent)
                done.append(message)
        return done

    def _first(self) -> tuple[Message, bool] | None:
        """The message whose turn it is, sealed now, and whether it was before."""
        with locked(self.path, self._patience):
            waiting = self._waiting()
            if not waiting:
                return None
            path, message = waiting[0]
            if read(path) != _data(message):  # written by others: the operation id it got must outlive us
                replace(path, _data(message))
            in_doubt = self._is_sealed(message)
            if not in_doubt:
                self._seal(message, [])
            return message, in_doubt

    def _send(self, message: Message, sinks: Mapping[str, Callable[[Message], object]], in_doubt: bool) -> None:
        for name, post in sinks.items():
            with locked(self.path, self._patience):
                taken = self._taken(message)
                if name in taken:
                    continue
                self._seal(message, taken)
            try:
                post(message)
            except DeliveryError as error:
                if error.refused and not in_doubt and not taken:
                    with locked(self.path, self._patience):
                        remove(self._sent)
                raise
            with locked(self.path, self._patience):
                self._seal(message, [*taken, name])

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

    def _seal(self, message: Message, taken: Sequence[str]) -> None:
        replace(self._sent, json.dumps({"operation_id": message.operation_id, "taken": taken}).encode() + b"\n")

    def _is_sealed(self, message: Message) -> bool:
        return bool(self._state().get("operation_id", message.operation_id) == message.operation_id)

    def _taken(self, message: Message) -> list[str]:
        taken = self._state().get("taken") if self._is_sealed(message) else None
        return [name for name in taken if isinstance(name, str)] if isinstance(taken, list) else []

    def _state(self) -> dict[str, Any]:
        """What is known of a message that may have been sent; empty, which fits any message, when it is not legible."""
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
