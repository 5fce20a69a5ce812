"""Workflows: jobs that wait for each other, as values and from files, and which of them run; only reading does I/O."""

from __future__ import annotations

from runnerlib.pipeline.workflow.checks import condition_of, plain_condition
from runnerlib.pipeline.workflow.decision import JobDecider, combined, first_failed, outcome_of_all
from runnerlib.pipeline.workflow.expansion import Instance, as_text, expand, filled, instance_graph, instances
from runnerlib.pipeline.workflow.file import load, parse
from runnerlib.pipeline.workflow.job import (
    ALL_SUCCESS,
    NO_FILTER,
    Approval,
    Download,
    FanOut,
    Filter,
    WorkflowJob,
    workflow_job,
)
from runnerlib.pipeline.workflow.model import Workflow
from runnerlib.pipeline.workflow.progress import Progress, ToApprove
from runnerlib.pipeline.workflow.reactorcide_dir import Layout, load_layout

__all__ = [
    "ALL_SUCCESS",
    "NO_FILTER",
    "Approval",
    "Download",
    "FanOut",
    "Filter",
    "Instance",
    "JobDecider",
    "Layout",
    "Progress",
    "ToApprove",
    "Workflow",
    "WorkflowJob",
    "as_text",
    "combined",
    "condition_of",
    "expand",
    "filled",
    "first_failed",
    "instance_graph",
    "instances",
    "load",
    "load_layout",
    "outcome_of_all",
    "parse",
    "plain_condition",
    "workflow_job",
]
