"""Jobs and steps as values, and the order the steps run in; pure."""

from __future__ import annotations

from runnerlib.job.definition import Job, Problem, variable_part
from runnerlib.job.order import dependencies
from runnerlib.job.step import NO_RETRY, Retry, Step, When

__all__ = ["NO_RETRY", "Job", "Problem", "Retry", "Step", "When", "dependencies", "variable_part"]
