"""The installed command line, run as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.forked import ForkServer

RUNNERLIB = Path(sys.executable).with_name("runnerlib")
assert RUNNERLIB.exists(), "the tests run the installed program: pip install -e '.[test]'"

# What a job needs and nothing that changes what the runner does.
PLAIN = {"PATH": os.environ["PATH"], "HOME": "/dev/null/home", "LANG": "C.UTF-8", "REACTORCIDE_IN_CONTAINER": "false"}


class Done(NamedTuple):
    """The exit code of a command line, and its output."""

    code: int
    out: bytes
    err: str


def environment(**more: str) -> dict[str, str]:
    return {**PLAIN, "XDG_STATE_HOME": os.environ.get("XDG_STATE_HOME", "/dev/null/state"), **more}


# What a process looks at when it starts, and not when it is forked.
_OF_THE_START = ("LANG", "LC_", "LD_", "MALLOC_", "PYTHON", "TZ")
# Not in the middle of a test, which may leave no process behind.
_SERVER = ForkServer(RUNNERLIB, PLAIN)


def runnerlib(*args: str, cwd: Path, **env: str) -> Done:
    """Run `runnerlib args…` to its end.

    It is forked off a process that has loaded it, which takes a third of the time. /proc has its own words and
    environment only for what is started: see `program`.
    """
    if any(name.startswith(_OF_THE_START) for name in env):
        return program(*args, cwd=cwd, **env)
    code, out, err = _SERVER.run(args, cwd, environment(**env))
    return Done(code, out, err.decode())


def program(*args: str, cwd: Path, **env: str) -> Done:
    """Start `runnerlib args…` as users do, and wait for its end."""
    done = subprocess.run([RUNNERLIB, *args], cwd=cwd, env=environment(**env), capture_output=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr.decode())


def started(*args: str, cwd: Path, **env: str) -> subprocess.Popen[bytes]:
    """Start `runnerlib args…` with its output on a pipe."""
    return subprocess.Popen(
        [RUNNERLIB, *args], cwd=cwd, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
