"""Observers that pass events on: one way to do it, and no base class is needed to be one."""

from __future__ import annotations

import asyncio

from runnerlib.events import Event, Notice
from runnerlib.events.forwarding import ForwardingObserver, UnbufferedObserver
from runnerlib.output.fanout import FanOut
from runnerlib.plugins import Watcher


class Slow:
    """An observer by its methods only, which is congested until somebody waits for it."""

    def __init__(self) -> None:
        self.congested = True
        self.events: list[Event] = []

    def observe(self, event: Event) -> None:
        self.events.append(event)

    async def drain(self) -> None:
        self.congested = False

    def give_up(self) -> int:
        return 7

    def close(self) -> None:
        self.events.append(Notice("closed"))


def test_an_observer_behind_others_holds_them_up() -> None:
    slow = Slow()
    outer = ForwardingObserver(ForwardingObserver(slow))
    outer.observe(Notice("x"))
    assert outer.congested
    asyncio.run(outer.drain())
    assert not outer.congested
    assert slow.events == [Notice("x")]


def test_one_that_keeps_nothing_holds_nobody_up() -> None:
    for one in (UnbufferedObserver(), Watcher()):
        one.observe(Notice("x"))
        asyncio.run(one.drain())
        assert not one.congested
        assert one.give_up() == 0
        one.close()


def test_observers_of_both_kinds_stand_side_by_side() -> None:
    slow = Slow()
    both = FanOut(UnbufferedObserver(), slow)
    both.observe(Notice("x"))
    assert both.congested
    assert both.give_up() == 7
    both.close()
    assert slow.events == [Notice("x"), Notice("closed")]
