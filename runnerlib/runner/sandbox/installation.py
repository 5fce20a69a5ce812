"""The runner's own installation: a step that may write there changes modules that the runner loads later."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runnerlib.runner.plan import RunPlan

_PACKAGE = Path(__file__).parents[2]
# Directories that hold packages and nothing else.
_PACKAGES = ("site-packages", "dist-packages")


def installation(plan: RunPlan, closed: Iterable[str]) -> Iterator[str]:
    """Yield what bounded steps must not change of the runner's installation, beside what is `closed` already.

    That is nothing for root, who installs programs and packages into the same directories; nor what is in the code
    directory; nor what would close the user's home, in which most programs make something.
    """
    if os.geteuid() == 0:
        return
    home = os.path.realpath(plan.environ.get("HOME") or "/")
    home_is_open = not any(path.startswith(home + "/") for path in closed)
    code = Path(os.path.realpath(plan.code_dir))
    for place in sorted({os.path.realpath(path) for path in _places()}):
        path = Path(place)
        if path.is_relative_to(code) or code.is_relative_to(path) or not os.access(path, os.W_OK):
            continue
        if not (home_is_open and place.startswith(home + "/")):
            yield place


def _places() -> Iterator[Path]:
    """Yield the package, the packages beside it, those of Python, and the environment that is for them."""
    yield _PACKAGE.parent if _PACKAGE.parent.name in _PACKAGES else _PACKAGE
    yield Path(os.__file__).parent
    if sys.prefix != sys.base_prefix:
        yield Path(sys.prefix)
