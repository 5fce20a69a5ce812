"""A step from start to end, on both loops: every byte, every process, every reason."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from random import Random

import pytest

from runnerlib.engine import JobRun, Limits
from runnerlib.errors import OutputError
from runnerlib.events import JobFinished, JobStarted, StepFinished, StepOutput, StepStarted
from runnerlib.events.result import StepOutcome
from runnerlib.pipeline.job import Job, Step
from tests.engine.harness import SECRETS, NewLoop, Recorder, background, execute, gone, job_run, python, run_job
from tests.oracle import mask


@pytest.mark.parametrize(
    ("command", "result"),
    [
        ("true", StepOutcome(0)),
        ("exit 3", StepOutcome(3, "exit code 3", "exit")),
        ("exit 255", StepOutcome(255, "exit code 255", "exit")),
        ("kill -9 $$", StepOutcome(137, "killed by SIGKILL", "signal")),
        ("kill -TERM $$", StepOutcome(143, "killed by SIGTERM", "signal")),
        ("no-such-command", StepOutcome(127, "exit code 127", "exit")),
        (("no-such-command",), StepOutcome(127, "command not found: 'no-such-command'", "not_started")),
        (("/etc/passwd",), StepOutcome(126, "cannot execute '/etc/passwd': Permission denied", "not_started")),
        (("echo", "a  b", "$HOME"), StepOutcome(0)),
    ],
)
def test_results(new_loop: NewLoop, command: str | tuple[str, ...], result: StepOutcome) -> None:
    got, recorder = execute(new_loop, command)
    assert (got.exit_code, got.reason, got.cause) == result
    assert got.outcome == ("failure" if result.exit_code else "success")
    assert recorder.finished == [got]


def test_events_in_order(new_loop: NewLoop) -> None:
    _, recorder = execute(new_loop, "echo hi")
    kinds = [JobStarted, StepStarted, StepOutput, StepFinished, JobFinished]
    assert [type(event) for event in recorder.events] == kinds
    assert recorder.events[:3] == [
        JobStarted("job", {"job": ()}),
        StepStarted("job", "echo hi"),
        StepOutput("job", b"hi\n"),
    ]


def test_command_and_reason_are_masked(new_loop: NewLoop) -> None:
    _, recorder = execute(new_loop, ("/bin/hunter2-hunter2", "--password=correct-horse"))
    assert StepStarted("job", "/bin/[REDACTED] --password=[REDACTED]") in recorder.events
    assert [result.reason for result in recorder.finished] == ["command not found: '/bin/[REDACTED]'"]
    assert SECRETS[0] not in repr(recorder.events)


def test_words_are_passed_as_they_are(new_loop: NewLoop) -> None:
    _, recorder = execute(new_loop, ("printf", "%s|", "a  b", "$HOME", "*", ""))
    assert recorder.output == b"a  b|$HOME|*||"


@pytest.mark.parametrize(("piece", "filler"), [(1, 500), (7, 5_000), (4096, 100_000), (65536, 200_000)])
def test_any_bytes_pass_masked_whatever_the_writes(new_loop: NewLoop, piece: int, filler: int, tmp_path: Path) -> None:
    """Byte-exact apart from the marks: NUL, invalid UTF-8, \\r, no newline at all, both streams in order."""
    noise = Random(piece).randbytes(filler)
    data = noise + b"\r10%\r20%\0\xff\xfe hunter2-hunter2" + noise + b"hunter2-correct-horse" + noise + b"correct-hors"
    (tmp_path / "data").write_bytes(data)
    code = f"""
import os
data = open({str(tmp_path / "data")!r}, "rb").read()
for i in range(0, len(data), {piece}):
    os.write(1 + i % 2, data[i:i + {piece}])
