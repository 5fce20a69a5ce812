"""Workflows: jobs that wait for each other, as values and from files, and which of them run; only reading does I/O."""

from __future__ import annotations

from runnerlib.workflow.checks import condition_of, plain_condition
from runnerlib.workflow.definition import (
    ALL_SUCCESS,
    NO_FILTER,
    Download,
    Filter,
    Workflow,
    WorkflowJob,
    workflow_job,
)
from runnerlib.workflow.expansion import Instance, as_text, expand, instance_graph, instances
from runnerlib.workflow.file import load, parse
from runnerlib.workflow.judgement import Judge, World, combined, outcome_of_all
from runnerlib.workflow.layout import Layout, load_layout
from runnerlib.workflow.progress import Progress

__all__ = [
    "ALL_SUCCESS",
    "NO_FILTER",
    "Download",
    "Filter",
    "Instance",
    "Judge",
    "Layout",
    "Progress",
    "Workflow",
    "WorkflowJob",
    "World",
    "as_text",
    "combined",
    "condition_of",
    "expand",
    "instance_graph",
    "instances",
    "load",
    "load_layout",
    "outcome_of_all",
    "parse",
    "plain_condition",
    "workflow_job",
]
