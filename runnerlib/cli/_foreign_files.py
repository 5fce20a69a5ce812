"""Files of other systems in a project that has none of ours."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SUFFIXES = (".yaml", ".yml")


def hint(cwd: Path) -> str:
    """Return the end of an error about a missing file: what there is of another system, and how to go on."""
    from runnerlib.pipeline.foreign.recognise import PLACES, by_path

    for path in _files(cwd, PLACES):
        found = shlex.quote(one_line(path))
        return f"; there is a {by_path(path)}: `runnerlib import {found}` prints what it is as a workflow of runnerlib"
    return ""


def _files(cwd: Path, places: tuple[str, ...]) -> Iterator[str]:
    for place in places:
        path = cwd / place
        if path.is_dir():
            yield from (f"{place}/{name}" for name in sorted(os.listdir(path)) if name.endswith(_SUFFIXES))
        elif path.is_file():
            yield place
