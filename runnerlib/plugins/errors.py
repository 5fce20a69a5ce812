"""Errors of plugins: failure, and refusal of a job or step."""

from __future__ import annotations

from runnerlib.errors import RunnerError


class PluginError(RunnerError):
    """A plugin failed, hung or cannot be used; the text names the plugin, the phase and its file."""


class VetoError(RunnerError):
    """Raised by a hook to refuse the job or the step: `raise VetoError("no deployments on Fridays")`.

    `exit_code` becomes the exit code of the run, or of the step.
    """

    def __init__(self, reason: str, exit_code: int = 125) -> None:
        super().__init__(reason)
        self.exit_code = exit_code
