"""Stdout, stderr and stdin that are full, left by readers or closed: a job runs as long as its output arrives."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runnerlib.errors import RunnerError
from tests.integration.cli import RUNNERLIB, environment

SILENT, TALKING = "touch ran; exit 3", "touch ran; echo hi; exit 3"
GONE = "2> gone"  # a fifo whose reader has left
PLUGIN = """
from runnerlib.plugins import Plugin

class Telling(Plugin):
    def __init__(self):
        super().__init__("telling")

    def pre_execution(self, context):
        print("hello")
"""


def shell(words: str, ends: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run `runnerlib WORDS` with `ends` in the syntax of a shell."""
    script = f"exec {RUNNERLIB} {words} {ends}"
    if ends == GONE:
        fifo = f"../{cwd.name}.gone"
        script = f"mkfifo {fifo}; exec 3<> {fifo} 4> {fifo} 3>&-; rm {fifo}; exec {RUNNERLIB} {words} 2>&4 4>&-"
    return subprocess.run(["bash", "-c", script], cwd=cwd, env=environment(**env), stdout=subprocess.PIPE, check=False)


@pytest.mark.parametrize("ends", ["2>/dev/full", GONE, "2>&-", "2>&- <&-", "<&-"])
@pytest.mark.parametrize("more", ["", "--log-format json", "--plugin-dir .", "--output prefixed"])
def test_the_lines_of_the_runner_are_dropped(tmp_path: Path, ends: str, more: str) -> None:
    (tmp_path / "plugin_telling.py").write_text(PLUGIN)
    done = shell(f"run {more} --job-command '{TALKING}'", ends, tmp_path)
    assert (done.returncode, b"hi\n" in done.stdout) == (3, True)
    assert (tmp_path / "job/src/ran").exists()


@pytest.mark.parametrize(
    "ends", [">/dev/full", ">&-", ">&- 2>&-", ">&- 2>&- <&-", ">/dev/full 2>&-", ">&- 2>/dev/full"]
)
def test_output_that_is_lost_fails_the_run(tmp_path: Path, ends: str) -> None:
    done = shell(f"run --job-command '{TALKING}'", ends, tmp_path)
    assert done.returncode == RunnerError.exit_code
    assert shell(f"run --job-command '{SILENT}'", ends, tmp_path).returncode == 3  # nothing is lost of it


@pytest.mark.parametrize("command", [SILENT, TALKING])
@pytest.mark.parametrize("ends", [">/dev/full 2>/dev/full", ">/dev/full 2>&1"])
def test_both_full(tmp_path: Path, ends: str, command: str) -> None:
    assert shell(f"run --job-command '{command}'", ends, tmp_path).returncode == RunnerError.exit_code


@pytest.mark.parametrize("ends", ["2>/dev/full", GONE, "2>&-"])
def test_a_workflow(tmp_path: Path, ends: str) -> None:
    (tmp_path / "w.yaml").write_text("jobs: [{name: a, command: echo hi}]\n")
    done = shell("run --workflow-file w.yaml", ends, tmp_path)
    assert (done.returncode, b"hi" in done.stdout) == (0, True)


@pytest.mark.parametrize("ends", ["2>/dev/full", GONE, "2>&-"])
@pytest.mark.parametrize(
    ("words", "code"),
    [("config", 0), ("validate -- true", 0), ("copy .", 0), ("checkout .", 0), ("run --wrong", 2), ("", 2), ("git", 2)],
)
def test_other_commands(tmp_path: Path, ends: str, words: str, code: int) -> None:
    (tmp_path / "file").write_text("")
    if words == "checkout .":
        subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "x"], cwd=tmp_path, check=True)
    done = shell(words, ends, tmp_path, REACTORCIDE_JOB_TIMOUT="1", REACTORCIDE_CACHE_DIR="none")
    assert (done.returncode, bool(done.stdout)) == (code, not code)


@pytest.mark.parametrize(("end", "why"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")])
def test_a_listing_that_is_lost(tmp_path: Path, end: str, why: str) -> None:
    done = shell("config", f"{end} 2> said", tmp_path)
    assert done.returncode == RunnerError.exit_code
    assert (tmp_path / "said").read_text() == f"error: cannot write the output: {why}\n"
