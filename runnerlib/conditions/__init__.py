"""Conditions of steps: a small language that is checked when it is read and always gives an answer; pure."""

from __future__ import annotations

from runnerlib.conditions.condition import Condition, parse
from runnerlib.conditions.facts import VARIABLES, Facts, variables
from runnerlib.conditions.tokens import LONGEST, ConditionError

__all__ = ["LONGEST", "VARIABLES", "Condition", "ConditionError", "Facts", "parse", "variables"]
