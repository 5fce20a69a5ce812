"""Two things at once: both results, the first error, and nobody who works for nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from runnerlib.source.parallel import together


def test_both_run_at_the_same_time() -> None:
    """Each waits for the other: one after the other would never end."""
    barrier = threading.Barrier(2, timeout=30)

    def there(check: Callable[[], None]) -> str:
        check()
        barrier.wait()
        return "there"

    def here() -> str:
        barrier.wait()
        return "here"

    assert together(here, there) == ("here", "there")


def test_an_error_there_is_raised_here() -> None:
    def there(check: Callable[[], None]) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        together(lambda: None, there)


def test_an_error_here_ends_what_is_there() -> None:
    ended = threading.Event()

    def there(check: Callable[[], None]) -> None:
        try:
            while True:
                check()
        finally:
            ended.set()

    def here() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together(here, there)
    assert ended.wait(30)
