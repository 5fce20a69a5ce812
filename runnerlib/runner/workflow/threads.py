"""Blocking work in a thread that can be abandoned."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from runnerlib._util.threads import future_of

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a daemon thread, and return its result; on cancellation the thread continues alone."""
    return await future_of(work, asyncio.get_running_loop(), "runnerlib-workflow")[1]
