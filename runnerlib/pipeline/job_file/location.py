"""Location of a job file: here, or in a source of the run, which must perhaps be prepared first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import ConfigError, one_line
from runnerlib.pipeline.job import Job, Step
from runnerlib.pipeline.job_file.file import JobFile, load

if TYPE_CHECKING:
    from collections.abc import Collection

    from runnerlib._util.paths import Workspace
    from runnerlib.config import Resolved

IN_SOURCE = "source:"
"""The prefix of the name of a job file in the source, to be used without a look at the current directory."""

# A job that is not read yet may have several steps, and its output mode is chosen before.
UNKNOWN = Job("job", [Step("first", "true"), Step("second", "true")])
"""Stands for the job of a file that cannot be read yet."""


class Place(NamedTuple):
    """`given` is the name of the file, `path` where it is; in the source at `tree`, which is `awaited` or there."""

    given: str
    path: Path
    tree: Path | None = None
    awaited: bool = False

    def load(self) -> JobFile:
        """Read the file, which must be inside of its source: others have made that. Raises ConfigError."""
        self.check()
        return load(self.given if self.tree is None else str(self.path))

    def check(self) -> None:
        """Refuse a file that is not there, or not in the source at all. Raises ConfigError."""
        if self.tree is None:
            return
        real = os.path.realpath(self.path)
        shown = one_line(self.given)
        if not os.path.lexists(self.path):
            raise ConfigError(f"cannot read the file '{shown}': neither here nor in '{self.tree}' is one of that name")
        if not real.startswith(f"{os.path.realpath(self.tree)}/"):
            raise ConfigError(f"the file '{shown}' leads out of '{self.tree}'")
        if not os.path.isfile(real):
            raise ConfigError(f"the file '{shown}' is no regular file in '{self.tree}'")


def place_of(file: str, cwd: Path, resolved: Resolved, workspace: Workspace) -> Place:
    """Return the place of a job or workflow file: its path from `cwd`, else from the code directory.

    One in a directory whose content the run replaces before its job begins is not read before. Raises ConfigError for
    `source:` with what is no path below the source.
    """
    config = resolved.config
    source = workspace.resolve_directory(config.code_dir, resolved.subject("code_dir"))
    prepared = ((config.ci_source_type, workspace.ci), (config.source_type, source))
    trees = [tree for kind, tree in prepared if kind not in {None, "", "none"}]
    return _place(workspace.meant(file), cwd, source, trees)


def _place(given: str, cwd: Path, source: Path, awaited: Collection[Path]) -> Place:
    if "\0" in given:
        return Place(given, Path())  # reading it says so
    if given.startswith(IN_SOURCE):
        below = given.removeprefix(IN_SOURCE)
        if not below or below.startswith("/") or ".." in below.split("/"):
            raise ConfigError(f"'{one_line(given)}': a path below the source is expected, without '..'")
        return Place(given, source / below, source, source in awaited)
    here = Path(os.path.realpath((cwd / given).parent), Path(given).name)
    tree = next((tree for tree in awaited if here.is_relative_to(tree)), None)
    if tree is not None:
        return Place(given, here, tree, awaited=True)
    if not os.path.isabs(given) and not os.path.lexists(here):
        there = source / given
        if source in awaited or os.path.lexists(there):
            return Place(given, there, source, source in awaited)
    return Place(given, here)
