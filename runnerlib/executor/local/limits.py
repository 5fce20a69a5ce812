"""Limits of a step on this machine: the processors that it runs on, and the memory of each of its processes."""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runnerlib._util.resources import limits_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.executor.process_spec import ProcessSpec

# What a process has for its data; address space that is only reserved, as by many languages, does not count. A limit
# that cannot be set is above one that the runner has itself.
_LIMIT = ("/bin/sh", "-c", 'ulimit -d "$1" 2>/dev/null; shift; exec "$@"', "sh")


@contextmanager
def limited(spec: ProcessSpec) -> Iterator[ProcessSpec]:
    """Yield the process to start in the block: what this thread starts there has the processors of the step."""
    limits, words = limits_of(spec.resources), tuple(spec.argv)
    if limits.memory:
        words = (*_LIMIT, str(limits.memory >> 10), *words)
    spec = spec._replace(argv=words, resources={})
    usable, count = sorted(os.sched_getaffinity(0)), math.ceil(limits.cpus)
    if not 0 < count < len(usable):
        yield spec
        return
    first = os.urandom(1)[0] % len(usable)  # so that steps beside it mostly have others
    os.sched_setaffinity(0, (usable * 2)[first : first + count])
    try:
        yield spec
    finally:
        os.sched_setaffinity(0, usable)
