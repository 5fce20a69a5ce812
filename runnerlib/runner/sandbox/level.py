"""The level of the sandbox of each step: from the step, the settings, and where the job's file comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnerlib._util.paths import Workspace
    from runnerlib.config import RunnerConfig
    from runnerlib.pipeline.job import Job, Step

Level = Literal["off", "source", "strict"]
_ORDER: tuple[Level, ...] = ("off", "source", "strict")


class Bounds(NamedTuple):
    """The bounds of a step: its level, and TCP, open, closed or at some ports; `refused` is what it asked in vain."""

    level: Level
    network: bool | tuple[int, ...] = True
    refused: str = ""


def bounds_of_job(
    job: Job, config: RunnerConfig, workspace: Workspace, about: Path, *, trusted: bool
) -> dict[str, Bounds]:
    """Return the bounds of each step of a job, whose file lies in the directory `about`, by name."""
    real = Path(os.path.realpath(about))
    foreign = trusted and real.is_relative_to(workspace.base) and not real.is_relative_to(workspace.ci)
    return {step.name: bounds_of(step, config, trusted=trusted, foreign=foreign) for step in job.steps}


def bounds_of(step: Step, config: RunnerConfig, *, trusted: bool, foreign: bool) -> Bounds:
    """Return the bounds of a step; `trusted` says that there is a CI source.

    A step of a `foreign` file, one of the untrusted source beside a CI source, can only narrow them.
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
    return Bounds(own, wanted, refused)


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
