"""Keys that all jobs or all steps of a translation have, said once."""

from __future__ import annotations

from typing import Any


def with_defaults(workflow: dict[Any, Any]) -> dict[Any, Any]:
    """Return a workflow whose `defaults` have the variables of all its jobs, and the shell of all its steps."""
    jobs = list(workflow["jobs"].values())
    steps = [step for job in jobs for step in job["steps"] if isinstance(step, dict)]
    shells = {step.get("shell") for step in steps}
    shell = next(iter(shells)) if len(shells) == 1 and len(steps) > 1 else None
    env = _common([job.get("env") or {} for job in jobs]) if len(jobs) > 1 else {}
    for step in steps if shell else ():
        del step["shell"]
    for job in jobs:
        job["env"] = {name: text for name, text in (job.get("env") or {}).items() if name not in env}
    defaults = {"jobs": {"env": env}, "steps": {"shell": shell}}
    before = {key: value for key, value in workflow.items() if key != "jobs"}
    return {**before, "defaults": defaults, "jobs": workflow["jobs"]}


def _common(all_of_them: list[dict[str, str]]) -> dict[str, str]:
    first, *others = all_of_them
    return {name: text for name, text in first.items() if all(one.get(name) == text for one in others)}
