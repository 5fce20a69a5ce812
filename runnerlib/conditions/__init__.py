"""Conditions of steps and jobs: a small language that is checked when it is read and always gives an answer; pure."""

from __future__ import annotations

from runnerlib.conditions.condition import JOBS, STEPS, Condition, Subject, parse
from runnerlib.conditions.facts import VARIABLES, Facts, variables
from runnerlib.conditions.tokens import LONGEST, ConditionError

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
