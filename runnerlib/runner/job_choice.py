"""Choice of a run's job by its settings: one command, or the job of a file; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.config import Layer
from runnerlib.errors import ConfigError
from runnerlib.output import mode_of
from runnerlib.pipeline.job import Job, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnerlib.config import Resolved, RunnerConfig


def only_command(resolved: Resolved, words: Sequence[str]) -> Job:
    """Return the command that is set, or `words`, as a job of one step."""
    command = resolved.config.job_command
    if words:
        if command is not None:
            raise resolved.error("job_command", f"contradicts the words '{' '.join(words)}'; give one of them")
        return Job("job", [Step("job", tuple(words))])
    if not command or not command.strip():
        raise ConfigError(
            "no command: give --job-command, REACTORCIDE_JOB_COMMAND, job_command in a configuration file, "
            "--job-file, or words after --"
        )
    # As it is, however many lines it has: a shell of that kind would not stop at the first failure either.
    return Job("job", [Step("job", command, "/bin/sh -c")])


def chosen_job_file(resolved: Resolved, words: Sequence[str]) -> str | None:
    """Return the job file to run; None when `words` or a command of a higher layer win over it.

    Raises ConfigError when the same layer gives a job file and a command.
    """
    file, command = resolved.config.job_file, resolved.config.job_command
    if file is None:
        return None
    layers = list(Layer)
    given = layers.index(resolved.origin("job_file").layer)
    other = layers.index(Layer.COMMAND_LINE) if words else layers.index(resolved.origin("job_command").layer)
    if given == other:
        raise resolved.error("job_file", "contradicts the command; give one of them")
    return file if given > other or not (words or command) else None


def limited(job: Job, config: RunnerConfig) -> Job:
    """Return the job with the limits of the settings instead of its own."""
    timeout, max_parallel = config.job_timeout or job.timeout, config.max_parallel or job.max_parallel
    if mode_of(config.output).verbatim:
        max_parallel = 1  # the output of parallel steps would be mixed
    return job.replaced(timeout=timeout, max_parallel=max_parallel)
