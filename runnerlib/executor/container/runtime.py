"""The container engine of this machine: a program that takes Docker's words."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import ConfigError, unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ENGINES = ("docker", "podman")
AUTOMATIC, NONE = "auto", "none"
CHOICES = (AUTOMATIC, *ENGINES, NONE)


class ContainerRuntime(NamedTuple):
    """A program that runs containers: its kind and its path."""

    kind: str
    program: str


def find_engine(choice: str, images: Collection[str], environ: Mapping[str, str]) -> ContainerRuntime | None:
    """The engine for jobs that name `images`; None when no job names any, or `choice` is to run them without.

    `auto` takes the first of ENGINES that is in the PATH. Raises ConfigError when one is needed and not there.
    """
    if choice not in CHOICES:
        raise ConfigError(f"container_engine: {unknown('engine', choice, CHOICES)}")
    if not images or choice == NONE:
        return None
    wanted = ENGINES if choice == AUTOMATIC else (choice,)
    for kind in wanted:
        program = shutil.which(kind, path=environ.get("PATH", os.defpath))
        if program:
            return ContainerRuntime(kind, program)
    raise ConfigError(
        f"the image '{min(images)}' needs a container engine, and there is no {' or '.join(wanted)} in the PATH; "
        "install one, or run without by --container-engine none"
    )
