"""The sandbox of one job: rulesets for its steps, a manifest of its CI source, and what steps write for others."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib._util import locked_file
from runnerlib.engine.boundary import Enclosure
from runnerlib.errors import RunnerError, TamperedError
from runnerlib.executor.local import ProcessSupervisor, landlock
from runnerlib.executor.local.landlock import CHANGE, IOCTL_DEV, READ_FILE, Handled, Ruleset
from runnerlib.executor.process_spec import Confinement
from runnerlib.runner.sandbox import manifest
from runnerlib.runner.sandbox.grants import Grants
from runnerlib.runner.sandbox.handover import Handover
from runnerlib.runner.sandbox.layout import named_paths, special_paths
from runnerlib.runner.sandbox.level import bounds_of_job, watched_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib.engine import JobExecution
    from runnerlib.executor.protocol import Executor
    from runnerlib.pipeline.job import Step
    from runnerlib.runner.plan import JobPlan
    from runnerlib.runner.sandbox.level import Bounds

# Programs that do their work by a set-user-ID bit, which no_new_privs makes void.
_RAISING = r"\b(?:sudo|su|doas|pkexec|newgrp|newuidmap|fusermount3?)\b"

# Python writes beside what it imports: that would be a change of the CI source, by its own code.
_NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}


def bounded(
    plan: JobPlan, execution: JobExecution, executor: Executor, warn: Callable[[str], object], scratch: Path
) -> JobExecution:
    """Return the execution of a job with the sandbox of its steps. Raises RunnerError as `JobSandbox` does."""
    is_local = isinstance(executor, ProcessSupervisor)  # a container bounds its steps itself
    if watched_tree(plan) is not None:
        execution = execution._replace(env={**_NO_BYTECODE, **execution.env})
    return execution._replace(boundary=JobSandbox(plan, scratch, warn, is_local=is_local))


class JobSandbox:
    """Bounds of the steps of a job, to be closed; with `is_local` false only its CI source is looked after.

    Raises ConfigError for a wrong path in `sandbox_paths`, and RunnerError when the kernel lacks a part of a level and
    `sandbox_required` is set; else `warn` gets it.
    """

    def __init__(self, plan: JobPlan, scratch: Path, warn: Callable[[str], object], *, is_local: bool) -> None:
        self._plan = plan
        self._ci = watched_tree(plan)
        self._bounds = bounds_of_job(plan)
        if not is_local:
            if any(bounds.level == "strict" for bounds in self._bounds.values()):
                warn("the sandbox 'strict' is for steps on this machine; those in a container are bounded by that")
            self._bounds = {}
        self._levels = {bounds.level for bounds in self._bounds.values()}
        self._raises = not landlock.needs_no_new_privs()
        self._version = landlock.abi()
        self._grants: dict[Bounds, tuple[Grants, Ruleset] | None] = {}
        self._scratch = scratch
        self._temporary = os.path.realpath(plan.env.get("TMPDIR") or "/tmp")  # noqa: S108 - only compared
        self._handover: Handover | None = None
        for bounds in {*self._bounds.values()}:
            if bounds.refused:
                warn(f"the file of the job is in the untrusted source, which cannot ask for {bounds.refused}")
        self._tell_missing(warn)
        if self._levels - {"off"}:
            self._prepare()
        self._manifest = _noted(self._ci) if self._ci is not None else {}

    def enclosure(self, step: Step) -> Enclosure | None:
        """Return the bounds of an attempt that is about to start; None for a step of a container."""
        if self._handover is None:
            return None
        bounds = self._bounds[step.name]
        scratch = self._handover.scratch.of(bounds)
        if bounds.level == "off":
            return Enclosure(Confinement(), self._handover.env, scratch)
        found = self._granted(bounds)
        strict = bounds.level == "strict"
        no_new_privs = strict or (found is not None and not self._raises)
        confinement = Confinement(found[1] if found else None, no_new_privs, strict)
        return Enclosure(confinement, self._variables(bounds, found[0] if found else None), scratch)

    def check(self) -> None:
        """Raise TamperedError when the CI source is not any more what it was when the job began."""
        if self._ci is None:
            return
        try:
            now = manifest.take(self._ci, self._manifest)
        except OSError as error:
            raise TamperedError(f"the CI source '{self._ci}' cannot be read any more: {error.strerror}") from None
        found = manifest.changes(self._manifest, now)
        if found:
            raise TamperedError(f"the CI source was changed while steps ran: {manifest.summary(found)}")
        self._manifest = now

    def hint(self, step: Step) -> str:
        """Return that a step has failed perhaps because no program gives it more rights."""
        bounds = self._bounds.get(step.name)
        if bounds is None or bounds.level == "off" or not re.search(_RAISING, step.shown):
            return ""
        if bounds.level == "source" and (self._raises or not self._version):
            return ""
        return f" (the sandbox '{bounds.level}' sets no_new_privs, under which sudo and the like give no rights)"

    def close(self) -> None:
        """Put what steps have written for others in its place, and remove what they had to themselves."""
        self._grants.clear()
        handover, self._handover = self._handover, None
        if handover is not None:
            handover.close()

    def _tell_missing(self, warn: Callable[[str], object]) -> None:
        for level in sorted(self._levels - {"off"}):
            strict = level == "strict"
            ports = any(bounds.network is not True for bounds in self._bounds.values() if bounds.level == level)
            lacking = landlock.missing(self._version, ports=ports, devices=strict)
            if not lacking:
                continue
            text = f"this kernel's Landlock lacks parts of the sandbox '{level}': {', '.join(lacking)}"
            if self._plan.config.sandbox_required:
                raise RunnerError(f"{text}; sandbox_required is set")
            watched = "; changes of the CI source are noticed all the same" if self._ci is not None else ""
            warn(text + watched)

    def _prepare(self) -> None:
        """Make what steps write to, before any of it is granted."""
        for _ in named_paths(self._plan):
            pass  # a wrong one ends the run before its first step
        self._plan.workspace.own()
        self._handover = Handover(self._plan, self._scratch)
        with suppress(locked_file.FileError):
            os.close(locked_file.opened(self._plan.spool, os.O_WRONLY | os.O_CREAT))

    def _granted(self, bounds: Bounds) -> tuple[Grants, Ruleset] | None:
        """Return the ruleset of a level, with grants for what is there now; None without Landlock."""
        key = bounds._replace(refused="")
        if key not in self._grants:
            self._grants[key] = self._made(key) if self._version else None
        elif (found := self._grants[key]) is not None:
            found[0].refresh()
        return self._grants[key]

    def _made(self, bounds: Bounds) -> tuple[Grants, Ruleset]:
        assert self._handover is not None  # noqa: S101 - only a sandbox with one makes rulesets
        files = CHANGE | READ_FILE | (IOCTL_DEV if bounds.level == "strict" else 0)
        ports = () if isinstance(bounds.network, bool) else bounds.network
        try:
            ruleset = Ruleset(Handled(files, network=bounds.network is not True), ports)
            return Grants(ruleset, special_paths(self._plan, bounds, self._handover.scratch)), ruleset
        except OSError as error:
            raise RunnerError(f"cannot make the sandbox '{bounds.level}': {error.strerror}") from None

    def _variables(self, bounds: Bounds, grants: Grants | None) -> dict[str, str]:
        """Return the variables of a step: a home of its own if it is strict, and a place for temporary files."""
        assert self._handover is not None  # noqa: S101 - only a sandbox with one bounds steps
        env = dict(self._handover.env)
        if bounds.level == "strict":
            return env | self._handover.apart(self._handover.scratch.of(bounds))
        if grants is not None and self._temporary in grants.closed:
            env["TMPDIR"] = self._handover.temporary()
        return env


def _noted(tree: Path) -> manifest.Manifest:
    """Return the manifest at the start of a job. Raises RunnerError."""
    try:
        return manifest.take(tree)
    except OSError as error:
        raise RunnerError(f"the CI source '{tree}' cannot be read: {error.strerror}") from None
