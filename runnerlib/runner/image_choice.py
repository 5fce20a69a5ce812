"""Which image the steps of a run have, if any, and what runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.config import Layer
from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnerlib.config import Resolved
    from runnerlib.executor.container import Engine


def container_of(resolved: Resolved, environ: Mapping[str, str]) -> tuple[str | None, Engine | None]:
    """The image of the container that the steps run in, and what runs it; None where they run right here.

    Reactorcide tells every job its image, so that alone asks for no container. Raises ConfigError.
    """
    image = resolved.config.runner_image
    if not (resolved.config.container or resolved.origin("runner_image").layer is Layer.COMMAND_LINE):
        return None, None
    if not image or image.startswith("-"):
        raise resolved.error("container" if image is None else "runner_image", "the name of an image is expected")
    # Loaded by those that start one only.
    from runnerlib.executor.container import find_engine

    engine = find_engine(resolved.config.container_engine, {image}, environ)
    return (None, None) if engine is None else (image, engine)


def unused_image(resolved: Resolved, used: str | None) -> Iterator[str]:
    """What there is to say of the image of a job file."""
    image, origin = resolved.config.runner_image, resolved.origin("runner_image")
    if image and not used and origin.layer is Layer.JOB_FILE:
        yield f"image '{one_line(image)}': the job runs right here; --container runs its steps in a container of it"
