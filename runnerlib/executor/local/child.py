"""Child processes that serve the runner itself: clients of version control, providers of secrets.

Each leads a session of its own, so that it finds no terminal, and dies with the thread that started it, even by
SIGKILL. When the caller leaves, by an exception or not, all that is left of the session is killed.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.threads import TURN
from runnerlib.executor.local import _spawn
from runnerlib.executor.local.launch import exec_args, memory, nul_byte, search_path
from runnerlib.executor.local.own_process import collecting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib.executor.process_spec import ProcessSpec

_BLOCK = 1 << 16


class Child(NamedTuple):
    """A running program: its number, a descriptor that can be read once it has ended, and its pipes.

    `errors` is -1 when stderr is not a pipe of its own.
    """

    pid: int
    ended: int
    output: int
    errors: int = -1

    def read(self, check: Callable[[], object], *, to_end: bool = True) -> Iterator[tuple[int, bytes]]:
        """Yield what the program writes, as (pipe, bytes), and (-1, b"") after each moment of silence.

        It ends with the program and its pipes; without `to_end` a process that outlives the program and keeps a pipe
        open is not waited for. `check` is called several times a second, and may raise.
        """
        events = select.poll()
        left = {pipe for pipe in (self.output, self.errors) if pipe >= 0}
        for fd in (*left, self.ended):
            events.register(fd, select.POLLIN)
        ended = False
        while left or not ended:
            ready = {fd for fd, _ in events.poll(0 if ended and not to_end else TURN * 1000)}
            check()
            for pipe in sorted(ready & left):
                block = os.read(pipe, _BLOCK)
                if block:
                    yield pipe, block
                else:
                    events.unregister(pipe)
                    left.remove(pipe)
            if self.ended in ready:
                events.unregister(self.ended)
                ended = True
            elif not ready:
                if ended and not to_end:
                    return
                yield -1, b""

    def exit_code(self) -> int:
        """Wait for the program and return its exit code, negative for a signal.

        Raises ChildProcessError when it was reaped by another part of the program.
        """
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)  # its number stays its own until the end
        assert found is not None  # noqa: S101 - only WNOHANG makes it None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


@contextmanager
def started(spec: ProcessSpec, *, secret: bytes = b"", errors: bool = False, silent: bool = False) -> Iterator[Child]:
    """Run a program during the block, and end it with the block.

    It can read `secret` from descriptor 3, as only its descendants can. Its stderr is a second pipe with `errors`,
    goes nowhere when it is `silent`, and is its stdout otherwise. Raises OSError when it cannot be started, and
    CommandError for words that no process can be given.
    """
    with collecting(), ExitStack() as ours:
        with ExitStack() as its:
            output, stdout = _pipe(ours, its)
            second, stderr = _pipe(ours, its) if errors else (-1, _null(its) if silent else -1)
            try:
                pid, ended, _ = _spawn.spawn(
                    *exec_args(spec, {}, {}),
                    input=_memory(its, "stdin", spec.stdin) if spec.stdin else _null(its),
                    output=stdout,
                    errors=stderr,
                    extra=_memory(its, "credentials", secret) if secret else -1,
                    search=search_path(spec),
                    dies_with_thread=True,
                )
            except ValueError:
                raise nul_byte(spec) from None
            ours.callback(_end, pid, ended)
        yield Child(pid, ended, output, second)


def _pipe(ours: ExitStack, its: ExitStack) -> tuple[int, int]:
    reader, writer = os.pipe2(os.O_CLOEXEC)
    ours.callback(os.close, reader)
    its.callback(os.close, writer)
    return reader, writer


def _null(its: ExitStack) -> int:
    return _kept(its, os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))


def _memory(its: ExitStack, name: str, text: bytes) -> int:
    return _kept(its, memory(name, text))


def _kept(its: ExitStack, fd: int) -> int:
    its.callback(os.close, fd)
    return fd


def _end(pid: int, ended: int) -> None:
    """Kill the session, and collect its leader: until then the number, and that of its group, cannot be reused."""
    os.close(ended)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
