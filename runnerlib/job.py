"""What a job is made of, as values: a step to run and the result of running it."""

from __future__ import annotations

import shlex
import signal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Step(NamedTuple):
    """One command of a job: a text that `sh -c` runs, or the words of a command without a shell."""

    name: str
    run: str | tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]

    @property
    def argv(self) -> tuple[str, ...]:
        """The words that are executed."""
        return ("/bin/sh", "-c", self.run) if isinstance(self.run, str) else self.run

    @property
    def shown(self) -> str:
        """The command as a shell would read it; not masked."""
        return self.run if isinstance(self.run, str) else shlex.join(self.run)


class StepResult(NamedTuple):
    """How a step ended: its own exit code (128+N for signal N) and, when it failed, why."""

    exit_code: int
    reason: str = ""

    @property
    def success(self) -> bool:
        """Whether the step ended with exit code 0."""
        return self.exit_code == 0


def result_of(returncode: int) -> StepResult:
    """The result for a return code as `subprocess` gives it: negative for a signal."""
    if returncode == 0:
        return StepResult(0)
    if returncode > 0:
        return StepResult(returncode, f"exit code {returncode}")
    return StepResult(128 - returncode, f"killed by {signal_name(-returncode)}")


def signal_name(signum: int) -> str:
    """`SIGTERM` for 15; numbers without a name, as real-time signals have, as `signal 40`."""
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"
