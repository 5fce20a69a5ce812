"""Run the jobs of a workflow; `runnerlib.pipeline.workflow` decides which runs next, and a backend runs it.

`plan` checks everything before any change, `run` sets up a run, `scheduler` starts the jobs in the order of the
graph, `local_backend` runs a job on this machine and `event_relay` passes its events on. `job_outputs` and
`artifacts` move data between jobs, `resume` reuses the results of an earlier run, `status_records` keeps the state of
each job for other processes, `preview` shows what a run would do.
"""

from __future__ import annotations

from runnerlib.runner.workflow.plan import WorkflowPlan, plan_workflow
from runnerlib.runner.workflow.preview import next_jobs_after, picture
from runnerlib.runner.workflow.run import run_planned

__all__ = ["WorkflowPlan", "next_jobs_after", "picture", "plan_workflow", "run_planned"]
