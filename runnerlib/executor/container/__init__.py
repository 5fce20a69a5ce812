"""Containers for jobs that name an image: the detection of an engine, and an executor of steps in a container.

One container holds all steps of a job that need the same image; each step is an `exec` in it. Its first process reads
from a pipe that the runner never writes to. So it ends, with everything in the container, when the runner closes the
pipe or is killed.
"""

from __future__ import annotations

from runnerlib.executor.container.executor import contained
from runnerlib.executor.container.options import INSIDE, ContainerSpec, Limits, can_be, parse_capabilities, parse_user
from runnerlib.executor.container.runtime import ENGINES, ContainerRuntime, find_engine

__all__ = [
    "ENGINES",
    "INSIDE",
    "ContainerRuntime",
    "ContainerSpec",
    "Limits",
    "can_be",
    "contained",
    "find_engine",
    "parse_capabilities",
    "parse_user",
]