"""
    result, recorder = execute(new_loop, python(code))
    assert result.success
    assert recorder.output == mask([secret.encode() for secret in SECRETS], data, b"[REDACTED]")


def test_a_prompt_appears_before_the_step_goes_on(new_loop: NewLoop, tmp_path: Path) -> None:
    """The step waits for a file that is made only once its prompt, which has no newline, was seen."""
    fifo = tmp_path / "answer"
    os.mkfifo(fifo)
    answers = []

    def answer(data: bytes) -> None:
        if data == b"password? ":
            answers.append(os.open(fifo, os.O_RDWR))
            os.write(answers[0], b"yes\n")

    result, recorder = execute(new_loop, f"printf 'password? '; read line < {fifo}; echo got $line", Recorder(answer))
    os.close(answers[0])
    assert result.success
    assert recorder.output == b"password? got yes\n"


def test_only_what_may_become_a_secret_is_held_back(new_loop: NewLoop, tmp_path: Path) -> None:
    fifo = tmp_path / "answer"
    os.mkfifo(fifo)
    opened = []

    def go_on(data: bytes) -> None:
        if not opened:
            assert data == b"it is "
            opened.append(os.open(fifo, os.O_RDWR))
            os.write(opened[0], b"\n")

    _, recorder = execute(new_loop, f"printf 'it is hunter2-'; read line < {fifo}; printf 'hunt.'", Recorder(go_on))
    os.close(opened[0])
    assert recorder.output == b"it is hunter2-hunt."


def test_what_is_held_at_the_end_is_released(new_loop: NewLoop) -> None:
    _, recorder = execute(new_loop, "printf hunter2-")
    assert recorder.output == b"hunter2-"


def test_a_congested_observer_stops_the_reading_and_loses_nothing(new_loop: NewLoop) -> None:
    recorder = Recorder()

    def clog(data: bytes) -> None:
        assert not recorder.congested, "output came although the observer was congested"
        recorder.congested = True

    recorder.on_output = clog
    result, _ = execute(new_loop, "yes | head -c 3000000", recorder)
    assert result.success
    assert recorder.output == b"y\n" * 1_500_000


def test_an_observer_that_fails_ends_the_step(new_loop: NewLoop) -> None:
    def fail(data: bytes) -> None:
        raise OutputError("the reader is gone")

    recorder = Recorder(fail)
    with pytest.raises(OutputError, match="the reader is gone"):
        execute(new_loop, "yes", recorder)


def test_an_observer_that_fails_while_draining_ends_the_step(new_loop: NewLoop) -> None:
    class Broken(Recorder):
        async def drain(self) -> None:
            raise OutputError("the reader is gone")

    recorder = Broken()
    recorder.on_output = lambda data: setattr(recorder, "congested", True)
    with pytest.raises(OutputError, match="the reader is gone"):
        execute(new_loop, "yes", recorder)


def test_an_internal_error_is_raised_not_lost(new_loop: NewLoop) -> None:
    def fail(data: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute(new_loop, "yes", Recorder(fail))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_stop_ends_the_whole_group(new_loop: NewLoop, signum: signal.Signals) -> None:
    recorder = Recorder()

    def prepare(run: JobRun) -> None:
        recorder.on_output = lambda data: run.stop(signum)

    result, _ = execute(new_loop, "sleep 1000 & echo $!; wait", recorder, prepare=prepare)
    assert (result.exit_code, result.reason, result.outcome) == (128 + signum, f"stopped by {signum.name}", "cancelled")
    assert gone(int(recorder.output))
    assert recorder.warnings == []


def test_a_step_that_ignores_term_is_killed_after_the_grace_time(new_loop: NewLoop) -> None:
    recorder = Recorder()

    def prepare(run: JobRun) -> None:
        recorder.on_output = lambda data: run.stop(signal.SIGTERM)

    code = "import signal, sys; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    code = code.replace("signal.pause()", "[signal.pause() for _ in iter(int, 1)]")
    result, _ = execute(new_loop, python(code), recorder, Limits(grace=0.05, drain=60), prepare)
    assert result.exit_code == 143


def test_a_second_stop_kills_at_once(new_loop: NewLoop) -> None:
    recorder = Recorder()

    def prepare(run: JobRun) -> None:
        def stop(data: bytes) -> None:
            run.stop(signal.SIGINT)
            run.stop(signal.SIGTERM)

        recorder.on_output = stop

    code = "import signal; signal.signal(15, signal.SIG_IGN); print('ready', flush=True)\nwhile True: signal.pause()"
    result, _ = execute(new_loop, python(code), recorder, Limits(grace=1000, drain=60), prepare)
    assert (result.exit_code, result.reason) == (130, "stopped by SIGINT")


def test_output_written_on_the_way_down_is_kept(new_loop: NewLoop) -> None:
    recorder = Recorder()

    def prepare(run: JobRun) -> None:
        recorder.on_output = lambda data: run.stop(signal.SIGTERM) if data == b"ready\n" else None

    result, _ = execute(
        new_loop,
        "trap 'echo cleaning; exit 1' TERM; echo ready; while :; do :; done",
        recorder,
        prepare=prepare,
    )
    assert result.exit_code == 143
    assert recorder.output == b"ready\ncleaning\n"


def test_a_step_that_was_stopped_before_it_began_does_not_begin(new_loop: NewLoop) -> None:
    job = Job("job", [Step("job", "echo started")])
    result, recorder = run_job(new_loop, job, prepare=lambda run: run.stop(signal.SIGTERM))
    assert (result.exit_code, result.steps[0].outcome, result.steps[0].attempts) == (143, "cancelled", 0)
    assert recorder.output == b""


def test_a_stopped_runner_does_not_wait_for_a_reader_that_has_stopped(new_loop: NewLoop) -> None:
    class Stuck(Recorder):
        async def drain(self) -> None:
            await asyncio.get_running_loop().create_future()

    recorder = Stuck()

    def prepare(run: JobRun) -> None:
        def stop(data: bytes) -> None:
            recorder.congested = True
            run.stop(signal.SIGTERM)

        recorder.on_output = stop

    result, _ = execute(new_loop, "yes", recorder, Limits(grace=0.02, drain=0.02), prepare)
    assert result.exit_code == 143


def test_a_background_process_that_holds_the_output_is_named_and_stopped(new_loop: NewLoop, tmp_path: Path) -> None:
    command, name = background(tmp_path)
    result, recorder = execute(new_loop, command, limits=Limits(grace=60, drain=0.01))
    pid = int(recorder.output)
    assert result.success
    assert recorder.warnings == [
        f"process {pid} ({name}) holds the output open after the command ended; it is no longer read"
    ]
    assert gone(pid)


def test_a_background_process_outside_the_group_does_not_hold_the_step(new_loop: NewLoop, tmp_path: Path) -> None:
    command, name = background(tmp_path, "setsid")
    result, recorder = execute(new_loop, command, limits=Limits(grace=60, drain=0.01))
    assert result.success
    (warning,) = recorder.warnings
    pid = int(recorder.output)
    assert warning.startswith(f"process {pid} ({name}) holds the output open")
    assert gone(pid)


def test_a_silent_background_process_is_stopped(new_loop: NewLoop, tmp_path: Path) -> None:
    command, name = background(tmp_path, suffix=f"> {tmp_path}/pid 2>&1")
    result, recorder = execute(new_loop, command)
    pid = int((tmp_path / "pid").read_text())
    assert result.success
    assert recorder.warnings == [f"process {pid} ({name}) was still running after the command ended; it is stopped"]
    assert gone(pid)


def test_secrets_in_the_name_of_a_process_are_masked(new_loop: NewLoop, tmp_path: Path) -> None:
    command, _ = background(tmp_path, suffix="hunter2-hunter2")
    _, recorder = execute(new_loop, command, limits=Limits(60, 0.01))
    (warning,) = recorder.warnings
    assert "/up [REDACTED]) holds" in warning


def test_what_was_written_before_the_exit_is_never_lost(new_loop: NewLoop) -> None:
    """Even if the observer is slow, somebody holds the pipe, and the drain time is none."""
    recorder = Recorder()
    recorder.on_output = lambda data: setattr(recorder, "congested", True)
    result, _ = execute(
        new_loop, "sleep 1000 & head -c 900000 /dev/zero; exit 4", recorder, limits=Limits(grace=60, drain=0)
    )
    assert result.exit_code == 4
    assert recorder.output == bytes(900_000)


def test_a_step_that_closes_its_output_and_goes_on(new_loop: NewLoop) -> None:
    result, recorder = execute(new_loop, "echo a; exec >/dev/null 2>&1; sleep 0.05; exit 7")
    assert result.exit_code == 7
    assert recorder.output == b"a\n"


def test_a_cancelled_run_leaves_no_process(new_loop: NewLoop) -> None:
    async def main() -> None:
        started = asyncio.get_running_loop().create_future()
        recorder = Recorder(started.set_result)
        with job_run(Job("job", [Step("job", "echo $$; exec sleep 1000")]), recorder) as run:
            task = asyncio.create_task(run.run())
            pid = int(await started)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert gone(pid)

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(main())


def test_many_steps_at_once_share_a_masker(new_loop: NewLoop) -> None:
    command = "for i in 1 2 3; do printf hunter2-; printf 'hunter2 %s ' $i; done; yes | head -c 300000"
    job = Job("job", [Step(f"step {number}", command, parallel=True) for number in range(8)], max_parallel=8)
    result, recorder = run_job(new_loop, job)
    assert result.success
    expected = b"[REDACTED] 1 [REDACTED] 2 [REDACTED] 3 " + b"y\n" * 150_000
    assert all(recorder.output_of(step.name) == expected for step in job.steps)
