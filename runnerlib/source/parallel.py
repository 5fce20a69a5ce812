"""Do two things at once that are mostly waiting for the kernel."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Here = TypeVar("Here")
There = TypeVar("There")

GRACE = 1.0
"""Seconds that an interrupted caller waits for the thread: it is a daemon, and what it writes is removed."""


class _Cancelled(BaseException):
    """Raised in the thread when the caller does not wait for its result any more."""


def together(here: Callable[[], Here], there: Callable[[Callable[[], None]], There]) -> tuple[Here, There]:
    """Run `here` in this thread and `there` in another one, and return both results.

    `there` is given a cancellation check that it must call often. Raises what `here` raises, then what `there`
    raises.
    """
    gone = Event()
    results: list[There] = []
    errors: list[BaseException] = []

    def check() -> None:
        if gone.is_set():
            raise _Cancelled

    def body() -> None:
        try:
            results.append(there(check))
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=body, name="runnerlib-together", daemon=True)
    thread.start()
    try:
        first = here()
        while thread.is_alive():
            thread.join(0.2)  # in pieces, so that a signal handler's exception gets through
    except BaseException:
        gone.set()
        thread.join(GRACE)
        raise
    if errors:
        raise errors[0]
    return first, results[0]
