"""The installed command line on a terminal, as a user types and sees it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.cli import RUNNERLIB, environment

PATIENCE = 120.0
# What a shell writes before and after each line that is typed.
_PASTING = re.compile(r"\x1b\[\?2004[hl]")


class Session:
    """A running command and the terminal it runs on; `seen` is all that it has shown, without carriage returns."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.seen = ""
        self._terminal = terminal
        self._mark = 0

    def until(self, text: str) -> str:
        """Read until `text` has come since the last call, and return what was shown since then."""
        while text not in self.seen[self._mark :]:
            assert self._read(), f"the command has ended without {text!r}:\n{self.seen}"
        start, self._mark = self._mark, self.seen.index(text, self._mark) + len(text)
        return self.seen[start : self._mark]

    def types(self, text: str) -> None:
        """Type a text; Return is `\\r`."""
        os.write(self._terminal, text.encode())

    def ends(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self.process.wait()

    def _read(self) -> bool:
        deadline = time.monotonic() + PATIENCE
        ready, _, _ = select.select([self._terminal], [], [], max(deadline - time.monotonic(), 0))
        assert ready, f"nothing comes any more:\n{self.seen}"
        try:
            data = os.read(self._terminal, 1 << 16)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        self.seen += _PASTING.sub("", data.decode(errors="replace").replace("\r", ""))
        return bool(data)


@contextmanager
def on_terminal(*args: str, cwd: Path, columns: int = 80, **env: str) -> Iterator[Session]:
    """Run `runnerlib args…` on a terminal of its own; one that has not ended is killed."""
    main, other = pty.openpty()
    termios.tcsetwinsize(other, (50, columns))
    words, variables = [RUNNERLIB, *args], environment(**{"TERM": "xterm", "NO_COLOR": "1", **env})
    with subprocess.Popen(words, cwd=cwd, env=variables, stdin=other, stdout=other, stderr=other) as process:
        os.close(other)
        try:
            yield Session(process, main)
        finally:
            process.kill()
            os.close(main)
