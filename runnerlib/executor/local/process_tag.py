"""Process tags: they show which job and step a process belongs to, wherever it went.

Two of them, because each can be lost in a way that the other survives:

* A number in its limit of file locks, which Linux inherits and no longer uses (`ext/process/mark.h` gives
  the reason). Visible for every process, even for a zombie and for one that changed its user.
* A text in its environment, for systems that do not show limits. Lost by `env -i`.

Both hold a random number of the job, which is unique in practice, and the number of the step.
"""

from __future__ import annotations

import os
import re

from runnerlib._util.proc import read_if_shown
from runnerlib._util.values import NamedTuple
from runnerlib.executor.local import _spawn

TAG = "RUNNERLIB_PROCESS_TAG"
"""The variable with the tags of the step and, outermost first, of the steps its runner runs in."""

# As MARK_STEP_BITS of ext/process/mark.h.
_STEP_BITS = 20
_STEP = (1 << _STEP_BITS) - 1
_LOCKS = b"Max file locks"


class ProcessTag(NamedTuple):
    """The tag of a job: `number` with zero step bits (0 where limits cannot be used), and the text."""

    number: int
    text: str

    def number_of(self, step: int) -> int:
        """The number that a process of a step carries."""
        return self.number and self.number | step

    def value_of(self, step: int) -> str:
        """Return the value of the variable TAG for a step, after the tag that the runner itself has inherited."""
        return f"{os.environ.get(TAG, '')}{self.text}.{step};"

    def step_of(self, pid: int) -> int | None:
        """Return the step number of a process, dead or alive; None if it is not known as the job's.

        0: the runner has started it for itself.
        """
        marks = [limit & _STEP for limit in _limits(pid) if self.number and limit & ~_STEP == self.number]
        # The runner's own have a hard limit that is none of the job's; a step that lowers both passes for none of them.
        if marks and marks != [0, 0]:
            return max(marks)
        found = re.search(self.text.encode() + rb"\.([0-9]+);", read_if_shown(f"/proc/{pid}/environ"))
        return int(found[1]) if found else None


def new_tag() -> ProcessTag:
    """A tag for a new job."""
    bits = _spawn.mark_bits()
    chance = int.from_bytes(os.urandom(8), "big")
    # The highest bit of those there are is set: see `mark_bits` in ext/process/mark.c.
    number = ((1 << bits - 1) | chance % (1 << bits - 1)) & ~_STEP if bits else 0
    return ProcessTag(number, os.urandom(16).hex())


def step_number(count: int) -> int:
    """The number for the `count`-th step of a job, from 1; they start again after a million."""
    return (count - 1) % _STEP + 1


def _limits(pid: int) -> list[int]:
    """Return the soft and the hard limit of file locks of a process, without unlimited ones."""
    text = read_if_shown(f"/proc/{pid}/limits")
    line = text[text.find(_LOCKS) + len(_LOCKS) :].split(b"\n", 1)[0] if _LOCKS in text else b""
    return [int(word) for word in line.split()[:2] if word.isdigit()]
