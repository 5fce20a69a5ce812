"""The container image of a run's steps, if any, and the engine that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.config import Layer
from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnerlib.config import Resolved
    from runnerlib.executor.container import Engine


def container_of(resolved: Resolved, environ: Mapping[str, str]) -> tuple[str | None, Engine | None]:
    """Return the image that the steps run in, and its engine; None and None for steps on this machine.

    Reactorcide gives every job its image, so an image alone does not request a container. Raises ConfigError.
    """
    image = resolved.config.runner_image
    if not (resolved.config.container or resolved.origin("runner_image").layer is Layer.COMMAND_LINE):
        return None, None
    if not image or image.startswith("-"):
        raise resolved.error("container" if image is None else "runner_image", "the name of an image is expected")
    # Loaded only by runs that start a container.
    from runnerlib.executor.container import find_engine

    engine = find_engine(resolved.config.container_engine, {image}, environ)
    return (None, None) if engine is None else (image, engine)


def unused_image(resolved: Resolved, used: str | None) -> Iterator[str]:
    """Yield a warning when the job file names an image that is not used."""
    image, origin = resolved.config.runner_image, resolved.origin("runner_image")
    if image and not used and origin.layer is Layer.JOB_FILE:
        yield f"image '{one_line(image)}': the job runs right here; --container runs its steps in a container of it"
