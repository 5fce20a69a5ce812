"""The phases of a run, in the order in which they fire."""

from __future__ import annotations

from contextvars import ContextVar
from enum import Enum


class PluginPhase(Enum):
    """Phases in which plugins are called; each phase fires at most once in a run, in this order.

    PRE_CONTAINER and POST_CONTAINER are older names of PRE_EXECUTION and POST_EXECUTION. Source: the
    names of Reactorcide's plugins.
    """

    PRE_VALIDATION = "pre_validation"
    POST_VALIDATION = "post_validation"
    PRE_SOURCE_PREP = "pre_source_prep"
    POST_SOURCE_PREP = "post_source_prep"
    PRE_EXECUTION = "pre_execution"
    POST_EXECUTION = "post_execution"
    ON_ERROR = "on_error"
    CLEANUP = "cleanup"

    PRE_CONTAINER = PRE_EXECUTION
    POST_CONTAINER = POST_EXECUTION

    @classmethod
    def _missing_(cls, value: object) -> PluginPhase | None:
        newer = OLDER.get(value) if isinstance(value, str) else None
        return None if newer is None else cls(newer)


OLDER = {"pre_container": "pre_execution", "post_container": "post_execution"}
"""Older names of phases and hooks, with their present names."""

STEP_HOOKS = ("pre_step", "post_step")
"""The hooks beside the phases: called before and after each step that runs."""

CURRENT: ContextVar[PluginPhase | None] = ContextVar("CURRENT", default=None)
"""The phase in which the running code was called, None outside of a phase."""
