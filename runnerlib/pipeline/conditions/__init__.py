"""Conditions of steps and jobs: a small language that is checked when it is read and always gives an answer; pure."""

from __future__ import annotations

from runnerlib.pipeline.conditions.context import VARIABLES, Facts, variables
from runnerlib.pipeline.conditions.parser import JOBS, STEPS, Condition, Subject, parse
from runnerlib.pipeline.conditions.tokens import LONGEST, ConditionError

__all__ = [
    "JOBS",
    "LONGEST",
    "STEPS",
    "VARIABLES",
    "Condition",
    "ConditionError",
    "Facts",
    "Subject",
    "parse",
    "variables",
]
