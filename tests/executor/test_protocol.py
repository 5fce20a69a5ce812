"""The contract of an executor: one that starts no process runs whole jobs, and stops them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runnerlib._util.system import TerminalSize
from runnerlib.engine import JobExecution, JobRun, Limits
from runnerlib.events import StepRetrying, StepStarted
from runnerlib.events.result import JobResult, Usage
from runnerlib.executor.container.executor import ContainerExecutor
from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.process_spec import (
    CommandError,
    ExitStatus,
    NoRoomError,
    ProcessInfo,
    ProcessSpec,
    Room,
)
from runnerlib.executor.protocol import Executor, StepProcess
from runnerlib.masking import SecretMasker
from runnerlib.pipeline.job import Job, Retry, Step
from tests.engine.harness import NewLoop, Recorder
from tests.test_layers import own_imports

SECRET = "hunter2-hunter2"
CHILD = ProcessInfo(4711, "child")
DAEMON = ProcessInfo(4712, f"daemon {SECRET}")


class DummyProcess:
    """A step that does what its command says: `say`, `exit`, `hang`, `ignore`, `leave`, `hold`, `flaky`."""

    def __init__(self, spec: ProcessSpec, attempts: int) -> None:
        self.verb, _, self.text = spec.argv[-1].partition(" ")
        self.output, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.exited = os.eventfd(0, os.EFD_CLOEXEC)
        self.signals: list[int] = []
        self.size = spec.tty
        self.code: int | None = None
        self.left = [CHILD] if self.verb == "leave" else []
        self.closed = False
        if self.verb == "say":
            os.write(self._writer, f"{self.text}\n".encode())
        if self.verb not in {"hang", "ignore"}:
            self.end(
                {"exit": int(self.text or 0) if self.verb == "exit" else 0, "flaky": attempts < 3}.get(self.verb, 0)
            )

    def end(self, code: int) -> None:
        self.code = int(code)
        os.eventfd_write(self.exited, 1)
        if self.verb != "hold":
            self._let_go()

    def _let_go(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def read(self, size: int) -> bytes:
        return os.read(self.output, size)

    def unread(self) -> int:
        return 0

    def resize(self, size: TerminalSize) -> None:
        self.size = size

    def signal(self, signum: int) -> None:
        self.signals.append(signum)
        self.left = []
        if self.code is None and not (self.verb == "ignore" and signum == signal.SIGTERM):
            self.end(-signum)

    def reap(self) -> ExitStatus:
        assert self.code is not None, "the step has not ended"
        return ExitStatus(self.code, Usage(0.25, 0.5), "out of memory" if self.text == "137" else "")

    def leftover(self) -> list[ProcessInfo]:
        return self.left

    def holders(self) -> list[ProcessInfo]:
        return [CHILD]

    def close(self) -> None:
        assert not self.closed, "it was closed before"
        self.closed = True
        self._let_go()
        os.close(self.output)
        os.close(self.exited)


class DummyExecutor:
    """Makes dummy processes, and remembers them; a `crowd` has room only when nothing else runs."""

    def __init__(self) -> None:
        self.room = Room()
        self.processes: dict[str, list[DummyProcess]] = {}
        self.daemons = [DAEMON]
        self.thread = threading.get_ident()

    def start(self, spec: ProcessSpec) -> DummyProcess:
        assert threading.get_ident() == self.thread
        if spec.argv[-1] == "missing":
            raise CommandError(127, "command not found: 'missing'")
        if spec.argv[-1] == "crowd" and self.room.running:
            raise NoRoomError("no room")
        made = self.processes.setdefault(spec.env["RUNNERLIB_STEP"], [])
        made.append(DummyProcess(spec, len(made) + 1))
        return made[-1]

    def orphans(self) -> list[ProcessInfo]:
        return self.daemons

    def signal_orphans(self, signum: int) -> None:
        self.daemons = []

    def reap_dead(self) -> None:
        assert threading.get_ident() == self.thread


def conform(local: ProcessSupervisor, contained: ContainerExecutor, dummy: DummyExecutor) -> tuple[Executor, ...]:
    """Of interest to the type checker only."""
    return local, contained, dummy


def twenty(hangs: str) -> Job:
    """A chain of ten steps, and beside it one of each kind of end."""
    chain = [Step(f"link{n}", f"say {SECRET} {n}", depends_on=[f"link{n - 1}"] if n else []) for n in range(10)]
    beside = [
        Step("fails", "exit 3", depends_on=["link3"]),
        Step("after", "say never", depends_on=["fails"]),
        Step("rescue", "say rescued", depends_on=["fails"], when="on_failure"),
        Step("flaky", "flaky", depends_on=[], retry=Retry(2, backoff=0)),
        Step("starved", "exit 137", depends_on=[], required=False),
        Step("leaves", "leave", depends_on=[]),
        Step("holds", "hold", depends_on=[]),
        Step("missing", "missing", depends_on=[], required=False),
        Step("crowd", "crowd", depends_on=["link1"]),
        Step("late", hangs, depends_on=[], timeout=0.01, required=False),
    ]
    return Job("job", [*chain, *beside], max_parallel=20)


def run(
    new_loop: NewLoop, job: Job, tmp_path: Path, limits: Limits, on_start: Callable[[JobRun, str], object] | None = None
) -> tuple[JobResult, Recorder, DummyExecutor]:
    masker = SecretMasker()
    masker.register_secrets([SECRET])
    executor, recorder = DummyExecutor(), Recorder()
    execution = JobExecution(job, {}, lambda step: tmp_path, tmp_path, limits=limits)

    async def main() -> JobResult:
        running = JobRun(execution, executor, masker, recorder)
        observe = recorder.observe

        def observed(event: object) -> None:
            observe(event)  # type: ignore[arg-type]
            if on_start is not None and isinstance(event, StepStarted):
                on_start(running, event.step)

        recorder.observe = observed  # type: ignore[method-assign]
        return await running.run()

    with asyncio.Runner(loop_factory=new_loop) as loop:
        result = loop.run(main())
    assert all(process.closed for made in executor.processes.values() for process in made)
    assert (executor.room.running, executor.daemons) == (0, [])
    return result, recorder, executor


@pytest.mark.parametrize("hangs", ["hang", "ignore"])
def test_twenty_steps_without_a_process(tmp_path: Path, new_loop: NewLoop, hangs: str) -> None:
    limits = Limits(grace=60 if hangs == "hang" else 0.01, drain=0.01)
    result, recorder, executor = run(new_loop, twenty(hangs), tmp_path, limits)
    assert (result.exit_code, result.reason) == (3, "step 'fails': exit code 3")
    ends = {step.name: (step.outcome, step.cause) for step in result.steps}
    assert {name: end for name, end in ends.items() if end != ("success", "")} == {
        "fails": ("failure", "exit"),
        "after": ("skipped", "dependency"),
        "starved": ("failure", "oom"),
        "missing": ("failure", "not_started"),
        "late": ("failure", "timeout"),
    }
    assert recorder.output_of("link9") == b"[REDACTED] 9\n"
    assert (recorder.output_of("rescue"), recorder.output_of("after")) == (b"rescued\n", b"")
    assert [event.attempt for event in recorder.events if isinstance(event, StepRetrying)] == [1, 2]
    assert next(step.usage for step in result.steps if step.name == "flaky") == Usage(0.75, 1.5)
    signals = [signal.SIGTERM] if hangs == "hang" else [signal.SIGTERM, signal.SIGKILL]
    assert executor.processes["late"][0].signals == signals
    assert executor.processes["leaves"][0].signals == [signal.SIGTERM]
    warned = [text for text in recorder.warnings if "process 47" in text]
    assert sorted(warned) == [
        "process 4711 (child) holds the output open after the command ended; it is no longer read",
        "process 4711 (child) was still running after the command ended; it is stopped",
        "process 4712 (daemon [REDACTED]) was still running after the job ended; it is stopped",
    ]
    assert any(text.startswith("no room; steps wait") for text in recorder.warnings)


@pytest.mark.parametrize("stops", [1, 2])
def test_a_stop(tmp_path: Path, new_loop: NewLoop, stops: int) -> None:
    """The first asks by SIGTERM, the second kills; what has not begun does not begin."""
    steps = [Step("hangs", "ignore"), Step("next", "say never"), Step("tidies", "say tidy", when="always")]

    def stop(running: JobRun, step: str) -> None:
        if step == "hangs":
            for _ in range(stops):
                running.stop(signal.SIGINT)

    result, recorder, executor = run(
        new_loop, Job("job", steps), tmp_path, Limits(0.01 if stops == 1 else 60, 60), stop
    )
    assert (result.exit_code, [step.outcome for step in result.steps[:2]]) == (130, ["cancelled", "cancelled"])
    assert executor.processes["hangs"][0].signals[-1] == signal.SIGKILL
    assert recorder.output_of("tidies") == (b"tidy\n" if stops == 1 else b"")


def test_a_run_that_is_cancelled_leaves_nothing(tmp_path: Path, new_loop: NewLoop) -> None:
    executor, recorder = DummyExecutor(), Recorder()
    job = Job("job", [Step("a", "hang", depends_on=[]), Step("b", "hang", depends_on=[])], max_parallel=2)
    execution = JobExecution(job, {}, lambda step: tmp_path, tmp_path)

    async def main() -> None:
        running = asyncio.ensure_future(JobRun(execution, executor, SecretMasker(), recorder).run())
        while len(executor.processes) < 2:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(main())
    assert [made[0].closed for made in executor.processes.values()] == [True, True]


def test_the_engine_and_the_contract_know_no_implementation() -> None:
    for module, imported in own_imports().items():
        if module.startswith(("runnerlib.engine", "runnerlib.executor.protocol", "runnerlib.executor.process_spec")):
            bound = {
                name for name in imported if name.startswith(("runnerlib.executor.local", "runnerlib.executor.con"))
            }
            assert bound == set(), module


def test_the_processes_of_the_executors_are_what_the_engine_gets() -> None:
    """A property of a protocol is no check at run time; the type checker compares the rest."""
    named = {name for name in vars(StepProcess) if not name.startswith("_")}
    assert named == {name for name in vars(DummyProcess) if not name.startswith("_")} - {"end"} | {"output", "exited"}
