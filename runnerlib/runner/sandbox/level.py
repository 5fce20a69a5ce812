"""The level of the sandbox of each step: from the step, the settings, and where the job's file comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from runnerlib.pipeline.job import Step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from runnerlib.config import RunnerConfig
    from runnerlib.pipeline.job import Job
    from runnerlib.pipeline.job.service import Service
    from runnerlib.runner.plan import JobPlan

Level = Literal["off", "source", "strict"]
Kind = Literal["shared", "strict", "untrusted"]
_ORDER: tuple[Level, ...] = ("off", "source", "strict")


class Bounds(NamedTuple):
    """The bounds of a step: its level, and TCP, open, closed or at some ports; `refused` is what it asked in vain.

    `untrusted` steps write to directories apart from those of other steps of their level.
    """

    level: Level
    network: bool | tuple[int, ...] = True
    refused: str = ""
    untrusted: bool = False

    @property
    def kind(self) -> Kind:
        """The kind of steps with which the step shares what it writes for the runner."""
        if self.level != "strict":
            return "shared"
        return "untrusted" if self.untrusted else "strict"

    @property
    def compartment(self) -> str:
        """The name of the containers for such steps; "" is that of steps without bounds of their own."""
        if self.kind == "shared":
            return ""
        return f"{self.kind}, network" if self.network is True else self.kind


def bounds_of_job(plan: JobPlan) -> dict[str, Bounds]:
    """Return the bounds of each step of a job, and of its services, by name."""
    trusted, steps = watched_tree(plan) is not None, bounded_steps(plan.job)
    return {step.name: bounds_of(step, plan.config, trusted=trusted, foreign=plan.untrusted) for step in steps}


def bounded_steps(job: Job) -> list[Step]:
    """Return the steps of a job, and after them its services as steps: those have the bounds of the settings."""
    return [*job.steps, *map(as_step, job.services)]


def as_step(service: Service) -> Step:
    """Return a service as a step, under a name that no step of a file has."""
    return Step(f"service/{service.name}", service.run or "true")


def watched_tree(plan: JobPlan) -> Path | None:
    """Return the CI source that the steps must not change.

    None without one, and for a job that runs in its CI source and has no other: it may write where it runs.
    """
    tree = next((one.target for one in plan.checkouts if one.trusted), None)
    alone = all(one.trusted for one in plan.checkouts)
    return None if tree is None or (alone and plan.job_dir.is_relative_to(tree)) else tree


def bounds_of(step: Step, config: RunnerConfig, *, trusted: bool, foreign: bool) -> Bounds:
    """Return the bounds of a step; `trusted` says that there is a CI source.

    A step of a `foreign` file, one that untrusted code may have written, can only narrow them.
    """
    own, usual = (
        _level("strict" if step.untrusted else step.sandbox or config.sandbox, trusted),
        _level(config.sandbox, trusted),
    )
    refused = ""
    if foreign and _ORDER.index(own) < _ORDER.index(usual):
        refused, own = f"sandbox '{own}'", usual
    if own == "off":
        return Bounds("off", refused=refused)
    given = _network(config.network, own)
    wanted = given if step.network is None else _network(step.network, own)
    if foreign and not _within(wanted, given):
        refused, wanted = f"network '{_shown(wanted)}'", given
    return Bounds(own, wanted, refused, step.untrusted)


def _level(word: str, trusted: bool) -> Level:
    if word == "auto":
        return "source" if trusted else "off"
    return next(level for level in _ORDER if level == word)


def _network(given: bool | Sequence[int] | None, level: Level) -> bool | tuple[int, ...]:
    if given is None:
        return level != "strict"
    return given if isinstance(given, bool) else tuple(given)


def _within(wanted: bool | tuple[int, ...], given: bool | tuple[int, ...]) -> bool:
    if isinstance(wanted, bool) or isinstance(given, bool):
        return given is True or wanted is False
    return set(wanted) <= set(given)


def _shown(network: bool | tuple[int, ...]) -> str:
    return str(network).lower() if isinstance(network, bool) else ",".join(map(str, network))
