"""`runnerlib doctor`: what it finds, here and where something is missing, and how it looks on terminals."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli import RUNNERLIB, environment, runnerlib

REFUSING = str(Path(__file__).parents[1] / "refusing.py")
NAMES = {
    *("Python", "loop", "Linux", "subreaper", "pidfd", "control groups", "Unix sockets", "user", "Landlock"),
    *(
        "closed memory",
        "user namespaces",
        "kernel",
        "git",
        "git-lfs",
        "libgit2",
        "hg",
        "svn",
        "zstd",
        "docker",
        "podman",
    ),
}
STATES = {"ok", "limited", "missing"}


def told(stdout: bytes) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(stdout)["findings"]}


def test_every_ability_has_its_use_and_its_cost(tmp_path: Path) -> None:
    done = runnerlib("doctor", "--json", cwd=tmp_path)
    found = told(done.out)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["usable"] is True
    assert found.keys() == NAMES
    for one in found.values():
        assert one["state"] in STATES, one
        assert one["found"], one
        assert one["use"], one
        assert one["without"], one
    assert found["Python"]["found"].startswith(sys.version.split()[0])
    assert list(tmp_path.iterdir()) == []


def test_programs_that_are_missing_old_or_broken(tmp_path: Path) -> None:
    for name, text in (
        ("git", "echo git version 2.20.1"),
        ("svn", "echo x; echo nonsense >&2; exit 3"),
        ("docker", "test $1 = --version && echo Docker version 20.10.5, build 1"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    done = runnerlib("doctor", "--json", cwd=tmp_path, PATH=str(tmp_path))
    found = told(done.out)
    assert done.code == 0, done
    assert {name: (found[name]["state"], found[name]["found"]) for name in ("git", "svn", "hg", "docker")} == {
        "git": ("limited", "2.20.1; 2.31 or newer is used"),
        "svn": ("limited", "nonsense"),
        "hg": ("missing", "not in the PATH"),
        "docker": ("limited", "20.10.5, not reachable: exit code 1, and no word"),
    }


def test_no_program_gets_what_is_for_the_runner_alone(tmp_path: Path) -> None:
    (tmp_path / "git").write_text(f"#!/bin/sh\n/usr/bin/env > {tmp_path}/env\necho git version 2.40.0\n")
    (tmp_path / "git").chmod(0o755)
    done = runnerlib(
        "doctor", "--json", cwd=tmp_path, PATH=str(tmp_path), REACTORCIDE_SECRETS_PASSWORD="hunter2-hunter2"
    )
    assert told(done.out)["git"]["found"] == "2.40.0"
    assert "hunter2" not in (tmp_path / "env").read_text()


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM])
def test_what_a_profile_refuses(tmp_path: Path, error: int) -> None:
    calls = "dumpable,subreaper,unix,434,444"
    words = [sys.executable, REFUSING, str(error), calls, sys.executable, "-m", "runnerlib", "doctor", "--json"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, check=False)
    found = told(done.stdout)
    why = f"refused: {os.strerror(error)}"
    assert done.returncode == 0, done.stderr
    for name in ("closed memory", "subreaper", "Unix sockets", "pidfd"):
        assert (found[name]["state"], found[name]["found"]) == ("missing", why), name
    assert found["Landlock"]["state"] == "missing"


def test_a_machine_that_runs_no_job(tmp_path: Path) -> None:
    words = [sys.executable, REFUSING, str(errno.EPERM), "pairs", sys.executable, "-m", "runnerlib", "doctor"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "the runner cannot work here without: Linux"
    assert "a run needs pairs of sockets, which this system refuses: Operation not permitted" in done.stdout


@pytest.mark.parametrize("width", [40, 80, 160])
def test_it_fits_a_terminal(tmp_path: Path, width: int) -> None:
    shown = on_terminal(tmp_path, width)
    assert max(map(len, shown)) < width
    assert {"runtime", "processes", "isolation", "masking", "sources", "containers"} <= set(shown)
    assert any(line.startswith("✓ Python") for line in shown)
    assert shown[-1].startswith("the runner can work here; ") or shown[-2].startswith("the runner can work here; ")


def on_terminal(tmp_path: Path, width: int) -> list[str]:
    """The lines on a terminal of that width, without colours."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 200, width, 0, 0))
    env = environment(TERM="xterm", NO_COLOR="1")
    with subprocess.Popen([RUNNERLIB, "doctor"], cwd=tmp_path, env=env, stdout=other, stderr=other) as running:
        os.close(other)
        data = b""
        while True:
            try:
                piece = os.read(main, 1 << 16)
            except OSError:  # EIO: the other end is closed
                break
            data += piece
    os.close(main)
    assert running.returncode == 0
    return data.decode().replace("\r\n", "\n").rstrip("\n").split("\n")
