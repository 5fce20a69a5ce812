"""Conditions of steps and jobs: a small language, checked when it is read; pure.

The evaluation of a condition that was read cannot fail. `tokens` splits the text, `parser` builds the condition of
`terms`, and `context` has the facts it is evaluated with.
"""

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
