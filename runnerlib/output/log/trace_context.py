"""The fields of the trace context, which each line of a log has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

TRACE_VARIABLES = ("TRACEPARENT", "traceparent")

_PARENT = r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"


class Parent(NamedTuple):
    """The span that a run is a part of: the ids of its trace and itself, and whether it is recorded."""

    trace_id: str
    span_id: str
    sampled: bool = True


def context(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the fields `job_id` and `trace_id`, if the environment has them."""
    job, trace = environ.get("REACTORCIDE_JOB_ID", ""), trace_id(environ)
    return {name: value for name, value in (("job_id", job), ("trace_id", trace)) if value}


def trace_id(environ: Mapping[str, str]) -> str:
    """Return the id of the trace that TRACEPARENT names; empty if there is none or it is not valid."""
    parent = parent_of(environ)
    return parent.trace_id if parent is not None else ""


def parent_of(environ: Mapping[str, str]) -> Parent | None:
    """Return what TRACEPARENT names; None if there is none or it is not valid.

    Source: W3C Trace Context, section 3.2: ids of zeros and version ff are invalid, later versions may say more.
    """
    for name in TRACE_VARIABLES:
        found = re.fullmatch(_PARENT, environ.get(name, "").strip().lower())
        if (
            found
            and found[1] != "ff"
            and (found[5] is None or found[1] != "00")
            and set(found[2]) != {"0"} != set(found[3])
        ):
            return Parent(found[2], found[3], bool(int(found[4], 16) & 1))
    return None
