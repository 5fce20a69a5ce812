"""Watch over the CI source of a run: only trusted code changes it, from its preparation to the end of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import RunnerError, TamperedError
from runnerlib.executor.local import landlock
from runnerlib.runner.sandbox import manifest

if TYPE_CHECKING:
    from pathlib import Path


class Watch:
    """The manifest of a tree, compared with the tree whenever something is about to run from it."""

    def __init__(self, tree: Path) -> None:
        """Note what is in `tree`, which has just been prepared. Raises RunnerError."""
        self.tree = tree
        self._when = "after it was prepared"
        self._times = False
        self._manifest: manifest.Manifest = {}
        # Who sets the clock of the machine back can change a file and leave its times as they were.
        self._deceivable = not landlock.abi() and landlock.may_set_clock()
        self.accept()

    def accept(self) -> None:
        """Note what is there now, after trusted code has run. Raises RunnerError."""
        try:
            self._manifest = self._taken()
        except OSError as error:
            raise RunnerError(f"the CI source '{self.tree}' cannot be read: {error.strerror}") from None

    def steps_begin(self, *, bounded: bool) -> None:
        """Say from now on that a change is of the time in which steps ran; `bounded` ones change no times neither."""
        self._when, self._times = "while steps ran", bounded

    def check(self) -> None:
        """Raise TamperedError when the tree is not any more what it was."""
        try:
            now = self._taken()
        except OSError as error:
            raise TamperedError(f"the CI source '{self.tree}' cannot be read any more: {error.strerror}") from None
        found = manifest.changes(self._manifest, now, times=self._times)
        if found:
            raise TamperedError(f"the CI source was changed {self._when}: {manifest.summary(found)}")
        self._manifest = now

    def _taken(self) -> manifest.Manifest:
        return manifest.take(self.tree, None if self._deceivable else self._manifest)
