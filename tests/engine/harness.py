"""Running jobs through the engine in tests, and remembering what is told of them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from runnerlib.engine import JobExecution, JobRun, Limits
from runnerlib.events import Event, Observer, StepFinished, StepOutput, Warned
from runnerlib.events.result import JobResult, StepResult
from runnerlib.executor.local import ProcessSupervisor
from runnerlib.masking import SecretMasker
from runnerlib.pipeline.job import Job, Step

NewLoop = Callable[[], asyncio.AbstractEventLoop]
WAITER = Path(__file__).parents[1] / "waiter.py"
SECRETS = ("hunter2-hunter2", "correct-horse")
# Tests never wait for these: what hangs is ended by the test's own doing or not at all.
PATIENT = Limits(grace=60, drain=60)


class Recorder:
    """Remembers every event; `on_output` sees each piece of output as it comes."""

    def __init__(self, on_output: Callable[[bytes], None] = lambda data: None) -> None:
        self.events: list[Event] = []
        self.on_output = on_output
        self.congested = False

    def observe(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, StepOutput):
            self.on_output(event.data)

    async def drain(self) -> None:
        self.congested = False

    @property
    def output(self) -> bytes:
        return b"".join(event.data for event in self.events if isinstance(event, StepOutput))

    def output_of(self, step: str) -> bytes:
        return b"".join(event.data for event in self.events if isinstance(event, StepOutput) and event.step == step)

    @property
    def warnings(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Warned)]

    @property
    def finished(self) -> list[StepResult]:
        return [event.result for event in self.events if isinstance(event, StepFinished)]


def masker(*secrets: str) -> SecretMasker:
    made = SecretMasker()
    made.register_secrets(secrets)
    return made


@contextmanager
def job_run(job: Job, observer: Observer, shared: SecretMasker | None = None, **keys: object) -> Iterator[JobRun]:
    """A run of `job` in /; `keys` are those of Execution."""
    with TemporaryDirectory() as scratch, ProcessSupervisor() as supervisor:
        given = {
            "scratch": Path(scratch),
            "env": dict(os.environ),
            "directory": lambda step: Path("/"),
            "limits": PATIENT,
            **keys,
        }
        execution = JobExecution(job, **given)  # type: ignore[arg-type]
        yield JobRun(execution, supervisor, shared or masker(*SECRETS), observer)


def run_job(
    new_loop: NewLoop,
    job: Job,
    recorder: Recorder | None = None,
    prepare: Callable[[JobRun], None] = lambda run: None,
    **keys: object,
) -> tuple[JobResult, Recorder]:
    """Run a job to its end on a loop; `prepare` gets the run before it begins."""
    recorder = recorder or Recorder()

    async def main() -> JobResult:
        with job_run(job, recorder, **keys) as run:
            prepare(run)
            return await run.run()

    with asyncio.Runner(loop_factory=new_loop) as loop:
        return loop.run(main()), recorder


def execute(
    new_loop: NewLoop,
    command: str | Sequence[str],
    recorder: Recorder | None = None,
    limits: Limits = PATIENT,
    prepare: Callable[[JobRun], None] = lambda run: None,
) -> tuple[StepResult, Recorder]:
    """Run one command as a job; the result of its step."""
    job = Job("job", [Step("job", command if isinstance(command, str) else tuple(command))])
    result, recorder = run_job(new_loop, job, recorder, prepare, limits=limits)
    assert result.exit_code == result.steps[0].exit_code
    return result.steps[0], recorder


def python(code: str) -> tuple[str, ...]:
    """The words that run Python code with a fast start."""
    return (sys.executable, "-S", "-c", code)


def gone(pid: int) -> bool:
    """Return whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def background(tmp_path: Path, prefix: str = "", suffix: str = "") -> tuple[str, str]:
    """A shell command that leaves a process behind, which is surely running and known by a name; and that name."""
    os.mkfifo(tmp_path / "up")
    name = f"{sys.executable} -S {WAITER} {tmp_path}/up"
    return f"{prefix} {name} {suffix} & read x < {tmp_path}/up; :", name
