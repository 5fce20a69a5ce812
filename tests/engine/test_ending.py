"""Ends of steps and jobs: retries, time limits, signals, what runs nevertheless, on both loops."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from runnerlib.engine import JobRun, Limits
from runnerlib.errors import RunnerError
from runnerlib.events import StepRetrying, StepStarted
from runnerlib.output.text.lines import LONGEST
from runnerlib.pipeline.job import Job, Retry, Step
from tests.engine.harness import NewLoop, Recorder, gone, python, run_job

FOREVER = "echo up; exec sleep 100000"


def outcomes(result: object) -> dict[str, str]:
    return {step.name: step.outcome for step in result.steps}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("retry", "command", "attempts"),
    [
        (Retry(max=2, backoff=0), "exit 1", 3),
        (Retry(max=2, backoff=0), "exit 0", 1),
        (Retry(max=2, backoff=0, exit_codes=(7, 8)), "exit 7", 3),
        (Retry(max=2, backoff=0, exit_codes=(7, 8)), "exit 1", 1),
        (Retry(max=2, backoff=0, exit_codes=(137,)), "kill -9 $$", 3),
        (Retry(max=2, backoff=0, pattern="net.*down"), "echo 'the network is down'; exit 1", 3),
        (Retry(max=2, backoff=0, pattern="down$"), "printf 'the network is down'; exit 1", 3),
        (Retry(max=2, backoff=0, pattern="net\\ndown"), "printf 'net\\ndown\\n'; exit 1", 1),
        (Retry(max=2, backoff=0, pattern="net down$"), "printf 'net down\\r\\nup\\n'; exit 1", 3),
        (Retry(max=2, backoff=0, pattern="net down"), "printf 'net \\033[1;31mdo\\033[0mwn\\n'; exit 1", 3),
        (Retry(max=2, backoff=0, pattern="net down"), "printf 'net up  \\rnet down\\n'; exit 1", 3),
        (Retry(max=2, backoff=0, pattern="net down"), "printf 'net down\\rnet up  \\n'; exit 1", 1),
        (Retry(max=2, backoff=0, pattern="n..t"), "printf 'n\\303\\251\\303\\251t'; exit 1", 3),
        (Retry(max=2, backoff=0, pattern="(a+)+$"), "printf '%0128db' | tr 0 a; exit 1", 1),
        (Retry(max=2, backoff=0, pattern="hunter2"), "echo hunter2-hunter2; exit 1", 1),  # what is masked is not seen
        (Retry(max=2, backoff=0, timeout=True), "exit 1", 1),
        (Retry(max=2, backoff=0), "no-such-command-at-all", 3),
    ],
)
def test_retries(new_loop: NewLoop, retry: Retry, command: str, attempts: int) -> None:
    result, recorder = run_job(new_loop, Job("job", [Step("a", command, retry=retry)]))
    assert result.steps[0].attempts == attempts
    assert [event.attempt for event in recorder.events if isinstance(event, StepStarted)] == [*range(1, attempts + 1)]


LONG = (
    "head -c {before} /dev/zero | tr '\\0' x; printf 'net down'; head -c {after} /dev/zero | tr '\\0' x; echo; exit 1"
)


@pytest.mark.parametrize(
    ("pattern", "before", "after", "seen"),
    [
        ("net down", 1_000_000, 1_000_000, True),
        (".*net down.*", 1_000_000, 1_000_000, True),
        *((".*net down.*", LONGEST - cut, 10, True) for cut in range(9)),  # across the cut of a long line
        ("^net down", LONGEST - 1, 10, False),
        ("^x+net down", 10, LONGEST, True),
        ("net down$", LONGEST - 9, 10, False),
        ("net downx*$", 1_000_000, 1000, True),
        ("net up", 1_000_000, 1_000_000, False),
    ],
)
def test_a_pattern_is_looked_for_in_a_long_line(
    new_loop: NewLoop, pattern: str, before: int, after: int, seen: bool
) -> None:
    step = Step("a", LONG.format(before=before, after=after), retry=Retry(max=1, backoff=0, pattern=pattern))
    assert run_job(new_loop, Job("job", [step]))[0].steps[0].attempts == 1 + seen


@pytest.mark.parametrize("end", ["stopped", "out of time", "its own"])
def test_a_pattern_of_whatever_cost_holds_nobody_up(new_loop: NewLoop, end: str) -> None:
    """It takes a large part of a second for each 64 KiB of this."""
    recorder = Recorder()

    def prepare(run: JobRun) -> None:
        recorder.on_output = lambda _data: run.stop(signal.SIGTERM) if end == "stopped" else None

    endless = {"its own": "head -c 100000 /dev/zero | tr '\\0' a; exit 7"}.get(end, "tr '\\0' a < /dev/zero")
    timeout = 0.5 if end == "out of time" else None
    step = Step("a", endless, timeout=timeout, retry=Retry(max=1, backoff=0, pattern="((a|b){0,100})*c"))
    result, _ = run_job(new_loop, Job("job", [step]), recorder, prepare, limits=Limits(grace=60, drain=0.1))
    assert (result.exit_code, result.steps[0].attempts) == ({"stopped": 143, "out of time": 124}.get(end, 7), 1)


def test_a_pause_before_the_next_attempt_is_told_and_ends_with_the_job(new_loop: NewLoop) -> None:
    recorder = Recorder()

    def prepare(run: JobRun) -> None:
        observe = recorder.observe

        def stop_at_retry(event: object) -> None:
            observe(event)  # type: ignore[arg-type]
            if isinstance(event, StepRetrying):
                run.stop(signal.SIGTERM)

        recorder.observe = stop_at_retry  # type: ignore[method-assign,assignment]

    job = Job("job", [Step("a", "exit 3", retry=Retry(max=1, backoff=100_000, limit=100_000, jitter=0.1))])
    result, recorder = run_job(new_loop, job, recorder, prepare)
    (told,) = [event for event in recorder.events if isinstance(event, StepRetrying)]
    assert (told.attempt, told.reason) == (1, "exit code 3")
    assert 90_000 <= told.delay <= 110_000
    assert (result.exit_code, result.steps[0].outcome, result.steps[0].attempts) == (143, "cancelled", 1)


def test_a_step_out_of_time(new_loop: NewLoop) -> None:
    result, _ = run_job(new_loop, Job("job", [Step("a", FOREVER, timeout=0.05), Step("b", "true")]))
    assert (result.exit_code, result.reason) == (124, "step 'a': timed out after 0.05 s")
    assert outcomes(result) == {"a": "failure", "b": "skipped"}


def test_a_step_that_is_silent(new_loop: NewLoop) -> None:
    chatty = "i=0; while [ $i -lt 20 ]; do echo $i; i=$((i+1)); sleep 0.01; done; exec sleep 100000"
    result, recorder = run_job(new_loop, Job("job", [Step("a", chatty, no_output_timeout=0.5)]))
    assert (result.exit_code, result.steps[0].cause) == (124, "no_output")
    assert recorder.output.endswith(b"19\n")


def test_time_out_can_be_tried_again(new_loop: NewLoop) -> None:
    command = 'test "$RUNNERLIB_ATTEMPT" = 2 || exec sleep 100000'
    step = Step("a", command, timeout=0.05, retry=Retry(max=1, backoff=0, timeout=True))
    # The second attempt may be slow to start on a busy machine: give it all the time there is.
    result, _ = run_job(new_loop, Job("job", [step._replace(timeout=2)]))
    assert (result.exit_code, result.steps[0].attempts) == (0, 2)


def test_a_job_out_of_time_leaves_time_for_what_always_runs(new_loop: NewLoop) -> None:
    job = Job(
        "job",
        [
            Step("long", FOREVER),
            Step("next", "true"),
            Step("cleanup", "echo cleaning", when="always"),
            Step("alarm", "echo alarm", when="on_failure"),
        ],
        timeout=2.0,
    )
    result, recorder = run_job(new_loop, job, cleanup=100)
    assert (result.exit_code, result.reason) == (124, "the job's time limit of 2 s is over")
    assert outcomes(result) == {"long": "failure", "next": "cancelled", "cleanup": "success", "alarm": "success"}
    assert recorder.output == b"up\ncleaning\nalarm\n"


def test_cleaning_up_has_a_limit_too(new_loop: NewLoop) -> None:
    recorder = Recorder()

    def prepare(run: JobRun) -> None:
        recorder.on_output = lambda data: run.stop(signal.SIGTERM)

    job = Job("job", [Step("long", FOREVER), Step("cleanup", "exec sleep 100000", when="always")])
    result, _ = run_job(new_loop, job, recorder, prepare, cleanup=0.1)
    assert result.exit_code == 143
    assert outcomes(result) == {"long": "cancelled", "cleanup": "cancelled"}


def test_a_stopped_job_runs_only_what_always_runs(new_loop: NewLoop) -> None:
    recorder = Recorder()

    def prepare(run: JobRun) -> None:
        recorder.on_output = lambda data: run.stop(signal.SIGTERM) if data == b"up\n" else None

    job = Job(
        "job",
        [
            Step("long", FOREVER),
            Step("next", "true"),
            Step("on failure", "true", when="on_failure"),
            Step("cleanup", "echo cleaning", when="always"),
        ],
    )
    result, _ = run_job(new_loop, job, recorder, prepare)
    assert (result.exit_code, result.reason) == (143, "stopped by SIGTERM")
    assert outcomes(result) == {
        "long": "cancelled",
        "next": "cancelled",
        "on failure": "cancelled",
        "cleanup": "success",
    }
    assert recorder.output == b"up\ncleaning\n"


def test_a_second_signal_ends_everything_at_once(new_loop: NewLoop) -> None:
    recorder = Recorder()
    stubborn = "trap '' TERM; echo up; while :; do sleep 1000; done"

    def prepare(run: JobRun) -> None:
        def stop(data: bytes) -> None:
            run.stop(signal.SIGINT)
            run.stop(signal.SIGINT)

        recorder.on_output = stop

    job = Job("job", [Step("long", stubborn), Step("cleanup", "echo cleaning", when="always")])
    result, _ = run_job(new_loop, job, recorder, prepare, limits=Limits(grace=100_000, drain=60))
    assert result.exit_code == 130
    assert outcomes(result) == {"long": "cancelled", "cleanup": "cancelled"}
    assert recorder.output == b"up\n"


def test_parallel_steps_really_run_together(new_loop: NewLoop, tmp_path: Path) -> None:
    """Each waits for the other through pipes: one after the other they would never end."""
    os.mkfifo(tmp_path / "a")
    os.mkfifo(tmp_path / "b")
    one = f"echo x > {tmp_path}/a; read y < {tmp_path}/b"
    two = f"read y < {tmp_path}/a; echo x > {tmp_path}/b"
    job = Job("job", [Step("one", one, parallel=True), Step("two", two, parallel=True)], max_parallel=2)
    result, _ = run_job(new_loop, job)
    assert result.success


def test_the_first_failure_in_written_order_is_the_verdict(new_loop: NewLoop, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    job = Job(
        "job",
        [
            Step("late", f"read x < {tmp_path}/go; exit 4", parallel=True),
            Step("early", f"echo x > {tmp_path}/go; exit 5", parallel=True),
            Step("may fail", "exit 6", parallel=True, required=False),
            Step("after", "true"),
        ],
        max_parallel=3,
    )
    result, _ = run_job(new_loop, job)
    assert (result.exit_code, result.reason) == (4, "step 'late': exit code 4")
    assert result.step("after").reason in {"step 'late' did not succeed", "step 'early' did not succeed"}


def test_an_unrequired_failure_hurts_nobody(new_loop: NewLoop) -> None:
    job = Job("job", [Step("may fail", "exit 6", required=False), Step("after", "true")])
    result, _ = run_job(new_loop, job)
    assert (result.exit_code, outcomes(result)) == (0, {"may fail": "failure", "after": "success"})


def test_a_directory_that_cannot_be_used_is_a_verdict(new_loop: NewLoop) -> None:
    def directory(step: Step) -> Path:
        if step.name == "b":
            raise RunnerError("'/x' is outside")
        return Path("/nowhere" if step.name == "a" else "/")

    steps = [Step("a", "true", depends_on=[]), Step("b", "true", depends_on=[]), Step("c", "true", depends_on=[])]
    result, _ = run_job(new_loop, Job("job", steps), directory=directory)
    assert [step.exit_code for step in result.steps] == [125, 125, 0]
    assert result.steps[0].reason.startswith("the directory of the job '/nowhere' does not exist")
    assert result.steps[1].reason == "'/x' is outside"


def test_names_that_hold_a_secret_are_masked_and_stay_apart(new_loop: NewLoop) -> None:
    job = Job("hunter2-hunter2", [Step("x hunter2-hunter2", "echo 1"), Step("x correct-horse", "echo 2")])
    result, recorder = run_job(new_loop, job)
    assert result.success
    assert [told.name for told in recorder.finished] == ["x [REDACTED]", "x [REDACTED] (2)"]
    assert "hunter2-hunter2" not in repr(recorder.events)
    assert "correct-horse" not in repr(recorder.events)


def test_usage_is_told(new_loop: NewLoop) -> None:
    busy = python("sum(range(3_000_000))")
    result, _ = run_job(new_loop, Job("job", [Step("busy", busy), Step("skipped", "true", when="on_failure")]))
    usage = result.steps[0].usage
    assert usage is not None
    assert usage.user + usage.system > 0
    assert result.steps[1].usage is None


def test_a_tty_step_has_a_terminal(new_loop: NewLoop) -> None:
    command = "test -t 0 && test -t 1 && test -t 2 && stty size && echo hunter2-hunter2"
    result, recorder = run_job(new_loop, Job("job", [Step("a", command, tty=True)]))
    assert result.success
    assert recorder.output == b"24 80\r\n[REDACTED]\r\n"


def test_stdin_is_given(new_loop: NewLoop) -> None:
    job = Job("job", [Step("a", "wc -c", stdin="x" * 300_000), Step("b", ("cat",))])
    result, recorder = run_job(new_loop, job)
    assert result.success
    assert recorder.output.split() == [b"300000"]


@pytest.mark.parametrize(
    ("run", "shell", "code", "output"),
    [
        ("false; echo on", None, 0, b"on\n"),
        ("false\necho on", None, 1, b""),
        ("false; echo on", "sh", 1, b""),
        ("false | true; echo on", "bash", 1, b""),
        ("import sys; print(sys.argv)", "python3", 0, b"['-c']\n"),
        ("print(1)", "python3 -I -c", 0, b"1\n"),
        (("printf", "%s", "a b"), None, 0, b"a b"),
    ],
)
def test_shells(new_loop: NewLoop, run: str | tuple[str, ...], shell: str | None, code: int, output: bytes) -> None:
    result, recorder = run_job(new_loop, Job("job", [Step("a", run, shell=shell)]))
    assert (result.exit_code, recorder.output) == (code, output)


def test_an_escapee_is_named_and_stopped(new_loop: NewLoop, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "up")
    waiter = Path(__file__).parents[1] / "waiter.py"
    command = f"setsid python3 -S {waiter} {tmp_path}/up > {tmp_path}/pid 2>&1 & read x < {tmp_path}/up; :"
    result, recorder = run_job(new_loop, Job("job", [Step("a", command)]))
    assert result.success
    pid = int((tmp_path / "pid").read_text())
    assert gone(pid)
    assert any(f"process {pid} " in warning for warning in recorder.warnings)


@pytest.mark.parametrize(
    ("keys", "outcome"),
    [
        ({"depends_on": "off"}, "skipped"),
        ({"depends_on": "behind"}, "skipped"),  # it goes on from step to step
        ({"depends_on": "off", "condition": "env.PATH != ''"}, "skipped"),
        ({"depends_on": "off", "when": "on_success"}, "skipped"),
        ({"depends_on": "off", "when": "on_failure"}, "skipped"),
        ({}, "success"),  # the written order is no need
        ({"depends_on": []}, "success"),
        ({"depends_on": "off", "when": "always"}, "success"),
        ({"depends_on": "off", "condition": "always()"}, "success"),
        ({"depends_on": "off", "condition": "success()"}, "success"),
        ({"depends_on": "off", "condition": "steps.off.outcome == 'skipped'"}, "success"),
    ],
)
def test_a_skipped_step_skips_what_names_it(new_loop: NewLoop, keys: dict[str, object], outcome: str) -> None:
    job = Job("job", [Step("off", "true", condition="env.PATH == ''"), Step("behind", "true", depends_on="off")])
    job.add_step("last", "true", **keys)  # type: ignore[arg-type]
    result, _ = run_job(new_loop, job, conditions=job.conditions())
    assert outcomes(result) == {"off": "skipped", "behind": "skipped", "last": outcome}
    assert result.success
    assert result.step("behind").reason == "step 'off' was skipped"


def test_a_step_that_the_command_line_leaves_out_skips_nothing_else(new_loop: NewLoop) -> None:
    job = Job("job", [Step("a", "true"), Step("b", "true", depends_on="a")])
    result, _ = run_job(new_loop, job, excluded=frozenset({"a"}))
    assert outcomes(result) == {"a": "skipped", "b": "success"}
