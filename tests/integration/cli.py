"""The installed command line, run as the process that users run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

RUNNERLIB = Path(sys.executable).with_name("runnerlib")

# What a job needs and nothing that changes what the runner does.
PLAIN = {"PATH": os.environ["PATH"], "HOME": "/dev/null/home", "LANG": "C.UTF-8", "REACTORCIDE_IN_CONTAINER": "false"}


class Done(NamedTuple):
    """The exit code of a command line, and its output."""

    code: int
    out: bytes
    err: str


def environment(**more: str) -> dict[str, str]:
    return {**PLAIN, "XDG_STATE_HOME": os.environ.get("XDG_STATE_HOME", "/dev/null/state"), **more}


def runnerlib(*args: str, cwd: Path, **env: str) -> Done:
    """Run `runnerlib args…` to its end."""
    assert RUNNERLIB.exists(), "the tests run the installed program: pip install -e '.[test]'"
    done = subprocess.run([RUNNERLIB, *args], cwd=cwd, env=environment(**env), capture_output=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr.decode())


def started(*args: str, cwd: Path, **env: str) -> subprocess.Popen[bytes]:
    """Start `runnerlib args…` with its output on a pipe."""
    return subprocess.Popen(
        [RUNNERLIB, *args], cwd=cwd, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
