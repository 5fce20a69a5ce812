"""The output of `runnerlib run` for a worker: one stream, lines that are not too long, the time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.cli import runnerlib

WORKER = {"REACTORCIDE_JOB_ID": "42"}
FAILS = ("--job-command", "echo out; echo err >&2; printf unfinished; exit 5")


def test_the_runners_lines_stand_where_they_belong(tmp_path: Path) -> None:
    done = runnerlib("run", *FAILS, cwd=tmp_path, **WORKER)
    assert (done.code, done.err) == (5, "")
    assert done.out.splitlines() == [
        b"runnerlib: $ " + FAILS[1].encode(),
        b"out",
        b"err",
        b"unfinished",
        b"runnerlib: failed: exit code 5",
    ]


def test_errors_stand_there_too(tmp_path: Path) -> None:
    done = runnerlib("run", "--git-url", "/nonexistent", "--job-command", "true", cwd=tmp_path, **WORKER)
    assert (done.code, done.err) == (125, "")
    assert b"\nerror: " in b"\n" + done.out


@pytest.mark.parametrize(
    ("options", "env", "err"),
    [
        ((), {}, True),
        (("--log-stream", "one"), {}, False),
        (("--log-stream", "split"), WORKER, True),
        ((), {**WORKER, "REACTORCIDE_LOG_STREAM": "split"}, True),
        (("--log-format", "json"), WORKER, True),
    ],
)
def test_who_asks_for_it(options: tuple[str, ...], env: dict[str, str], err: bool, tmp_path: Path) -> None:
    done = runnerlib("run", *options, *FAILS, cwd=tmp_path, **env)
    assert done.code == 5
    assert ("exit code 5" in done.err) == err
    assert (b"exit code 5" in done.out) != err


def test_long_lines_are_cut_for_a_worker(tmp_path: Path) -> None:
    command = "head -c 300000 /dev/zero | tr '\\0' x; echo; echo after"
    done = runnerlib("run", "--job-command", command, cwd=tmp_path, **WORKER)
    lines = done.out.splitlines()
    assert (done.code, lines[-1]) == (0, b"after")
    assert max(map(len, lines)) < 65536
    assert len(lines) > 5
    assert sum(line.count(b"x") for line in lines[1:]) == 300_000
    assert all(line.endswith(b" [runnerlib: the line is cut here and goes on below]") for line in lines[1:-2])


@pytest.mark.parametrize(("options", "env"), [((), {}), (("--max-line", "off"), WORKER)])
def test_nobody_else_gets_them_cut(options: tuple[str, ...], env: dict[str, str], tmp_path: Path) -> None:
    command = "head -c 300000 /dev/zero | tr '\\0' x"
    done = runnerlib("run", *options, "--job-command", command, cwd=tmp_path, **env)
    assert b"x" * 300_000 in done.out


def test_the_time(tmp_path: Path) -> None:
    done = runnerlib("run", "--timestamps", "--log-stream", "one", *FAILS, cwd=tmp_path)
    lines = done.out.splitlines()
    assert len(lines) == 5
    assert all(re.match(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line) for line in lines)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-line", "7"), "got '7', a number of bytes, 256 or more, such as 32K, or off is expected"),
        (("--log-stream", "both"), "got 'both', one of auto, split, one is expected"),
        (("--timestamps", "--output", "json"), "--timestamps): the mode 'json' has its own"),
    ],
)
def test_mistakes(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = runnerlib("run", *options, "--job-command", "true", cwd=tmp_path)
    assert done.code == 78
    assert said in done.err
