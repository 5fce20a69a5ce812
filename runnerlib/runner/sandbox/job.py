"""The sandbox of one job: rulesets for its steps, a manifest of its CI source, and what steps write for others."""

from __future__ import annotations

import os
import re
from itertools import count
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.engine.boundary import Enclosure
from runnerlib.errors import RunnerError
from runnerlib.executor.local import ProcessSupervisor, landlock
from runnerlib.executor.local.landlock import CHANGE, IOCTL_DEV, READ_FILE, Handled, Ruleset
from runnerlib.executor.process_spec import UNCONFINED, Confinement
from runnerlib.runner.sandbox.grants import Grants
from runnerlib.runner.sandbox.handover import Handover
from runnerlib.runner.sandbox.layout import named_paths, special_paths
from runnerlib.runner.sandbox.level import bounded_steps, bounds_of_job, watched_tree
from runnerlib.runner.sandbox.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib.engine import JobExecution
    from runnerlib.executor.process_spec import Sockets
    from runnerlib.executor.protocol import Executor
    from runnerlib.pipeline.job import Step
    from runnerlib.runner.plan import JobPlan
    from runnerlib.runner.sandbox.level import Bounds, Kind

# Programs that do their work by a set-user-ID bit, which no_new_privs makes void.
_RAISING = r"\b(?:sudo|su|doas|pkexec|newgrp|newuidmap|fusermount3?)\b"

# Python writes beside what it imports: that would be a change of the CI source, by its own code.
_NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}


def bounded(
    plan: JobPlan,
    execution: JobExecution,
    executor: Executor,
    warn: Callable[[str], object],
    scratch: Path,
    watch: Watch | None,
) -> JobExecution:
    """Return the execution of a job with the sandbox of its steps. Raises RunnerError as `JobSandbox` does."""
    is_local = isinstance(executor, ProcessSupervisor)  # a container bounds its steps itself
    if watched_tree(plan) is not None:
        execution = execution._replace(env={**_NO_BYTECODE, **execution.env})
    if not is_local:  # it has another owner now
        watch = None
    return execution._replace(boundary=JobSandbox(plan, scratch, warn, watch, is_local=is_local))


class _Bound(NamedTuple):
    """The bounds of steps in the form of the kernel; `grants` are those of the ruleset, None without Landlock."""

    grants: Grants | None
    confinement: Confinement


