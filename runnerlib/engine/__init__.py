"""Runs a job: its steps as the graph allows, each as processes of its own, every byte through the mask.

`job_run` walks the graph; `schedule` (what is next), `decision` (whether it runs) and `variables`
(with which environment) are pure. `step_run` makes the attempts at a step, `attempt` executes one,
`exports` reads what it hands to later steps.
"""

from __future__ import annotations

from runnerlib.engine.attempt import Attempt, Command, Limits
from runnerlib.engine.job_run import Execution, JobRun, Kept, distinct
from runnerlib.engine.should_run import Surroundings
from runnerlib.engine.step_run import Around

__all__ = [
    "Around",
    "Attempt",
    "Command",
    "Execution",
    "JobRun",
    "Kept",
    "Limits",
    "Surroundings",
    "distinct",
]
