"""Containers for jobs that name an image: which engine there is, and a custody that starts steps in one.

One container holds all steps of a job; each step is an `exec` in it. Its first process reads what the runner
never writes, so it ends when the runner lets go of it or is killed, and everything in the container with it.
"""

from __future__ import annotations

from runnerlib.executor.container.container import INSIDE, Wish, hand_over, stranger
from runnerlib.executor.container.executor import contained
from runnerlib.executor.container.runtime import ENGINES, Engine, find_engine

__all__ = ["ENGINES", "INSIDE", "Engine", "Wish", "contained", "find_engine", "hand_over", "stranger"]
