"""A shell for the user where a step has failed: its directory, variables, sandbox and container, on the terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
import tty
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from runnerlib._util.system import own_terminal_size
from runnerlib.errors import RunnerError
from runnerlib.events import Notice, Warned
from runnerlib.executor.process_spec import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.engine import StepContext
    from runnerlib.executor.process_spec import ProcessSpec
    from runnerlib.executor.protocol import StepProcess

# Without the files of the user, which would change what the step had.
_SHELL = "if command -v bash >/dev/null 2>&1; then exec bash --noprofile --norc -i; else exec sh -i; fi"
_PROMPT = "failed step$ "
_BLOCK = 1 << 16
# Seconds after which a shell that is to end is killed.
_GRACE = 2.0


class FailureShell:
    """Opens a shell after each step that fails, one at a time; the step ends when its shell does."""

    def __init__(self) -> None:
        self._lock: asyncio.Lock | None = None

    async def __call__(self, context: StepContext, spec: ProcessSpec, step: str) -> None:
        """Open the shell for `step`, which ran as `spec` says, and wait for its end. Cancelling kills it."""
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            text = f"step '{step}' has failed; this shell is where it ran, and `exit` goes on"
            context.observer.observe(Notice(context.masker.mask_string(text)))
            env = {**spec.env, "PS1": _PROMPT, "TERM": os.environ.get("TERM", "dumb")}
            changed = spec._replace(argv=("/bin/sh", "-c", _SHELL), env=env, stdin=None, tty=own_terminal_size())
            try:
                process = context.executor.start(changed)
            except (CommandError, RunnerError) as error:
                context.observer.observe(Warned(context.masker.mask_string(f"no shell can be opened: {error}"), step))
                return
            try:
                with _raw():
                    await _Session(process, context).run()
            finally:
                process.close()


class _Session:
    """Passes bytes between the runner's terminal and that of the shell; what the shell prints is masked."""

    def __init__(self, process: StepProcess, context: StepContext) -> None:
        self._process = process
        self._stream = context.masker.stream()
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._pending = b""

    async def run(self) -> None:
        """Pass bytes on until the shell has ended and all of its output is shown."""
        loop, process = self._loop, self._process
        exited: asyncio.Future[None] = loop.create_future()
        loop.add_reader(0, self._typed)
        loop.add_reader(process.output, self._show)
        loop.add_reader(process.exited, lambda: None if exited.done() else exited.set_result(None))
        loop.add_signal_handler(signal.SIGWINCH, lambda: process.resize(own_terminal_size()))
        try:
            await exited
            process.reap()
            while process.unread():
                self._show()
        except asyncio.CancelledError:
            await self._kill(exited)
            raise
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)
            for fd in (0, process.output, process.exited):
                loop.remove_reader(fd)
            loop.remove_writer(process.output)
            _write(self._stream.flush())

    async def _kill(self, exited: asyncio.Future[None]) -> None:
        self._process.signal(signal.SIGKILL)
        await asyncio.wait((exited,), timeout=_GRACE)
        if exited.done():
            self._process.reap()

    def _typed(self) -> None:
        """Take what the user has typed; at the end of the input the shell gets the end of a file."""
        self._pending += os.read(0, _BLOCK) or b"\x04"
        self._send()

    def _send(self) -> None:
        with suppress(BlockingIOError):
            while self._pending:
                try:
                    count = os.write(self._process.output, self._pending)
                except BlockingIOError:
                    raise
                except OSError:  # the shell has ended
                    count = len(self._pending)
                self._pending = self._pending[count:]
            self._loop.remove_writer(self._process.output)
            return
        self._loop.add_writer(self._process.output, self._send)

    def _show(self) -> None:
        try:
            data = self._process.read(_BLOCK)
        except BlockingIOError:
            return
        if data:
            _write(self._stream.feed(data))
        else:
            self._loop.remove_reader(self._process.output)


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


@contextmanager
def _raw() -> Iterator[None]:
    """Let every key reach the shell, those that send signals too; afterwards the terminal is as it was."""
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
