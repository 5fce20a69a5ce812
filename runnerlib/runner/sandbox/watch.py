"""Watch over the CI source of a run: only trusted code changes it, from its preparation to the end of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import RunnerError, TamperedError
from runnerlib.runner.sandbox import manifest

if TYPE_CHECKING:
    from pathlib import Path


class Watch:
    """The manifest of a tree, compared with the tree whenever something is about to run from it."""

    def __init__(self, tree: Path) -> None:
        """Note what is in `tree`, which has just been prepared. Raises RunnerError."""
        self.tree = tree
        self._when = "after it was prepared"
        self._manifest: manifest.Manifest = {}
        self.accept()

    def accept(self) -> None:
        """Note what is there now, after trusted code has run. Raises RunnerError."""
        try:
            self._manifest = manifest.take(self.tree, self._manifest)
        except OSError as error:
            raise RunnerError(f"the CI source '{self.tree}' cannot be read: {error.strerror}") from None

    def steps_begin(self) -> None:
        """Say from now on that a change is of the time in which steps ran."""
        self._when = "while steps ran"

    def check(self) -> None:
        """Raise TamperedError when the tree is not any more what it was."""
        try:
            now = manifest.take(self.tree, self._manifest)
        except OSError as error:
            raise TamperedError(f"the CI source '{self.tree}' cannot be read any more: {error.strerror}") from None
        found = manifest.changes(self._manifest, now)
        if found:
            raise TamperedError(f"the CI source was changed {self._when}: {manifest.summary(found)}")
        self._manifest = now
