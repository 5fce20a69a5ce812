"""Jobs and commands from a program: results, places, settings, and what is left of it all: nothing."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runnerlib import ConfigError, Job, JobResult, RunnerError, SourceError, Step, execute, run_job, run_step
from runnerlib.errors import PathError
from tests.conftest import open_files
from tests.engine.harness import Recorder
from tests.integration.cli import RUNNERLIB, environment


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestResults:
    """An exit code of a command, a result of a job."""

    @pytest.mark.parametrize(
        ("command", "code"),
        [("exit 42", 42), ("true", 0), (["false"], 1), (("sh", "-c", "kill -9 $$"), 137), (["no-such"], 127)],
    )
    def test_an_exit_code(self, command: str | list[str], code: int) -> None:
        returned = run_job(command=command, observer=Recorder())
        assert type(returned) is int
        assert returned == code
        result = execute(command, observer=Recorder())
        assert isinstance(result, JobResult)
        assert result.exit_code == code

    def test_a_job(self) -> None:
        job = Job("two", [Step("one", "exit 3"), Step("two", "true")])
        result = run_job(job, observer=Recorder())
        assert isinstance(result, JobResult)
        assert [step.outcome for step in result.steps] == ["failure", "skipped"]
        assert job.steps[0].result == result.steps[0]
        assert execute(job, observer=Recorder()).exit_code == 3

    def test_a_step_alone(self) -> None:
        step = Step("b", "cat seen", depends_on=["a"])
        (Path.cwd() / "seen").write_text("x")
        assert run_step(step, observer=Recorder(), source_dir=".").success
        assert step.success

    @pytest.mark.parametrize(
        "arguments",
        [{}, {"job": Job("x"), "command": "true"}, {"job": "make"}, {"job": ["make"]}],
        ids=["nothing", "both", "a text", "words"],
    )
    def test_neither_or_both(self, arguments: dict[str, object]) -> None:
        with pytest.raises(ConfigError, match=r"^run_job takes either a Job or command="):
            run_job(**arguments)  # type: ignore[call-overload]

    @pytest.mark.parametrize("nothing", ["", "  ", [], [""]])
    def test_nothing_to_run(self, nothing: str | list[str]) -> None:
        with pytest.raises(ConfigError, match=r"no command|nothing to run"):
            execute(nothing, observer=Recorder())

    @pytest.mark.parametrize("task", [["cat", Path("a")], Path("/bin/true"), ("true", b"x")])
    def test_paths_are_words(self, here: Path, task: object) -> None:
        (here / "a").write_text("x")
        if isinstance(task, tuple):
            with pytest.raises(ConfigError, match="the words of a command are texts and paths, not a bytes"):
                execute(task, observer=Recorder())  # type: ignore[arg-type]
        else:
            assert execute(task, source_dir=".", observer=Recorder()).success  # type: ignore[arg-type]

    @pytest.mark.parametrize("task", [None, b"true", 3, Step("a", "true"), {"a": 1}, iter(["true"])])
    def test_what_is_no_task(self, task: object) -> None:
        with pytest.raises(ConfigError, match=rf"expected, not a {type(task).__name__}$"):
            execute(task, observer=Recorder())  # type: ignore[arg-type]

    def test_what_is_no_step(self) -> None:
        with pytest.raises(ConfigError, match="run_step takes a Step, not a str"):
            run_step("make", observer=Recorder())  # type: ignore[arg-type]


class TestPlaces:
    """The places where a command runs and where it leaves things."""

    def seen(self, **arguments: object) -> list[str]:
        recorder = Recorder()
        assert run_job(command="pwd; echo $REACTORCIDE_ARTIFACTS_DIR", observer=recorder, **arguments) == 0  # type: ignore[call-overload]
        return recorder.output.decode().splitlines()

    def test_the_workspace(self, here: Path) -> None:
        expected = [f"{here}/job/src", f"{here}/job/artifacts"]
        assert self.seen() == self.seen(source_dir="/job/src", artifacts_dir="/job/artifacts") == expected
        assert self.seen(source_dir="job/src", artifacts_dir=here / "job/artifacts") == expected

    def test_anywhere(self, here: Path) -> None:
        (here / "project/deep").mkdir(parents=True)
        assert self.seen(source_dir="project", artifacts_dir="out/x") == [f"{here}/project", f"{here}/out/x"]
        assert (here / "out/x").is_dir()
        assert self.seen(source_dir=here / "project", job_dir=f"{here}/project/deep")[0] == f"{here}/project/deep"
        job = Job("j", [Step("s", "pwd", working_dir="deep")])
        recorder = Recorder()
        assert run_job(job, source_dir="project", observer=recorder).success
        assert recorder.output.decode() == f"{here}/project/deep\n"

    @pytest.mark.parametrize(("artifacts", "told"), [("out", "out"), ("/job/out", "job/out"), (None, "job/artifacts")])
    def test_people_are_told_where_the_log_is(
        self, here: Path, artifacts: str | None, told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        job = Job("j", [Step("first", "echo x; exit 3"), Step("second", "true")])
        assert run_job(job, artifacts_dir=artifacts).exit_code == 3
        text = capsys.readouterr().out
        assert text.endswith(f"\n  log:   {told}/logs/first.log\n")
        assert (here / told / "logs/first.log").read_text() == "x\n"

    def test_a_runner_in_a_job_of_a_program(self, here: Path) -> None:
        """It runs where the job does, and a source is put there as little."""
        inner = f"{RUNNERLIB} run --job-command pwd 2>&-"
        assert self.outcome(inner, here) == (0, f"{here}\n".encode())
        (here / "other").mkdir()
        code, output = self.outcome(f"{RUNNERLIB} run --source-type copy --source-url other -- true 2>&1", here)
        assert (code, b"outside the workspace" in output) == (78, True)

    def outcome(self, command: str, where: Path) -> tuple[int, bytes]:
        recorder = Recorder()
        return run_job(command=command, source_dir=where, observer=recorder), recorder.output

    def test_another_workspace(self, here: Path) -> None:
        assert self.seen(workspace="w", source_dir="/job/src") == [f"{here}/w/src", f"{here}/w/artifacts"]
        assert not (here / "job").exists()

    def test_what_the_program_names_is_taken_as_it_is(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The variables of a worker say where the source came from; it is there already."""
        (here / "other").mkdir()
        (here / "job/src").mkdir(parents=True)
        (here / "job/src/mounted").write_text("x")
        monkeypatch.setenv("REACTORCIDE_SOURCE_TYPE", "copy")
        monkeypatch.setenv("REACTORCIDE_SOURCE_URL", f"{here}/other")
        monkeypatch.setenv("REACTORCIDE_CI_SOURCE_TYPE", "copy")
        monkeypatch.setenv("REACTORCIDE_CI_SOURCE_URL", f"{here}/other")
        assert run_job(command="test -e mounted && test ! -e ../ci", source_dir="/job/src", observer=Recorder()) == 0
        assert run_job(command="test ! -e mounted && test -e ../ci", observer=Recorder()) == 0

    def test_unless_the_call_says_otherwise(self, here: Path) -> None:
        (here / "other").mkdir()
        (here / "other/file").write_text("x")
        source = {"source_type": "copy", "source_url": f"{here}/other"}
        assert run_job(command="test -e file", source_dir="/job/src", observer=Recorder(), **source) == 0
        with pytest.raises(PathError, match=r"the source would replace '.*/other', outside the workspace"):
            run_job(command="true", source_dir=here / "other", observer=Recorder(), **source)
        assert (here / "other/file").exists()

    def test_mistakes(self, here: Path) -> None:
        for arguments, text in (
            ({"source_dir": "missing"}, "source_dir 'missing' is no directory"),
            ({"source_dir": ""}, "source_dir is empty; a directory is expected"),
            ({"source_dir": "/job/../x"}, "code_dir .* leads to .* outside the workspace"),
            ({"source_dir": ".", "code_dir": "/job/x"}, "source_dir and code_dir say the same; give one of them"),
            ({"job_command": "x"}, "job_command is for the command line: give the command itself"),
            ({"job_file": "x"}, "job_file is for the command line: read it with"),
            ({"workflow_file": "x"}, "workflow_file is for the command line: run it with runnerlib.run_workflow"),
            ({"work_dir": "x"}, "work_dir is for the command line: a library leaves"),
            ({"grace_perod": 1}, "unknown setting 'grace_perod'; did you mean 'grace_period'"),
            ({"sourc_dir": "."}, "unknown setting 'sourc_dir'; did you mean 'source_dir'"),
        ):
            with pytest.raises(ConfigError, match=text):
                execute("true", observer=Recorder(), **arguments)  # type: ignore[arg-type]
        assert not list(here.iterdir())

    def test_the_current_directory_is_gone(self, here: Path) -> None:
        (here / "gone").mkdir()
        os.chdir(here / "gone")
        (here / "gone").rmdir()
        with pytest.raises(ConfigError, match="the current directory is gone"):
            execute("true", observer=Recorder())


