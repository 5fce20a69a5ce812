"""The usage of a step excludes the memory of the runner, which the kernel counts as that of its children."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from pathlib import Path
from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.process_spec import ProcessSpec
held = bytearray(b"x") * (int(sys.argv[1]) << 20)
code = f"x = bytearray(b'x') * ({sys.argv[2]} << 20)"
with ProcessSupervisor(cgroups=sys.argv[3] == "groups") as supervisor:
    process = supervisor.start(ProcessSpec((sys.executable, "-S", "-c", code), Path("/"), dict(os.environ)))
    print(process.reap().usage.max_rss)
    process.close()
"""


def max_rss(held: int, used: int, groups: str = "none") -> int | None:
    """The figure for a step that uses so many MiB, in a program that holds some itself."""
    words = [sys.executable, "-c", PROGRAM, str(held), str(used), groups]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return None if done.stdout == "None\n" else int(done.stdout)


@pytest.mark.parametrize("groups", ["none", "groups"])
@pytest.mark.parametrize(("held", "used"), [(0, 300), (100, 300)])
def test_what_is_more_than_the_runners_own_is_the_steps(held: int, used: int, groups: str) -> None:
    found = max_rss(held, used, groups)
    assert found is not None
    assert used << 20 <= found < (used + 60) << 20


@pytest.mark.parametrize(("held", "used"), [(0, 0), (300, 0), (300, 100)])
def test_what_may_be_the_runners_own_is_no_figure(held: int, used: int) -> None:
    assert max_rss(held, used) is None


def test_a_program_that_was_large_before_it_became_the_runner_hides_nothing() -> None:
    """Its parent starts it as the runner starts a step, and so the kernel tells it of memory that it never had."""
    words = [sys.executable, "-c", PROGRAM, "0", "200", "none"]
    code = f"held = bytearray(b'x') * (500 << 20); import subprocess; subprocess.run({words})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 200 << 20 <= int(done.stdout) < 260 << 20
