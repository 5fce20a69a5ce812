"""One call of the library: the job, directories and settings, and its execution."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from runnerlib._util.paths import CONTAINER_BASE, Workspace, locate
from runnerlib.config import SETTINGS, read
from runnerlib.errors import ConfigError, RunnerError, unknown
from runnerlib.output.python_streams import program_streams
from runnerlib.pipeline.job import Job, Step
from runnerlib.runner.request import RunRequest
from runnerlib.runner.run import run_request
from runnerlib.runner.services import services_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runnerlib._util.cancellation import Stop
    from runnerlib.events import Observer
    from runnerlib.events.result import JobResult
    from runnerlib.masking import SecretMasker

    Task: TypeAlias = Job | str | Sequence[str]
    Directory: TypeAlias = str | os.PathLike[str]

# Variables that would select another job than the call does.
OTHER_TASKS = tuple(SETTINGS[name].variable for name in ("job_command", "job_file", "workflow_file"))

# Settings of the command line only, and what a program does instead.
INSTEAD = {
    "job_command": "give the command itself",
    "job_file": "read it with runnerlib.job_file.load, and give its job",
    "workflow_file": "run it with runnerlib.run_workflow",
    "config_exit_code": "an error is raised, and has its `exit_code`",
    "work_dir": "a library leaves the current directory alone; give source_dir or workspace",
}

_ARGUMENTS = ("command", "source_dir", "artifacts_dir", "workspace", "observer")


class Call(NamedTuple):
    """The arguments of a call, with the environment and the current directory at that time."""

    task: Task
    source_dir: Directory | None
    artifacts_dir: Directory | None
    workspace: Directory | None
    observer: Observer | None
    settings: Mapping[str, object]
    environ: Mapping[str, str]
    cwd: Path

    def carry_out(self, stop: Stop) -> JobResult:
        """Run the task to its end; `stop` stops it. Raises RunnerError, with every secret in it masked."""
        request = self.request().as_single_job()
        services = services_for(request.resolved)
        with masked_errors(services.masker):
            return run_request(request, services, observer=self.observer, ends=program_streams, stop=stop)

    def request(self) -> RunRequest:
        """Return the run request of this call. Raises ConfigError."""
        settings = dict(self.settings)
        job, words = self._task(settings)
        workspace = Workspace(self._real(self.workspace)) if self.workspace else locate(self.environ, self.cwd)
        for name, setting, given in (
            ("source_dir", "code_dir", self.source_dir),
            ("artifacts_dir", "artifacts_dir", self.artifacts_dir),
        ):
            if given is not None:
                if settings.get(setting) is not None:
                    raise ConfigError(f"{name} and {setting} say the same; give one of them")
                settings[setting], workspace = self._place(name, given, workspace)
        if self.source_dir is not None:
            _leave_alone(settings)
        environ = {name: value for name, value in self.environ.items() if name not in OTHER_TASKS}
        return RunRequest(read(settings, environ), words, self.environ, self.cwd, job, workspace=workspace)

    def _task(self, settings: dict[str, object]) -> tuple[Job | None, tuple[str, ...]]:
        """Return the job, or the words of a command; a command text is stored in `settings`."""
        _refuse(settings)
        task: object = self.task
        if isinstance(task, Job):
            return task, ()
        if isinstance(task, str):
            settings["job_command"] = task
            return None, ()
        words = (task,) if isinstance(task, os.PathLike) else task
        if not isinstance(words, (list, tuple)) or isinstance(words, Step):
            raise ConfigError(f"a Job, a text or a list of words is expected, not a {type(task).__name__}")
        if not words:
            raise ConfigError("there is nothing to run: the list of words is empty")
        return None, tuple(map(_word, words))

    def _place(self, name: str, given: Directory, workspace: Workspace) -> tuple[str, Workspace]:
        """Return a directory given by the program, and the workspace with access to it."""
        text = os.fspath(given)
        if not text:
            raise ConfigError(f"{name} is empty; a directory is expected")
        if text == str(CONTAINER_BASE) or text.startswith(f"{CONTAINER_BASE}/"):
            return text, workspace
        real = self._real(text)
        if real.is_relative_to(workspace.base):
            return str(real), workspace
        if name == "source_dir" and not real.is_dir():
            raise ConfigError(f"{name} '{text}' is no directory")
        return str(real), workspace._replace(granted=(*workspace.granted, real))

    def _real(self, given: Directory) -> Path:
        return Path(os.path.realpath(self.cwd / given))


def call(
    task: Task,
    source_dir: Directory | None,
    artifacts_dir: Directory | None,
    workspace: Directory | None,
    observer: Observer | None,
    settings: Mapping[str, object],
) -> Call:
    """Return a call with the present environment and directory. Raises ConfigError.

    The error is for an unknown name in `settings`, or a current directory that was removed.
    """
    check_names(settings)
    try:
        cwd = Path.cwd()
    except OSError as error:
        raise ConfigError(f"the current directory is gone: {error.strerror}") from None
    return Call(task, source_dir, artifacts_dir, workspace, observer, settings, dict(os.environ), cwd)


def check_names(settings: Mapping[str, object]) -> None:
    """Raise ConfigError for a keyword that is neither an argument nor a setting."""
    for name in settings:
        if name not in SETTINGS:
            raise ConfigError(unknown("setting", name, (*_ARGUMENTS, *SETTINGS)))


def _word(word: object) -> str:
    if not isinstance(word, (str, os.PathLike)):
        raise ConfigError(f"the words of a command are texts and paths, not a {type(word).__name__}")
    return os.fsdecode(word)


def _refuse(settings: Mapping[str, object]) -> None:
    """Raise ConfigError for settings that a call gives by other arguments."""
    for name, advice in INSTEAD.items():
        if settings.get(name) is not None:
            raise ConfigError(f"{name} is for the command line: {advice}")


def _leave_alone(settings: dict[str, object]) -> None:
    """Prepare no source in a directory given by the program, unless the call itself names a source."""
    meant = {SETTINGS[name].target for name, value in settings.items() if name in SETTINGS and value is not None}
    for prefix in ("source_", "ci_source_"):
        if not any(target.startswith(prefix) for target in meant):
            settings[f"{prefix}type"] = "none"


@contextmanager
def masked_errors(masker: SecretMasker) -> Iterator[None]:
    """Mask secrets in a RunnerError raised in the block."""
    try:
        yield
    except RunnerError as error:
        error.args = tuple(masker.mask_string(arg) if isinstance(arg, str) else arg for arg in error.args)
        raise
