"""The engine: runs a job's steps as its graph allows, as processes, with all output masked.

`job_run` runs the graph in the order that `_util.graph` gives; `should_run` (whether a step runs, and with
which environment) is pure. `step_run` makes the attempts at a step, `attempt` executes one, `output_pump` passes on its
output, `retry_watch` searches that for the pattern of a retry, `exec_limits` makes the command fit into the limits of
the kernel, and `step_outputs` reads the outputs for later steps.
"""

from __future__ import annotations

from runnerlib.engine.attempt import Attempt, Command, Limits
from runnerlib.engine.job_run import JobExecution, JobRun, distinct
from runnerlib.engine.should_run import ReusedResult
from runnerlib.engine.step_context import Inspect, StepContext, StepHooks

__all__ = [
    "Attempt",
    "Command",
    "Inspect",
    "JobExecution",
    "JobRun",
    "Limits",
    "ReusedResult",
    "StepContext",
    "StepHooks",
    "distinct",
]
