"""Directories that bounded steps write to, and what of it is for others: the output of a job for its workflow."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util import locked_file
from runnerlib.errors import RunnerError
from runnerlib.runner.sandbox.layout import Scratch
from runnerlib.source.safe_tree import remove_tree
from runnerlib.triggers.workflow_variables import LARGEST, OUTPUT_FILE, OUTPUT_NAME, read_output

if TYPE_CHECKING:
    from runnerlib.runner.plan import RunPlan

_OUTPUT = "RC_WF_OUTPUT_FILE"
# Where programs keep things below a home, by the variables that say otherwise.
_XDG = {"CACHE": ".cache", "CONFIG": ".config", "DATA": ".local/share", "STATE": ".local/state"}


class Handover:
    """The scratch directories of a job; `env` leads its steps there, `apart` those that are strict.

    At the top of a workspace steps can make nothing, so the file of a workflow's output is written here.
    """

    def __init__(self, plan: RunPlan, scratch: Path) -> None:
        """Make the directories below `scratch`, which is empty. Raises RunnerError."""
        self.scratch = Scratch(*(_made(scratch / kind) for kind in Scratch._fields))
        self._whole = scratch
        # The runner's own variable: what a job says could lead the output into any file of the workspace.
        self._target = Path(plan.workspace.meant(plan.environ.get(_OUTPUT) or OUTPUT_FILE))
        self._moved = self._target.parent == plan.workspace.base
        self._spool = plan.spool
        self.env = {_OUTPUT: str(self.scratch.shared / OUTPUT_NAME)} if self._moved else {}
        self._apart = {directory: _variables(directory) for directory in (self.scratch.strict, self.scratch.untrusted)}
        if self._moved and (before := locked_file.read(self._target, LARGEST)) is not None:
            locked_file.replace(self.scratch.shared / OUTPUT_NAME, before)

    def apart(self, directory: Path) -> dict[str, str]:
        """Return the variables of strict steps: home, temporary files and output in one of the directories."""
        return self._apart[directory]

    def temporary(self) -> str:
        """Return a directory for temporary files, for steps to which the usual one is closed."""
        return str(_made(self.scratch.shared / "tmp"))

    def close(self) -> None:
        """Put the output in its place, and remove everything else. Raises RunnerError for an output of no use."""
        try:
            if self._moved:
                self._publish()
        finally:
            with suppress(OSError):
                remove_tree(self._whole)
            with suppress(OSError):
                if not os.lstat(self._spool).st_size:
                    os.unlink(self._spool)

    def _publish(self) -> None:
        """Write what steps have handed on; of two values of a name that of the less bounded steps counts."""
        files = [directory / OUTPUT_NAME for directory in reversed(self.scratch)]
        found = {path: data for path in files if (data := locked_file.read(path, LARGEST)) is not None}
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


def _variables(directory: Path) -> dict[str, str]:
    home, temporary = _made(directory / "home"), _made(directory / "tmp")
    env = {"HOME": str(home), "TMPDIR": str(temporary), _OUTPUT: str(directory / OUTPUT_NAME)}
    return env | {f"XDG_{name}_HOME": f"{home}/{below}" for name, below in _XDG.items()}


def _made(directory: Path) -> Path:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RunnerError(f"cannot create '{directory}': {error.strerror}") from None
    return directory
