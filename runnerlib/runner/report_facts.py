"""Facts for the report of a run that are in no event: the environment without its secrets, conditions, logs."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import TYPE_CHECKING

from runnerlib.errors import one_line
from runnerlib.output.report.page.recording import About
from runnerlib.pipeline.workflow.job import ALL_SUCCESS
from runnerlib.runner.environment import named_secrets
from runnerlib.runner.plan import JobPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from runnerlib.output.log.file_names import LogNames
    from runnerlib.pipeline.job import Step
    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.services import RunServices
    from runnerlib.runner.workflow.plan import WorkflowPlan

_LONGEST = 300
_MOST = 500
_HIDDEN = "(secret)"


def about(plan: RunPlan, services: RunServices, logs: LogNames, workflow: WorkflowPlan | None) -> About:
    """Return the facts of a run; `workflow` is the plan that `plan` is the front of."""
    mask = services.masker.mask_string

    def rules() -> Mapping[str, str]:
        if workflow is not None:
            return rules_of_workflow(workflow)
        return _rules_of_job(plan.job.steps, mask) if isinstance(plan, JobPlan) else {}

    return About(_version(), lambda: list(_environment(plan, mask)), rules, logs.path, mask)


def is_untrusted(plan: RunPlan, workflow: WorkflowPlan | None) -> bool:
    """Return whether others may have written a step: its file or code is of a source that is not trusted."""
    config, plans = plan.config, [plan, *(workflow.plans.values() if workflow is not None else ())]
    if (config.ci_source_type, config.ci_source_url) != (None, None):
        return True
    return any(one.untrusted or (isinstance(one, JobPlan) and _has_untrusted(one)) for one in plans)


def _has_untrusted(plan: JobPlan) -> bool:
    return plan.awaited is not None or any(step.untrusted for step in plan.job.steps)


def rules_of(steps: Iterable[Step]) -> Iterator[tuple[str, str]]:
    """Yield the condition of each step that has one, with its name."""
    for step in steps:
        text = f"condition: {step.condition}" if step.condition else f"when: {step.when}" if step.when else ""
        if text:
            yield step.name, text


def _rules_of_job(steps: Iterable[Step], mask: Callable[[str], str]) -> dict[str, str]:
    return {mask(name): one_line(mask(text)) for name, text in rules_of(steps)}


def _environment(plan: RunPlan, mask: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Yield names and values, masked by all that is known to be secret when the run has ended."""
    for name, value in (*_machine(), *_settings(plan), *_variables(plan)):
        text = one_line(mask(value))
        yield one_line(mask(name)), text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _version() -> str:
    """Return the version of the runner; empty where it is used without being installed."""
    try:
        return metadata.version("runnerlib")
    except metadata.PackageNotFoundError:
        return ""


def _machine() -> Iterator[tuple[str, str]]:
    system = os.uname()
    yield "runnerlib", _version()
    yield "Python", platform.python_version()
    yield "system", f"{system.sysname} {system.release} {system.machine}"
    yield "processors", str(len(os.sched_getaffinity(0)))


def _settings(plan: RunPlan) -> Iterator[tuple[str, str]]:
    config = plan.config
    for name in ("job_file", "workflow_file", "source_url", "source_ref", "ci_source_url", "ci_source_ref", "fleet"):
        if value := getattr(config, name):
            yield name, str(value)
    if plan.placement is not None:
        yield "image", plan.placement.image


def _variables(plan: RunPlan) -> Iterator[tuple[str, str]]:
    """Yield the variables that were set for the job; of a secret one only the name."""
    given = {name: plan.env[name] for name in sorted(plan.given)[:_MOST] if name in plan.env}
    hidden = {*plan.secret_names, *(secret.name for secret in named_secrets(given, plan.config))}
    yield from ((f"${name}", _HIDDEN if name in hidden else value) for name, value in given.items())


def rules_of_workflow(plan: WorkflowPlan) -> dict[str, str]:
    """Return the conditions of the steps of a workflow, with those of their jobs, by the names of events."""
    found: dict[str, str] = {}
    for name, instance in plan.instances.items():
        job, own = instance.job, dict(rules_of(instance.job.body.steps))
        of_job = "" if job.condition == ALL_SUCCESS else f"condition of the job: {job.condition}"
        for step in job.body.steps:
            texts = filter(None, (of_job, own.get(step.name, "")))
            shown = name if job.command is not None else f"{name}/{step.name}"
            found[plan.masker.mask_string(shown)] = one_line(plan.masker.mask_string("; ".join(texts)))
    return found
