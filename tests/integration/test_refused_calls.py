"""Older kernels, seccomp profiles and bare systems: a run does without, says what it lacks, or does not begin."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.executor.local.steps import alive
from tests.waiting import until

REFUSING = Path(__file__).parents[1] / "refusing.py"
RUN = [sys.executable, "-m", "runnerlib", "run"]
PIDFDS = "424,434,clone with a pidfd"
# What this program, its interpreter, C library and event loop may ask of kernels newer than 4.18, one by one, and all.
CALLS = {
    "pidfd_send_signal": "424",
    "io_uring_setup": "425",
    "pidfd_open": "434",
    "clone3": "435",
    "close_range": "436",
    "openat2": "437",
    "faccessat2": "439",
    "epoll_pwait2": "441",
    "clone with a pidfd": "clone with a pidfd",
    "pidfds": PIDFDS,
    "all": "newer",
}
ERRORS = {"ENOSYS": errno.ENOSYS, "EPERM": errno.EPERM}
JOB = """
job:
  steps:
    - {name: one, run: "echo one >>said", outputs: []}
    - name: two
      run: |
        setsid -f sh -c 'echo $$ >daemon; exec sleep 100000' >/dev/null 2>&1
        while [ ! -s daemon ]; do sleep 0.01; done
        echo two >>said
        exit 3
    - {name: three, run: "echo three >>said", when: always}
"""


def refused(calls: str, error: int, *words: str) -> list[str]:
    return [sys.executable, str(REFUSING), str(error), calls, *words]


def run(place: Path, calls: str, error: int, *words: str) -> subprocess.CompletedProcess[str]:
    argv = refused(calls, error, *RUN, *words)
    return subprocess.run(argv, cwd=place, capture_output=True, text=True, timeout=120, check=False)


def told(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the warnings beside the job: one line at most."""
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if "warning:" in line and "sleep 100000" not in line]


def ending_of(place: Path, calls: str, error: int) -> tuple[int, list[str]]:
    """Run a job of steps, whose daemon must be gone then, and return how it ended."""
    # Its daemon holds the output open, and is waited for, once only: where everything is refused.
    (place / "job.yaml").write_text(JOB.replace("2>&1", "") if calls == "newer" else JOB)
    done = run(place, calls, error, "--job-file", "job.yaml")
    assert (place / "job/src/said").read_text().split() == ["one", "two", "three"], done.stderr
    return done.returncode, told(done)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("call", CALLS)
def test_what_is_newer_than_linux_4_18_is_optional(call: str, error: str, tmp_path: Path) -> None:
    code, said = ending_of(tmp_path, CALLS[call], ERRORS[error])
    # This C library starts no threads where clone3 is not allowed, as opposed to not there.
    assert (len(said), code) in ([(0, 3), (1, 3)] if error == "EPERM" and call in {"clone3", "all"} else [(0, 3)])
    assert all("workflows and most sources do not work (can't start new thread)" in line for line in said)
    assert not alive(int((tmp_path / "job/src/daemon").read_text()))


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("call", ["pidfd_send_signal", "pidfds"])
def test_a_command_and_a_source(call: str, error: str, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").write_text("content")
    words = ["--source-type", "copy", "--source-url", str(tmp_path / "tree"), "--job-command", "cat file; exit 3"]
    done = run(tmp_path, CALLS[call], ERRORS[error], *words)
    assert (done.returncode, done.stdout, told(done)) == (3, "content", [])


def start(place: Path, calls: str, error: int) -> tuple[subprocess.Popen[str], int]:
    """A runner whose step waits, and the number of a daemon of it."""
    (place / "step.sh").write_text("setsid -f sh -c 'echo $$; exec sleep 100000 >&-'; exec sleep 100000")
    argv = refused(calls, error, *RUN, "--job-command", f"exec sh {place}/step.sh")
    runner = subprocess.Popen(argv, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert runner.stdout is not None
    return runner, int(runner.stdout.readline())


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("call", ["pidfds", "all"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_end(call: str, error: str, signum: int, tmp_path: Path) -> None:
    """Cancelled, everything is ended by the runner; killed, by the guard."""
    runner, daemon = start(tmp_path, CALLS[call], ERRORS[error])
    runner.send_signal(signum)
    runner.communicate()
    assert runner.returncode == (-signum if signum == signal.SIGKILL else 128 + signum)
    until(lambda: not alive(daemon))


@pytest.mark.parametrize(
    ("calls", "what"),
    [
        ("subreaper", ["processes that leave their parent may outlive the job"]),
        ("dumpable", ["steps can read what the runner knows"]),
        ("prctl", ["processes that leave their parent may outlive the job", "steps can read what the runner knows"]),
        ("unix", ["steps cannot register secrets"]),
    ],
)
@pytest.mark.parametrize("error", ERRORS)
def test_what_is_lacking_is_told_in_one_line(calls: str, what: list[str], error: str, tmp_path: Path) -> None:
    done = run(tmp_path, calls, ERRORS[error], "--job-command", "echo ${REACTORCIDE_SECRETS_SOCKET:+socket}; exit 3")
    (line,) = told(done)
    assert [part for part in what if part in line] == what
    assert (done.returncode, done.stdout.strip()) == (3, "" if calls == "unix" else "socket")
    code, said = ending_of(tmp_path, calls, ERRORS[error])
    assert (code, said) == (3, [line])
    if alive(pid := int((tmp_path / "job/src/daemon").read_text())):
        assert calls in {"subreaper", "prctl"}
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("kind", ["command", "steps", "workflow"])
def test_what_cannot_be_done_without_is_told_before_anything_runs(kind: str, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "flow.yaml").write_text("jobs: {a: {command: echo ran}}\n")
    words = {"command": ["--job-command", "echo ran"], "steps": ["--job-file", "job.yaml"]}
    done = run(tmp_path, "pairs", errno.EPERM, *words.get(kind, ["--workflow-file", "flow.yaml"]))
    said = "error: a run needs pairs of sockets, which this system refuses: Operation not permitted\n"
    assert (done.returncode, done.stdout, done.stderr) == (125, "", said)


def test_neither_pidfds_nor_threads_that_could_stand_in_for_them(tmp_path: Path) -> None:
    done = run(tmp_path, "newer,clone with a pidfd", errno.EPERM, "--job-command", "echo ran")
    if done.returncode:  # else the C library starts threads in another way
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1)
        assert done.stderr.startswith("error: cannot start the guard of the job")


def test_a_workflow_without_threads(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text("jobs: {a: {command: echo ran}}\n")
    done = run(tmp_path, "435", errno.EPERM, "--workflow-file", "flow.yaml")
    if done.returncode:  # else the C library starts threads in another way
        said = "error: a workflow needs threads, and this system starts none: can't start new thread\n"
        assert (done.returncode, done.stdout, done.stderr) == (125, "", said)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root can take /proc away")
def test_without_proc(tmp_path: Path) -> None:
    argv = ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh", *RUN, "--job-command", "echo ran"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = "error: a run needs /proc, by which it finds the processes of its job; it is not mounted here\n"
    assert (done.returncode, done.stdout, done.stderr) == (125, "", said)
