"""Run one git process: collect its output, report its progress, and end it when it hangs."""

from __future__ import annotations

import signal
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import SourceError
from runnerlib.executor.local.child import started
from runnerlib.executor.process_spec import ProcessSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_MOST = 1 << 16  # bytes of messages that are kept


class Ended(NamedTuple):
    """Result of a process: its exit code (128 and more: killed by a signal), stdout, and the end of stderr."""

    code: int
    output: bytes
    errors: bytes
    stalled: bool = False


def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    directory: str,
    heard: Callable[[bytes], None],
    *,
    timeout: float,
    given: bytes = b"",
    secret: bytes = b"",
    wanted: Callable[[], None] = lambda: None,
) -> Ended:
    """Run `argv` (its first word a path) in `directory` with `given` on stdin and `secret` as descriptor 3.

    `heard` gets what stderr says, as it comes. A process that says nothing for `timeout` seconds is
    killed, as is one that `wanted` raises an exception about: it is called several times a second. Raises
    OSError when it cannot be started, SourceError when another part of the program has collected it.
    """
    output, errors = bytearray(), bytearray()
    last = monotonic()
    with started(ProcessSpec(argv, Path(directory), env, given), secret=secret, errors=True) as child:
        for pipe, block in child.read(wanted):
            if block:
                last = monotonic()
            elif monotonic() - last >= timeout:
                return Ended(128 + signal.SIGKILL, bytes(output), bytes(errors), stalled=True)
            if pipe == child.output:
                output += block
            elif block:
                errors += block
                del errors[:-_MOST]
                heard(block)
        try:
            code = child.exit_code()
        except ChildProcessError:
            raise SourceError(f"git (process {child.pid}) was reaped by another part of the program") from None
    return Ended(code if code >= 0 else 128 - code, bytes(output), bytes(errors))
