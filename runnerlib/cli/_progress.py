"""Progress of a preparation on stderr: lines, and on a terminal a progress bar during long work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib._util.system import own_terminal_size, terminal_size
from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

_WIDTH = 30
_ERASE = "\r\x1b[K"


class Lines:
    """`Report` that writes lines; `mask` masks every text, `check` raises on cancellation."""

    def __init__(self, stream: TextIO, mask: Callable[[str], str], check: Callable[[], None]) -> None:
        self._stream = stream
        self._mask = mask
        self._drawn = ""
        self.check = check
        if stream.isatty():
            self.progress = self._draw

    def __call__(self, text: str) -> None:
        """Write one line, and remove the bar."""
        self.check()
        self.clear()
        self._stream.write(one_line(self._mask(f"runnerlib: {text}")) + "\n")
        self._stream.flush()

    def clear(self) -> None:
        """Remove the bar."""
        if self._drawn:
            self._stream.write(_ERASE)
            self._drawn = ""

    def _draw(self, text: str, share: float) -> None:
        """Draw the bar, if it has changed."""
        full = round(min(max(share, 0), 1) * _WIDTH)
        line = f"{'█' * full}{'░' * (_WIDTH - full)} {share:4.0%} {one_line(self._mask(text))}"
        size = terminal_size(2) or own_terminal_size()  # the stream is stderr
        line = line[: size.columns - 1]
        if line != self._drawn:
            self._drawn = line
            self._stream.write(_ERASE + line)
            self._stream.flush()
