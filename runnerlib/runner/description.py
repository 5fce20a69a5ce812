"""A plan in words, for a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.runner.plan import JobPlan


def described(plan: JobPlan) -> Iterator[tuple[str, str]]:
    """Yield the plan as (label, text) rows, not masked."""
    yield "workspace", str(plan.workspace.base)
    for checkout in plan.checkouts:
        yield checkout.label, checkout.described()
    yield "directory", str(plan.job_dir)
    if plan.awaited is not None:
        yield "job", f"the one that '{one_line(plan.awaited)}' describes, in the source"
    elif plan.is_command:
        yield "command", plan.job.steps[0].shown
    else:
        yield "job", f"{plan.job.name}, {len(plan.job.steps)} steps"
    if plan.placement is not None:
        yield "container", f"{plan.placement.image}, by {plan.placement.engine.program}"
    if plan.is_bounded and plan.awaited is None:
        from runnerlib.runner.sandbox.level import bounds_of_job  # for the few plans that have some

        yield "sandbox", ", ".join(dict.fromkeys(bounds.level for bounds in bounds_of_job(plan).values()))
    lists = sum(plan.job.secrets_of(step) is not None for step in plan.job.steps)
    by_list = f"; by a list for {lists} of {len(plan.job.steps)} steps" if lists else ""
    yield "secrets", f"{plan.secret_count} masked{by_list}"
    for warning in plan.warnings:
        yield "warning", warning