class TestSettings:
    """They are the configuration's; the call wins, and what else could be run does not matter."""

    def test_the_environment_counts_and_the_call_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REACTORCIDE_JOB_ENV", "A=environment")
        monkeypatch.setenv("REACTORCIDE_JOB_TIMEOUT", "1000")
        recorder = Recorder()
        execute("echo $A", observer=recorder)
        execute("echo $A", observer=recorder, job_env={"A": "call"})
        assert recorder.output == b"environment\ncall\n"

    @pytest.mark.parametrize("task", ["echo x", ["echo", "x"], Job("j", [Step("s", "echo x")])])
    def test_another_task_in_the_environment(self, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REACTORCIDE_JOB_COMMAND", "echo y")
        monkeypatch.setenv("REACTORCIDE_JOB_FILE", "no-such-file")
        recorder = Recorder()
        assert execute(task, observer=recorder).success
        assert recorder.output == b"x\n"

    def test_an_error_is_told_without_secrets(self, here: Path) -> None:
        (here / "job").mkdir()
        (here / "job/hunter2-hunter2").write_text("a file")
        with pytest.raises(RunnerError) as caught:
            execute(
                "true", code_dir="/job/hunter2-hunter2/x", secret_values_list="hunter2-hunter2", observer=Recorder()
            )
        assert "[REDACTED]" in str(caught.value)
        assert "hunter2" not in str(caught.value)

    def test_a_source_that_fails(self) -> None:
        with pytest.raises(SourceError):
            execute("true", source_type="copy", source_url="/no-such", observer=Recorder())


class TestInOneProcess:
    """Again and again, in threads, and never in the way of an event loop."""

    def test_repeatedly(self) -> None:
        execute("true", observer=Recorder())
        gc.collect()
        before = open_files(), threading.active_count(), len(gc.get_objects())
        for number in range(30):
            assert run_job(command=f"exit {number}", observer=Recorder()) == number
        gc.collect()
        assert (open_files(), threading.active_count()) == before[:2]
        assert len(gc.get_objects()) < before[2] + 300  # not ten things for each job

    @pytest.mark.parametrize("steps", [1, 3])
    def test_two_at_once_in_two_threads(self, here: Path, steps: int) -> None:
        """They meet while both run."""
        for name in "ab":
            os.mkfifo(here / name)
        results: dict[str, JobResult] = {}
        recorders = {"a": Recorder(), "b": Recorder()}

        def job(mine: str, other: str) -> None:
            meet = f"cat {here}/{other} & echo {mine} > {here}/{mine}; wait"
            task = Job(mine, [Step("meet", meet), Step("end", "true")]) if steps > 1 else meet
            results[mine] = execute(task, workspace=mine + "-workspace", observer=recorders[mine])

        threads = [threading.Thread(target=job, args=pair) for pair in ("ab", "ba")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [results[name].exit_code for name in "ab"] == [0, 0]
        assert (recorders["a"].output, recorders["b"].output) == (b"b\n", b"a\n")

    def test_a_loop_is_not_blocked(self) -> None:
        async def main() -> None:
            for blocking in (
                lambda: run_job(command="true"),
                lambda: execute("true"),
                lambda: run_step(Step("s", "true")),
            ):
                with pytest.raises(RunnerError, match=r"would block the event loop .* 'await runnerlib.execute_async"):
                    blocking()
            assert await asyncio.to_thread(execute, "true", observer=Recorder())

        asyncio.run(main())


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class TestSignals:
    """They stop the job, and then the program does what it does at a signal."""

    @pytest.mark.parametrize("signum", SIGNALS)
    def test_a_handler_of_the_program_is_called_when_the_job_has_ended(self, signum: int) -> None:
        calls: list[int] = []
        before = signal.signal(signum, lambda number, frame: calls.append(number))
        try:

            def interrupt(_data: bytes) -> None:
                os.kill(os.getpid(), signum)
                assert not calls

            assert run_job(command="echo x; sleep 1000", observer=Recorder(interrupt)) == 128 + signum
            assert calls == [signum]
            assert signal.getsignal(signum) is not before
        finally:
            signal.signal(signum, before)

    def test_ctrl_c_is_a_keyboard_interrupt(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            run_job(command="echo x; sleep 1000", observer=Recorder(lambda data: os.kill(os.getpid(), signal.SIGINT)))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_while_the_source_is_prepared(self, here: Path) -> None:
        class Interrupting(Recorder):
            def observe(self, event: object) -> None:
                os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            execute(
                "true", source_type="copy", source_url=str(here / "x"), observer=Interrupting(), **_made(here / "x")
            )

    @pytest.mark.parametrize("signum", SIGNALS)
    def test_a_program_without_a_handler_ends_by_the_signal(self, here: Path, signum: int) -> None:
        program = "import runnerlib; runnerlib.run_job(command='echo x; sleep 1000'); print('went on')"
        script = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=here,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert script.stdout
        assert script.stdout.readline() == "x\n"
        script.send_signal(signum)
        out, err = script.communicate()
        assert (script.returncode, out) == (-signum, "")
        assert "runnerlib: cancelled: stopped by" in err
        assert ("KeyboardInterrupt" in err) == (signum == signal.SIGINT)

    def test_a_signal_that_the_program_ignores(self) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            raising = Recorder(lambda data: os.kill(os.getpid(), signal.SIGHUP))
            assert run_job(command="echo x; exit 5", observer=raising) == 5
        finally:
            signal.signal(signal.SIGHUP, before)

    def test_in_a_thread_they_are_left_alone(self) -> None:
        seen: list[Callable[..., object] | int | None] = []
        results: list[int] = []

        def job() -> None:
            observer = Recorder(lambda data: seen.append(signal.getsignal(signal.SIGINT)))
            results.append(run_job(command="echo x; exit 3", observer=observer))

        thread = threading.Thread(target=job)
        thread.start()
        thread.join()
        assert (results, seen) == ([3], [signal.default_int_handler])


def _made(directory: Path) -> dict[str, object]:
    directory.mkdir()
    return {}