class JobSandbox:
    """Bounds of the steps of a job, to be closed; with `is_local` false containers bound them, see `containers`.

    `watch` has looked after the CI source since it was prepared; by default it is noted now.

    Raises ConfigError for a wrong path in `sandbox_paths`, and RunnerError when the kernel lacks a part of a level and
    `sandbox_required` is set; else `warn` gets it.
    """

    def __init__(
        self, plan: JobPlan, scratch: Path, warn: Callable[[str], object], watch: Watch | None = None, *, is_local: bool
    ) -> None:
        self._plan = plan
        self._watch = watch
        self._ci = watched_tree(plan)
        self._bounds = bounds_of_job(plan)
        self._is_local = is_local
        self._numbers = {step.name: number for number, step in enumerate(bounded_steps(plan.job))}
        self._levels = {bounds.level for bounds in self._bounds.values()}
        self._raises = not landlock.needs_no_new_privs()
        self._version = landlock.abi()
        self._filters = landlock.filters()
        self._bound: dict[tuple[Bounds, int], _Bound] = {}
        self._slots: dict[str, int] = {}  # by the names of steps that run: two of them never have the same
        self._scratch = scratch
        self._temporary = os.path.realpath(plan.env.get("TMPDIR") or "/tmp")  # noqa: S108 - only compared
        self._handover: Handover | None = None
        for bounds in {*self._bounds.values()}:
            if bounds.refused:
                warn(f"the file of the job is in the untrusted source, which cannot ask for {bounds.refused}")
        if is_local:
            self._tell_missing(warn)
        elif any(bounds.network and bounds.network is not True for bounds in self._bounds.values()):
            warn("no container can be limited to ports: steps in one that list some have no network")
        if self._levels - {"off"}:
            self._prepare()
        if self._ci is None:
            self._watch = None
        elif self._watch is None or self._watch.tree != self._ci:
            self._watch = Watch(self._ci)
        if self._watch is not None:
            self._watch.check()  # since it was prepared, the other source was, and programs ran for that
            self._watch.steps_begin(bounded="off" not in self._levels)

    def enclosure(self, step: Step) -> Enclosure | None:
        """Return the bounds of an attempt that is about to start; None for one without."""
        if self._handover is None:
            return None
        bounds, number = self._bounds[step.name], self._numbers[step.name]
        kind = bounds.kind
        slot = self._slot(self._handover, step.name, kind)
        scratch = self._handover.place(kind, slot)
        env = self._handover.env(kind, number, scratch)
        if bounds.level == "off" or not self._is_local:
            return Enclosure(UNCONFINED, env, scratch, "" if self._is_local else bounds.compartment)
        bound = self._bound_of(bounds, slot)
        if bound.grants is not None and kind == "shared" and self._temporary in bound.grants.closed:
            env["TMPDIR"] = self._handover.temporary()
        return Enclosure(bound.confinement, env, scratch)

    def collect(self, step: Step) -> None:
        """Take the follow-up jobs of an attempt that has ended, and give up its place. Raises RunnerError."""
        if self._handover is not None and (slot := self._slots.pop(step.name, None)) is not None:
            place = self._handover.place(self._bounds[step.name].kind, slot)
            self._handover.collect(self._numbers[step.name], place)

    def check(self) -> None:
        """Raise TamperedError when the CI source is not any more what it was when the job began."""
        if self._watch is not None:
            self._watch.check()

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
        self._bound.clear()
        handover, self._handover = self._handover, None
        if handover is not None:
            handover.close()

    def _tell_missing(self, warn: Callable[[str], object]) -> None:
        for level in sorted(self._levels - {"off"}):
            strict = level == "strict"
            ports = any(bounds.network is not True for bounds in self._bounds.values() if bounds.level == level)
            lacking = landlock.missing(self._version, ports=ports, devices=strict)
            lacking += [] if self._filters else ["filters of system calls (seccomp)"]
            if not lacking:
                continue
            text = f"this kernel lacks parts of the sandbox '{level}': {', '.join(lacking)}"
            if self._plan.config.sandbox_required:
                raise RunnerError(f"{text}; sandbox_required is set")
            watched = "; changes of the CI source are noticed all the same" if self._ci is not None else ""
            warn(text + watched)

    def _prepare(self) -> None:
        """Make what steps write to, before any of it is granted."""
        for _ in named_paths(self._plan):
            pass  # a wrong one ends the run before its first step
        self._plan.workspace.own()
        self._handover = Handover(self._plan, self._scratch, is_local=self._is_local)

    def _slot(self, handover: Handover, step: str, kind: Kind) -> int:
        """Return the slot of a step: the lowest that none which runs beside it has, so that few rulesets are made.

        Its place is empty: what another step has left there is no word of this one.
        """
        if step not in self._slots:
            free = (slot for slot in count() if slot not in self._slots.values())
            self._slots[step] = next(slot for slot in free if handover.clear(handover.place(kind, slot)))
        return self._slots[step]

    def _bound_of(self, bounds: Bounds, slot: int) -> _Bound:
        """Return the bounds of a step, with grants for what is there now."""
        found = self._bound.get((bounds, slot))
        if found is None:
            found = self._bound[bounds, slot] = self._made(bounds, slot)
        elif found.grants is not None:
            found.grants.refresh()
        return found

    def _made(self, bounds: Bounds, slot: int) -> _Bound:
        grants, ruleset = self._granted(bounds, slot) if self._version else (None, None)
        strict = bounds.level == "strict"
        no_new_privs = strict or (ruleset is not None and not self._raises)
        confinement = Confinement(ruleset, no_new_privs, strict)
        if self._filters and (strict or ruleset is not None):  # without Landlock, sudo works at `source`
            confinement = confinement._replace(calls="strict" if strict else "source", sockets=_sockets(bounds))
        return _Bound(grants, confinement)

    def _granted(self, bounds: Bounds, slot: int) -> tuple[Grants, Ruleset]:
        assert self._handover is not None  # noqa: S101 - only a sandbox with one makes rulesets
        files = CHANGE | READ_FILE | (IOCTL_DEV if bounds.level == "strict" else 0)
        ports = () if isinstance(bounds.network, bool) else bounds.network
        try:
            ruleset = Ruleset(Handled(files, network=bounds.network is not True), ports)
            own = (*self._handover.common(bounds.kind), self._handover.place(bounds.kind, slot))
            return Grants(ruleset, special_paths(self._plan, bounds, own)), ruleset
        except OSError as error:
            raise RunnerError(f"cannot make the sandbox '{bounds.level}': {error.strerror}") from None


def _sockets(bounds: Bounds) -> Sockets:
    """Return the sockets that a step may make."""
    return "all" if bounds.network is True else "TCP and UDP" if bounds.network else "local"
