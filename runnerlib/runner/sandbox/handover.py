"""Directories that bounded steps write to, and what of it is for others: follow-up jobs and the workflow's output."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util import locked_file
from runnerlib._util.safe_tree import remove_tree
from runnerlib.errors import RunnerError
from runnerlib.runner.sandbox.grants import changed_at
from runnerlib.runner.sandbox.layout import Scratch
from runnerlib.triggers.spool import VARIABLE, append_lines
from runnerlib.triggers.workflow_variables import LARGEST, OUTPUT_FILE, OUTPUT_NAME, read_output

if TYPE_CHECKING:
    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.sandbox.level import Kind

_OUTPUT = "RC_WF_OUTPUT_FILE"
# Where programs keep things below a home, by the variables that say otherwise.
_XDG = {"CACHE": ".cache", "CONFIG": ".config", "DATA": ".local/share", "STATE": ".local/state"}
_APART = ("strict", "untrusted")
# What steps of one kind have in common: the last one is for files that several of them write.
_PARTS = {"shared": ("tmp", "common"), **dict.fromkeys(_APART, ("home", "tmp", "common"))}


class Handover:
    """The scratch directories of a job, and the variables that lead its steps there.

    Steps with Landlock can make nothing at the top of a workspace, nor write what others have handed on: so files of a
    workflow's output and of follow-up jobs are theirs until they end, and put in their places by the runner. Each has a
    private place for what is its own. In a container (`is_local` false) steps of one kind share everything, and the top
    of the workspace is open to those that are not strict.
    """

    def __init__(self, plan: RunPlan, scratch: Path, *, is_local: bool) -> None:
        """Make the directories below `scratch`. Raises RunnerError."""
        self.scratch = made(scratch)
        self._whole = scratch if is_local else None
        self._temporary = str(self.scratch.shared / "tmp")
        self._places: dict[tuple[Kind, int], Path] = {}
        self._empty: dict[Path, int] = {}  # when each last changed, seen when nothing was in it
        # The runner's own variable: what a job says could lead the output into any file of the workspace.
        self._target = Path(plan.workspace.meant(plan.environ.get(_OUTPUT) or OUTPUT_FILE))
        self._moved = self._target.parent == plan.workspace.base
        self._spool = plan.spool
        shared = _output(self.scratch.shared) if is_local else self._target
        self._outputs = shared, *(_output(getattr(self.scratch, kind)) for kind in _APART)
        self._env = {_OUTPUT: str(shared)} if self._moved and is_local else {}
        self._apart = {kind: _variables(getattr(self.scratch, kind)) for kind in _APART}
        if self._moved and is_local and (before := locked_file.read(self._target, LARGEST)) is not None:
            locked_file.replace(shared, before)

    def common(self, kind: Kind) -> list[Path]:
        """Return the directories that all steps of a kind write to."""
        return [getattr(self.scratch, kind) / part for part in _PARTS[kind]]

    def place(self, kind: Kind, slot: int) -> Path:
        """Return the directory of one step at a time, which is made if need be. Raises RunnerError."""
        if (kind, slot) not in self._places:
            directory: Path = getattr(self.scratch, kind)
            self._places[kind, slot] = directory if self._whole is None else _made(directory / str(slot))
        return self._places[kind, slot]

    def env(self, kind: Kind, number: int, place: Path) -> dict[str, str]:
        """Return the variables of a step, which is strict or not by its kind.

        Strict ones have a home, a place for temporary files and an output of their kind, and trigger no jobs.
        """
        if kind in self._apart:
            return dict(self._apart[kind])
        return {**self._env, VARIABLE: _triggers(place, number)}

    def temporary(self) -> str:
        """Return a directory for temporary files, for steps to which the usual one is closed."""
        if not os.path.isdir(self._temporary):  # a step may have removed it
            _made(Path(self._temporary))
        return self._temporary

    def collect(self, number: int, place: Path) -> None:
        """Take the follow-up jobs of a step that has ended: from here on no other one can change them."""
        name = _triggers(place, number)
        if not os.path.lexists(name):  # as of most steps
            return
        path = Path(name)
        if (data := locked_file.read(path)) is None:
            return
        locked_file.remove(path)
        append_lines(self._spool, data)

    def clear(self, place: Path) -> bool:
        """Empty the place of a step that is about to start; return whether that could be done."""
        if self._whole is None:
            return True
        changed = changed_at(str(place), time.time_ns())
        if self._empty.get(place) == changed:  # as it is for most steps
            return True
        try:
            for name in os.listdir(place):
                path = place / name
                if path.is_dir() and not path.is_symlink():
                    remove_tree(path)
                else:
                    path.unlink()
        except OSError:
            return False
        self._empty[place] = changed
        return True

    def close(self) -> None:
        """Put the output in its place, and remove everything else. Raises RunnerError for an output of no use."""
        try:
            if self._moved:
                self._publish()
        finally:
            with suppress(OSError):
                if self._whole is not None:
                    remove_tree(self._whole)

    def _publish(self) -> None:
        """Write what steps have handed on; of two values of a name that of the less bounded steps counts."""
        read = ((path, locked_file.read(path, LARGEST)) for path in reversed(self._outputs))
        found = {path: data for path, data in read if data is not None}
        if not found.keys() - {self._target}:
            return
        if len(found) < 2:  # as it is: whoever reads it says what is wrong with it
            for data in found.values():
                locked_file.replace(self._target, data)
            return
        written = [read_output(path) for path in found]
        parts = {part: {n: v for one in written for n, v in getattr(one, part).items()} for part in written[0]._fields}
        data = json.dumps(parts, separators=(",", ":")).encode() + b"\n"
        if len(data) > LARGEST:
            raise RunnerError(f"the workflow output would have {len(data)} bytes ({LARGEST} at most)")
        locked_file.replace(self._target, data)


def made(scratch: Path) -> Scratch:
    """Make the directories of each kind of steps below `scratch`. Raises RunnerError."""
    found = Scratch(*(_made(scratch / kind) for kind in Scratch._fields))
    for kind, parts in _PARTS.items():
        for part in parts:
            _made(getattr(found, kind) / part)
    return found


def _output(directory: Path) -> Path:
    return directory / "common" / OUTPUT_NAME


def _triggers(place: Path, number: int) -> str:
    return f"{place}/triggers-{number}.ndjson"


def _variables(directory: Path) -> dict[str, str]:
    home, temporary = directory / "home", directory / "tmp"
    env = {"HOME": str(home), "TMPDIR": str(temporary), _OUTPUT: str(_output(directory))}
    return env | {f"XDG_{name}_HOME": f"{home}/{below}" for name, below in _XDG.items()}


def _made(directory: Path) -> Path:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RunnerError(f"cannot create '{directory}': {error.strerror}") from None
    return directory
