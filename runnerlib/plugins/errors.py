"""How a plugin fails, and how it refuses."""

from __future__ import annotations

from runnerlib.errors import RunnerError


class PluginError(RunnerError):
    """A plugin failed, hung or cannot be used; the text names it, the phase and its file."""


class VetoError(RunnerError):
    """Raised by a hook to refuse the job or the step: `raise VetoError("no deployments on Fridays")`.

    `exit_code` is what the run ends with, or the step.
    """

    def __init__(self, reason: str, exit_code: int = 125) -> None:
        super().__init__(reason)
        self.exit_code = exit_code
