"""Comparison with the run before: the report at the same place has its figures, as its last element."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.errors import one_line
from runnerlib.output.report.page.log_chunks import packed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runnerlib.events.result import StepResult

ID = "brief"
LARGEST = 4 << 20
"""Bytes at the end of a report that hold the element."""
_UNPACKED = 32 << 20
_ELEMENT = re.compile(rb'<script type="text/plain" id="brief">([A-Za-z0-9+/=]*)</script>\s*</body>\s*</html>\s*\Z')
# A step is slower, or faster, that took a quarter and a second more or less.
_SHARE = 0.25
_SECONDS = 1.0
_MOST = 100
_LONGEST = 300


class Brief(NamedTuple):
    """The figures of a run: when it began and what it took, and of each step the outcome and the seconds."""

    name: str
    began: float
    seconds: float
    steps: Mapping[str, tuple[str, float]]

    def element(self) -> bytes:
        """Return the element that the next run reads."""
        return packed(ID, json.dumps(self).encode())


def brief(name: str, began: float, seconds: float, steps: Sequence[tuple[str, StepResult]]) -> Brief:
    """Return the figures of a run whose steps are shown by these names."""
    return Brief(name, began, seconds, {shown: (step.outcome, round(step.duration, 3)) for shown, step in steps})


def read_brief(end: bytes) -> Brief | None:
    """Return the figures in the end of an earlier report; None if there are none. A step may have written the file."""
    found = _ELEMENT.search(end)
    if found is None:
        return None
    try:
        unpack = zlib.decompressobj()
        return _checked(json.loads(unpack.decompress(b64decode(found[1]), _UNPACKED)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, zlib.error):
        return None


def _checked(read: Any) -> Brief:
    name, began, seconds, steps = read
    checked = {str(step): (str(outcome), float(took)) for step, (outcome, took) in steps.items()}
    return Brief(str(name), float(began), float(seconds), checked)


def changes(before: Brief | None, now: Brief, mask: Callable[[str], str]) -> dict[str, Any] | None:
    """Return what is different, as the page shows it; None without a run of the same job before.

    Others may have written what was before, so `mask` gets names that are not those of this run.
    """
    if before is None or before.name != now.name:
        return None
    both = [(step, before.steps[step], now.steps[step]) for step in now.steps if step in before.steps]
    took = [(step, old[1], new[1]) for step, old, new in both if old[0] == new[0] == "success"]
    kinds: dict[str, Sequence[Any]] = {
        "failing": [step for step, old, new in both if new[0] == "failure" != old[0]],
        "fixed": [step for step, old, new in both if old[0] == "failure" and new[0] == "success"],
        "slower": sorted((one for one in took if _more(one[1], one[2])), key=lambda one: one[1] - one[2]),
        "faster": sorted((one for one in took if _more(one[2], one[1])), key=lambda one: one[2] - one[1]),
        "new": [step for step in now.steps if step not in before.steps],
        "gone": [one_line(mask(step))[:_LONGEST] for step in before.steps if step not in now.steps],
    }
    shown = {kind: {"count": len(steps), "steps": list(steps[:_MOST])} for kind, steps in kinds.items() if steps}
    return {"began": before.began, "seconds": before.seconds, "kinds": shown}


def _more(one: float, other: float) -> bool:
    return other - one > max(_SECONDS, one * _SHARE)
