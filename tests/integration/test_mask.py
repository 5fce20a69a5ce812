"""`runnerlib mask` as a real process."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.cli import RUNNERLIB, environment, runnerlib

SECRET = "correct-horse-battery"


def test_a_filter(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text(f"DB={SECRET}\n")
    data = b"\0\xff" + SECRET.encode() + b" " + base64.b64encode(b"ab" + SECRET.encode()) + b" corr"
    done = subprocess.run(
        [RUNNERLIB, "mask", "--secrets-file", "secrets"], input=data, cwd=tmp_path, env=environment(),
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"\0\xff[REDACTED] YW")
    assert done.stdout.endswith(b" corr")
    assert b"correct-" not in done.stdout


def test_a_report_of_what_was_masked(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text(f"DB={SECRET}\n")
    command = [RUNNERLIB, "mask", "--secrets-file", "secrets", "--summary", "--report"]
    for file in ("report", "-"):
        done = subprocess.run(
            [*command, file], input=f"a {SECRET} b {SECRET} ".encode(), cwd=tmp_path, env=environment(),
            capture_output=True, check=True,
        )  # fmt: skip
        assert done.stdout == b"a [REDACTED] b [REDACTED] "
        summary, _, text = done.stderr.decode().partition("\n")
        assert summary == "masked 2 times: DB of secrets_file 2"
        report = json.loads(text or (tmp_path / "report").read_text())
        assert report["total"]["rules"] == [{"rule": "DB of secrets_file", "form": "raw", "marks": 2, "bytes": 42}]
        assert (report["streams"][0]["stream"], report["total"]["bytes_in"]) == ("stdin", 48)
        assert SECRET not in str(report)


@pytest.mark.parametrize("options", [["--shapes"], ["--secret-shapes", "jwt,aws-key-id"]])
def test_shapes(options: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [RUNNERLIB, "mask", "--summary", *options], input=b"id AKIAABCDEFGHIJKLMNOP", cwd=tmp_path, env=environment(),
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == b"id [REDACTED:aws-key-id]"
    assert done.stderr == b"masked 1 time: shape aws-key-id 1\n"


def test_an_unknown_shape(tmp_path: Path) -> None:
    code, _, stderr = runnerlib("mask", "--secret-shapes", "jwt,jwts", cwd=tmp_path)
    assert code == 78
    assert "secret_shapes (command line, --secret-shapes): unknown shape 'jwts'; did you mean 'jwt'?\n" in stderr


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    assert runnerlib("mask", "--report", "no/report", cwd=tmp_path) == (
        125,
        b"",
        "error: cannot write 'no/report': No such file or directory\n",
    )


def test_what_arrives_leaves_at_once(tmp_path: Path) -> None:
    command = [RUNNERLIB, "mask", "--secrets-list", SECRET]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          bufsize=0) as run:  # fmt: skip
        assert run.stdin
        assert run.stdout
        run.stdin.write(b"prompt: ")
        assert run.stdout.read(100) == b"prompt: "
        run.stdin.write(f"{SECRET}.".encode())
        assert run.stdout.read(100) == b"[REDACTED]."


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    shell = ["sh", "-c", f"yes | {RUNNERLIB} mask 2>err | head -n 1; cat err"]
    done = subprocess.run(shell, cwd=tmp_path, env=environment(), capture_output=True, check=True)
    assert done.stdout == b"y\nerror: cannot write the job's output: its reader has closed it\n"


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    directory = tmp_path / "artifacts"
    directory.mkdir()
    (directory / "clean").write_text("nothing")
    (directory / "log").write_text(f"a {SECRET} b {SECRET}")
    (directory / SECRET).write_text(SECRET)
    return directory


def check(tmp_path: Path, *args: str) -> tuple[int, bytes, str]:
    return runnerlib("mask", "--check", *args, "artifacts", cwd=tmp_path, DEPLOY_TOKEN=SECRET)


def test_a_report_of_files(artifacts: Path, tmp_path: Path) -> None:
    assert check(tmp_path, "--report", "report")[0] == 1
    report = json.loads((tmp_path / "report").read_text())
    assert [(stream["stream"], stream["marks"]) for stream in report["streams"]] == [
        ("artifacts/clean", 0), ("artifacts/[REDACTED]", 1), ("artifacts/log", 2),
    ]  # fmt: skip
    assert report["total"]["rules"][0]["rule"] == "DEPLOY_TOKEN"


def test_policy_fail(artifacts: Path, tmp_path: Path) -> None:
    assert check(tmp_path) == (1, b"artifacts/[REDACTED]: 1 secret\nartifacts/log: 2 secrets\n", "")
    assert (artifacts / "log").read_text() == f"a {SECRET} b {SECRET}"


def test_policy_mask(artifacts: Path, tmp_path: Path) -> None:
    assert check(tmp_path, "--policy", "mask") == (
        0,
        b"artifacts/[REDACTED]: 1 secret, masked\nartifacts/log: 2 secrets, masked\n",
        "",
    )
    assert (artifacts / "log").read_text() == "a [REDACTED] b [REDACTED]"
    assert check(tmp_path) == (0, b"", "")


def test_policy_quarantine(artifacts: Path, tmp_path: Path) -> None:
    done = check(tmp_path, "--policy", "quarantine", "--quarantine-dir", "away")
    assert done == (
        0,
        b"artifacts/[REDACTED]: 1 secret, moved to away/[REDACTED]\nartifacts/log: 2 secrets, moved to away/log\n",
        "",
    )
    assert [path.name for path in artifacts.iterdir()] == ["clean"]


def test_usage(tmp_path: Path) -> None:
    done = runnerlib("mask", "--check", cwd=tmp_path)
    assert (done.code, done.out) == (2, b"")
    assert done.err.endswith("error: --check needs a FILE or a directory\n")


def test_a_missing_path(tmp_path: Path) -> None:
    done = runnerlib("mask", "--check", "none", cwd=tmp_path)
    assert done == (125, b"", "error: cannot check 'none': No such file or directory\n")


def test_files_one_after_the_other(tmp_path: Path) -> None:
    """A secret may begin in one file and end in the next, as where a log was split."""
    (tmp_path / "a").write_bytes(b"\0 " + SECRET[:9].encode())
    (tmp_path / "b").write_text(f"{SECRET[9:]} and ")
    command = [RUNNERLIB, "mask", "--secrets-list", SECRET, "--report", "report", "a", "b", "-", "a"]
    done = subprocess.run(
        command, input=f"{SECRET}\n".encode(), cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"\0 [REDACTED] and [REDACTED]\n\0 " + SECRET[:9].encode()
    assert json.loads((tmp_path / "report").read_text())["streams"][0]["stream"] == "a, b, stdin, a"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    found = {name: runnerlib("mask", "--", name, cwd=tmp_path) for name in ("nowhere", ".")}
    assert {name: (done.code, done.err) for name, done in found.items()} == {
        "nowhere": (125, "error: cannot read 'nowhere': No such file or directory\n"),
        ".": (125, "error: cannot read '.': Is a directory\n"),
    }
