"""Copy a whole tree that nobody changes, as fast as the machine can: compiled, in threads, by reflink where there are.

In the caller's thread this would hold up signals until the end, so another thread waits for the threads at work.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from runnerlib.source import _copying
from runnerlib.source.tree import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TURN = 0.2  # seconds
_MOST = 8  # beyond that, threads wait for each other in the file system


def copy_tree(source: Path, made: Path, wanted: Callable[[], None] = lambda: None) -> str:
    """Copy what is in the directory `source` into the new directory `made`; return the fingerprint of `source`.

    See `ext/copying/copying.h` for what is kept. `wanted` raises when nobody wants the copy any more; it is
    called several times a second. Raises OSError.
    """
    made.mkdir()
    return _walk(source, made, wanted)


def fingerprint(source: Path) -> str:
    """A text that changes when anything in the directory `source` does. Raises OSError."""
    return _walk(source, None, lambda: None)


def _walk(source: Path, made: Path | None, wanted: Callable[[], None]) -> str:
    """Run the compiled part in a thread; an exception here, from a signal handler, ends it within a few files."""
    stop = bytearray(1)
    ended: list[tuple[int, int, int] | BaseException] = []
    below = os.open(source, DIRECTORY)
    try:
        above = -1 if made is None else os.open(made, DIRECTORY)
        try:

            def work() -> None:
                try:
                    ended.append(_copying.copy(below, above, min(os.cpu_count() or 1, _MOST), stop))
                except BaseException as error:
                    ended.append(error)

            thread = threading.Thread(target=work, name="runnerlib-copy")
            thread.start()
            try:
                while thread.is_alive():
                    wanted()
                    thread.join(_TURN)
            finally:
                stop[0] = 1
                thread.join()
        finally:
            if above >= 0:
                os.close(above)
    finally:
        os.close(below)
    result = ended[0]
    if isinstance(result, BaseException):
        raise result
    files, size, trace = result
    return f"{files} {size} {trace:016x}"
