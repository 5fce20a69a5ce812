"""Secrets that a process registers are masked in what runnerlib shows for it: before, during and around a job."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import runnerlib
from runnerlib import secrets
from runnerlib.masking import SecretMasker
from runnerlib.secrets import ProcessMasker
from tests.engine.harness import Recorder
from tests.integration.cli import environment
from tests.integration.cli import runnerlib as command_line

VALUE = "correct-horse-battery"


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    secrets.clear_secrets()


class TestJobs:
    """In the jobs that the process runs."""

    def test_registered_before(self) -> None:
        recorder = Recorder()
        assert runnerlib.register_secret(VALUE, "DB_PASSWORD")
        runnerlib.run_job(command=f"echo {VALUE}; printf {VALUE} | base64", observer=recorder)
        assert recorder.output == b"[REDACTED]\n[REDACTED]\n"
        assert "DB_PASSWORD" in repr(recorder.events)

    def test_registered_while_it_runs(self) -> None:
        """From the thread of the program, while the job waits for it."""
        shown: list[bytes] = []

        def register(data: bytes) -> None:
            shown.append(data)
            if data == b"ready\n":
                thread = threading.Thread(target=runnerlib.register_secret, args=(VALUE,))
                thread.start()
                thread.join()
                Path("job/src/go").touch()

        command = f"echo ready; until test -e go; do sleep 0.01; done; echo {VALUE}"
        runnerlib.run_job(command=command, observer=Recorder(register))
        assert b"".join(shown) == b"ready\n[REDACTED]\n"

    def test_every_later_job_until_they_are_forgotten(self) -> None:
        def shown() -> bytes:
            recorder = Recorder()
            runnerlib.run_job(command=f"echo {VALUE}", observer=recorder)
            return recorder.output

        runnerlib.register_secret(VALUE)
        assert [shown(), shown()] == [b"[REDACTED]\n"] * 2
        secrets.clear_secrets()
        assert shown() == VALUE.encode() + b"\n"

    def test_in_the_text_of_errors(self) -> None:
        runnerlib.register_secret(VALUE)
        Path("job").write_text("a file")
        with pytest.raises(runnerlib.RunnerError) as caught:
            runnerlib.run_job(command="true", code_dir=f"/job/{VALUE}", observer=Recorder())
        assert VALUE not in str(caught.value)


class TestTheRunnerAround:
    """Inside of a job it masks what the process writes itself."""

    @pytest.mark.parametrize(
        "first", ["", "import runnerlib.register_secret; ", "from runnerlib.register_secret import register; "]
    )
    def test_told_by_a_program_that_is_a_step(self, first: str, tmp_path: Path) -> None:
        program = f"{first}import runnerlib; print(runnerlib.register_secret('{VALUE}')); print('{VALUE}')"
        done = command_line("run", "--", sys.executable, "-c", program, cwd=tmp_path)
        assert (done.code, done.out) == (0, b"True\n[REDACTED]\n")

    def test_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """The output of the process would not be masked; in its own jobs the secret is all the same."""
        monkeypatch.setenv("REACTORCIDE_SECRETS_SOCKET", f"{tmp_path}/gone")
        assert not runnerlib.register_secret(VALUE)
        assert runnerlib.mask_text(VALUE) == "[REDACTED]"

    def test_of_a_job_in_a_job(self, tmp_path: Path) -> None:
        inner = (
            f"import runnerlib, sys; runnerlib.register_secret('{VALUE}'); "
            f"runnerlib.run_job(command='echo inner {VALUE}'); print('outer {VALUE}')"
        )
        done = command_line("run", "--", sys.executable, "-c", inner, cwd=tmp_path)
        assert (done.code, done.out.splitlines()[1:]) == (0, [b"inner [REDACTED]", b"outer [REDACTED]"])


class TestNames:
    """The names of Reactorcide's `src.secrets`."""

    def test_functions(self) -> None:
        assert secrets.register_secrets([VALUE, "ab", b"bytes-bytes"]) == 2
        assert secrets.register_env_vars({"TOKEN": "another-token", "EMPTY": ""}) == 1
        assert secrets.mask_string(f"a {VALUE} another-token") == "a [REDACTED] [REDACTED]"
        assert secrets.mask_command_args(["x", f"--p={VALUE}"]) == ["x", "--p=[REDACTED]"]
        assert secrets.mask_dict_values({"a": [VALUE, 1, None]}) == {"a": ["[REDACTED]", "1", None]}
        assert secrets.has_secret(VALUE)
        assert not secrets.has_secret("ab")
        assert secrets.get_default_masker().size() == 3
        secrets.clear_secrets()
        assert (secrets.get_default_masker().size(), secrets.mask_string(VALUE)) == (0, VALUE)

    def test_values_that_are_no_text(self) -> None:
        """As a script has them that reads them from its environment or from JSON."""
        masker = secrets.get_default_masker()
        assert [masker.register_secret(value) for value in (None, "", b"", 12345)] == [False, False, False, True]  # type: ignore[arg-type]
        assert masker.mask_string("is 12345, None") == "is [REDACTED], None"

    def test_the_masker_of_a_job_may_be_stricter(self) -> None:
        """Then the value is not hidden everywhere."""
        process, job = ProcessMasker(), SecretMasker(min_length=8)
        with process.followed_by(job):
            assert not process.register_secret("short")
            assert process.register_secret("long-enough")
        assert process.register_secret("other")
        assert job.size() == 1

    def test_names_of_a_batch(self) -> None:
        process, job = ProcessMasker(), SecretMasker()
        process.register_secrets(["first-value", "", "second-value"], ["FIRST", "EMPTY", "SECOND"])
        with process.followed_by(job):
            stream = job.stream()
            stream.feed(b"second-value first-value ")
            stream.flush()
        assert stream.report().summary() == "masked 2 times: FIRST 1, SECOND 1"

    def test_a_marker_by_its_older_name(self) -> None:
        masker = SecretMasker(redaction_text="***")
        masker.register_secret(VALUE)
        assert masker.mask_string(VALUE) == "***"

    def test_masking_in_one_call(self) -> None:
        assert runnerlib.mask_text(f"a {VALUE}", [VALUE], marker="***") == "a ***"
        assert runnerlib.mask_text(f"a {VALUE}") == f"a {VALUE}"
        runnerlib.register_secret(VALUE)
        assert runnerlib.mask_text(f"a {VALUE}") == "a [REDACTED]"
        text = f"a {VALUE} AKIAABCDEFGHIJKLMNOP"
        assert runnerlib.mask_text(text, marker="***", shapes="all") == "a *** ***:aws-key-id"

    def test_from_many_threads(self) -> None:
        """Jobs come and go while values are registered; each job knows all that were there when it began."""
        process = ProcessMasker()

        def register(number: int) -> None:
            for count in range(15):
                process.register_secret(f"secret-{number}-{count}")

        def follow() -> None:
            for _ in range(15):
                job, known = SecretMasker(), process.size()
                with process.followed_by(job):
                    assert job.size() >= known

        failures: list[object] = []
        before, threading.excepthook = threading.excepthook, failures.append
        try:
            threads = [threading.Thread(target=register, args=(number,)) for number in range(3)]
            threads += [threading.Thread(target=follow) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            threading.excepthook = before
        assert (process.size(), failures) == (45, [])


def test_the_name_stays_a_function_whoever_imports_the_module(tmp_path: Path) -> None:
    program = (
        "import runnerlib\n"
        "assert runnerlib.register_secret('value-one')\n"
        "import runnerlib.register_secret as module\n"
        "from runnerlib.register_secret import register_secret\n"
        "assert module('value-two') and runnerlib.register_secret('value-three')\n"
        "assert not register_secret('value-four')\n"
        "print(runnerlib.mask_text('value-one value-two value-three value-four'))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, env=environment(), capture_output=True, check=True
    )
    assert done.stdout == b"[REDACTED] [REDACTED] [REDACTED] value-four\n"
