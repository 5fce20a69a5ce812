"""Runs the jobs of a workflow: which is next is decided by `runnerlib.pipeline.workflow`, where each runs by a place.

`plan` checks everything before anything is touched, `walk` goes through the graph, `here` runs a job on this
machine, `memory` knows what an earlier run has done, `handover` and `artifacts` are what jobs give each other.
"""

from __future__ import annotations

from runnerlib.runner.workflow.plan import WorkflowPlan, plan_workflow
from runnerlib.runner.workflow.preview import next_jobs_after, picture
from runnerlib.runner.workflow.run import run_planned

__all__ = ["WorkflowPlan", "next_jobs_after", "picture", "plan_workflow", "run_planned"]
