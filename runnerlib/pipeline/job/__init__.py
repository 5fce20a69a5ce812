"""Jobs and steps as values, and the order the steps run in; pure."""

from __future__ import annotations

from runnerlib.pipeline.job.model import VARIABLE_NAME, Job, Problem, variable_part
from runnerlib.pipeline.job.step import NO_RETRY, Retry, Step, When, dependencies

__all__ = ["NO_RETRY", "VARIABLE_NAME", "Job", "Problem", "Retry", "Step", "When", "dependencies", "variable_part"]
