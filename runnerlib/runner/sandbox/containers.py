"""Containers of a job with bounds: what its steps see of the workspace, and may write there.

What the kernel's sandbox is for steps on this machine, mounts are in a container. The runner's own files are covered in
all of them. Strict steps have containers of their own: they could read the memory and the environment of others beside
them, and what they write into a shared home a later step would read, with its secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib._util.paths import OWN
from runnerlib.errors import RunnerError
from runnerlib.executor.container import INSIDE, ContainerSpec
from runnerlib.runner.sandbox.layout import named_paths
from runnerlib.runner.sandbox.level import bounds_of_job

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from runnerlib.runner.plan import JobPlan
    from runnerlib.runner.sandbox.level import Bounds

_RUNNERS = f"{INSIDE}/{OWN}"


def bounded_specs(plan: JobPlan, spec: ContainerSpec) -> list[ContainerSpec]:
    """Return the containers of a job, its own image first: for each image and kind of bounds. Raises RunnerError."""
    bounds = bounds_of_job(plan)
    if any(one.level != "off" for one in bounds.values()):
        spec = spec._replace(covered=tuple(_covered(plan, spec)))
    found: dict[tuple[str, str], ContainerSpec] = {}
    for step in plan.job.steps:
        one = _narrowed(plan, spec._replace(image=step.image or spec.image), bounds[step.name])
        one = one.limited(step.resources)
        found.setdefault((one.image, one.compartment), one)
    return sorted(found.values(), key=lambda one: one.image != spec.image)


def _narrowed(plan: JobPlan, spec: ContainerSpec, bounds: Bounds) -> ContainerSpec:
    """Return the container of strict steps: most of the workspace is read-only, and there is no network by default."""
    if not bounds.compartment:
        return spec
    limits = spec.limits._replace(capabilities=())
    if bounds.network is not True:
        limits = limits._replace(network="none")
    writable = dict(_writable(plan, spec))
    return spec._replace(
        compartment=bounds.compartment,
        scratch=spec.scratch.with_name(bounds.kind),
        limits=limits,
        shared=tuple(path for path in spec.shared if path not in writable),
        writable=tuple(writable.items()),
    )


def _writable(plan: JobPlan, spec: ContainerSpec) -> Iterator[tuple[Path, str]]:
    for path in (plan.code_dir, plan.workspace.artifacts, *named_paths(plan)):
        if path in spec.mounts:
            continue  # the CI source that the job runs in
        try:
            yield path, spec.inside(path)
        except RunnerError:
            yield path, str(path)


def _covered(plan: JobPlan, spec: ContainerSpec) -> Iterator[tuple[Path, str]]:
    """Yield an empty directory for each way to the runner's own files, and the CI source for each other way to it."""
    cover = spec.scratch.with_name("cover")
    _make_cover(cover, spec.mounts)
    yield cover, _RUNNERS
    base = plan.workspace.base
    if any(base.is_relative_to(path) for path in spec.shared):
        yield cover, str(base / OWN)
        yield from ((one.target, str(one.target)) for one in plan.checkouts if one.trusted)


def _make_cover(cover: Path, mounts: Mapping[Path, str]) -> None:
    """Make a directory with nothing in it but the points of further mounts. Raises RunnerError."""
    points = {target.removeprefix(_RUNNERS + "/"): path for path, target in mounts.items()}
    try:
        cover.mkdir(mode=0o755)
        (cover / "scratch").mkdir()
        for name, path in _direct(points.items()):
            if path.is_dir():
                (cover / name).mkdir()
            else:
                (cover / name).touch()
    except OSError as error:
        raise RunnerError(f"cannot make '{cover}': {error.strerror}") from None


def _direct(points: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, Path]]:
    return ((name, path) for name, path in points if "/" not in name)
