"""The steps of a planned job, ready for the engine: environment, directories, conditions, journal."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.engine import JobExecution, JobRun, Limits
from runnerlib.errors import RunnerError
from runnerlib.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib.engine import StepHooks
    from runnerlib.events import Observer
    from runnerlib.executor.protocol import Executor
    from runnerlib.masking import SecretMasker
    from runnerlib.pipeline.job import Step
    from runnerlib.pipeline.surroundings import Surroundings
    from runnerlib.runner.journal import Journal
    from runnerlib.runner.plan import JobPlan
    from runnerlib.runner.sandbox.watch import Watch
    from runnerlib.runner.services import RunServices


_SAMPLE = 0.1
"""Seconds between two samples of what a step uses."""


class Site(NamedTuple):
    """The place of a job's steps: what starts their processes, the secret socket, and a private directory."""

    executor: Executor
    socket: Path
    scratch: Path


def job_run(
    plan: JobPlan,
    services: RunServices,
    journal: Journal | None,
    observer: Observer,
    site: Site,
    around: StepHooks | None = None,
    watch: Watch | None = None,
) -> JobRun:
    """Return the job of a plan, ready to run in its prepared workspace; `around` are hooks of its steps.

    `watch` has looked after the CI source since it was prepared.
    """
    masker, execution = services.masker, _execution(plan, services, site)
    if plan.is_bounded:
        from runnerlib.runner.sandbox.job import bounded  # for the jobs that have one

        warn, apart = partial(_warn, masker, observer), _apart(plan, site)
        execution = bounded(plan, execution, site.executor, warn, apart, watch)
    if plan.conditions:
        execution = execution._replace(surroundings=_surroundings(plan, partial(_warn, masker, observer)))
    if journal is not None:
        from runnerlib.runner.resume import remembering

        execution = remembering(plan, masker, journal, execution, observer)
    if any(step.cache or step.sources for step in plan.job.steps):
        from runnerlib.runner.cache.steps import StepFiles  # few jobs keep files from run to run

        execution = execution._replace(
            cache=StepFiles(plan, execution.env, masker, observer, measures=services.measures)
        )
    if any(step.reports or step.problem_matchers for step in plan.job.steps):
        from runnerlib.runner.findings.step_findings import Findings  # few steps have some

        execution = execution._replace(findings=Findings(plan, masker, observer))
    execution = execution._replace(annotate=partial(_annotate, plan, masker, observer, execution.directory))
    if plan.job.env_file or any(step.env_file for step in plan.job.steps):
        from runnerlib.runner.env_files import EnvFiles  # for the few jobs that have some

        around = EnvFiles(plan, masker, around)
    if around is not None:
        execution = execution._replace(around=around)
    if plan.job.services:
        from runnerlib.runner.served import ServedJob  # few jobs have services

        return ServedJob(plan, execution, site.executor, masker, observer)
    return JobRun(execution, site.executor, masker, observer)


def _annotate(
    plan: JobPlan,
    masker: SecretMasker,
    observer: Observer,
    directory: Callable[[Step], Path],
    step: Step,
    text: str,
    shown: str,
) -> None:
    from runnerlib.runner.findings.step_findings import Findings  # few steps annotate

    try:
        place = directory(step)
    except RunnerError:  # it was replaced since the attempt began; paths stay as they were given
        place = plan.job_dir
    Findings(plan, masker, observer).tell(text, shown, place)


def _execution(plan: JobPlan, services: RunServices, site: Site) -> JobExecution:
    def directory(step: Step) -> Path:
        """Return the directory of a step, resolved at its start: an earlier step may have made or replaced it."""
        if step.working_dir is None and _is_real(plan.job_dir):
            return plan.job_dir
        text = step.working_dir or ""
        named = text if text.startswith("/") else f"{plan.job_dir}/{text}"
        return plan.workspace.resolve(named, f"working_dir of step '{step.name}'")

    socket = site.socket
    return JobExecution(
        job=plan.job,
        env={**plan.env, "REACTORCIDE_SECRETS_SOCKET": str(socket)} if os.path.lexists(socket) else plan.env,
        directory=directory,
        scratch=site.scratch,
        conditions=plan.conditions,
        limits=Limits(
            plan.config.grace_period, plan.config.drain_timeout, _SAMPLE if plan.config.profile_steps else 0.0
        ),
        cleanup=plan.config.cleanup_timeout,
        secrets=plan.secrets,
        inspect=services.inspect,
        trace=services.trace.variables if services.trace is not None else None,
    )


def _apart(plan: JobPlan, site: Site) -> Path:
    """Return a directory that bounded steps may write to: beside the socket they could replace that."""
    if plan.placement is not None and site.scratch.name == "shared":
        return site.scratch.parent
    return plan.workspace.own("scratch", os.urandom(8).hex()) if site.scratch == site.socket.parent else site.scratch


def _is_real(directory: Path) -> bool:
    """Return whether the path of a directory contains no symbolic link, by the kernel's own path of it."""
    try:
        found = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.readlink(f"/proc/self/fd/{found}") == str(directory)
    finally:
        os.close(found)


def _warn(masker: SecretMasker, observer: Observer, text: str) -> None:
    observer.observe(Warned(masker.mask_string(text)))


def _surroundings(plan: JobPlan, warn: Callable[[str], None]) -> Surroundings:
    # Few jobs have conditions, and their context takes time to load.
    from runnerlib.runner import condition_context

    found = condition_context.surroundings(plan.env, plan.job.name, condition_context.repository_of(plan), warn)
    found = found._replace(inputs=plan.job.input_values or {})
    found.variables()  # before a step can change what is checked out
    if any("changed" in condition.functions for condition in plan.conditions.values()):
        found.changed("")  # likewise: a step could change where the repository fetches from
    return found
