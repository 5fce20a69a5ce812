"""The images that a run's steps are in, if any, the engine that runs them, and what their containers may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.config import Layer
from runnerlib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runnerlib.config import Resolved
    from runnerlib.executor.container import ContainerRuntime, Limits
    from runnerlib.pipeline.job import Step
    from runnerlib.pipeline.job.service import Service


class Placement(NamedTuple):
    """Containers of a run: the image for the steps that name none, the engine, and what containers may do."""

    image: str
    engine: ContainerRuntime
    limits: Limits


def placed(
    resolved: Resolved, environ: Mapping[str, str], steps: Sequence[Step], services: Sequence[Service] = ()
) -> tuple[Placement | None, tuple[str, ...]]:
    """Return the containers that the steps run in, if any, and warnings of images not used. Raises ConfigError."""
    placement = container_of(resolved, environ, steps)
    if placement is None and resolved.config.container_engine != "none":  # a fleet says so: its workers have engines
        check_commands(services)
    return placement, () if placement else tuple(unused_image(resolved, steps))


def check_commands(services: Sequence[Service]) -> None:
    """Raise ConfigError for a service of a job on this machine that has no command."""
    bare = next((one for one in services if one.run is None), None)
    if bare is not None:
        text = "an image without 'run' needs a job in a container: name an 'image' of the job, or the service's 'run'"
        raise ConfigError(f"service '{bare.name}': {text}")


def container_of(resolved: Resolved, environ: Mapping[str, str], steps: Sequence[Step]) -> Placement | None:
    """Return the containers that the steps run in; None for steps on this machine.

    Reactorcide gives every job its image, so an image alone does not request a container. Raises ConfigError.
    """
    image = resolved.config.runner_image
    if not (resolved.config.container or resolved.origin("runner_image").layer is Layer.COMMAND_LINE):
        return None
    bare = next((step.name for step in steps if step.image is None), None)
    if image is None and bare is None:
        if not steps:
            return None  # of a workflow: each of its jobs has a plan of its own
        image = steps[0].image
    if not image or image.startswith("-"):
        missing = "" if bare is None or len(steps) == 1 else f" for step '{one_line(bare)}'"
        name = "container" if image is None else "runner_image"
        raise resolved.error(name, f"the name of an image is expected{missing}")
    # Loaded only by runs that start a container.
    from runnerlib.executor.container import find_engine

    engine = find_engine(resolved.config.container_engine, {image}, environ)
    if engine is None:
        return None
    return Placement(image, engine, _limits(resolved, engine))


def _limits(resolved: Resolved, engine: ContainerRuntime) -> Limits:
    """Return what the containers of a run may do. Raises ConfigError."""
    from runnerlib.executor.container import Limits, can_be, parse_capabilities, parse_user

    config = resolved.config
    try:
        user = None if config.container_user is None else parse_user(config.container_user)
    except ValueError as error:
        raise resolved.error("container_user", str(error)) from None
    if user is not None and not can_be(user, engine):
        text = f"'{config.container_user}' needs a runner that is root"
        raise resolved.error("container_user", f"{text}, or podman for root" if engine.kind != "podman" else text)
    try:
        capabilities = parse_capabilities(config.container_capabilities)
    except ValueError as error:
        raise resolved.error("container_capabilities", str(error)) from None
    return Limits(user, capabilities, config.container_read_only, config.container_network, config.container_pull)


def unused_image(resolved: Resolved, steps: Sequence[Step]) -> Iterator[str]:
    """Yield a warning when the job file, or a step, names an image and the steps run on this machine."""
    image, origin = resolved.config.runner_image, resolved.origin("runner_image")
    named = [f"image '{one_line(image)}'"] if image and origin.layer is Layer.JOB_FILE else []
    named += [f"image '{one_line(step.image)}' of step '{one_line(step.name)}'" for step in steps if step.image]
    if named and resolved.config.container_engine != "none":
        yield f"{named[0]}: the job runs right here; --container runs its steps in a container of it"
