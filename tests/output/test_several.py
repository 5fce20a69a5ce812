"""Several: every listener gets everything, an error of one is told after the others have the event."""

from __future__ import annotations

import asyncio

import pytest

from runnerlib.errors import OutputError
from runnerlib.events import Event, Notice
from runnerlib.output.fanout import FanOut


class Listener:
    def __init__(self, error: str = "", congested: bool = False) -> None:
        self.error = error
        self.congested = congested
        self.events: list[Event] = []
        self.closed = False

    def observe(self, event: Event) -> None:
        self.events.append(event)
        self._fail()

    async def drain(self) -> None:
        self.congested = False
        self._fail()

    def give_up(self) -> int:
        return 7

    def close(self) -> None:
        self.closed = True

    def _fail(self) -> None:
        if self.error:
            raise OutputError(self.error)


def test_all_get_everything_and_the_first_error_is_told() -> None:
    listeners = [Listener(), Listener("first"), Listener("second", congested=True), Listener()]
    several = FanOut(*listeners)
    assert several.congested
    with pytest.raises(OutputError, match="first"):
        several.observe(Notice("x"))
    assert all(listener.events == [Notice("x")] for listener in listeners)
    with pytest.raises(OutputError, match="first"):
        asyncio.run(several.drain())
    assert not several.congested
    assert several.give_up() == 28
    several.close()
    assert all(listener.closed for listener in listeners)


def test_none_is_fine() -> None:
    several = FanOut()
    several.observe(Notice("x"))
    asyncio.run(several.drain())
    assert not several.congested
