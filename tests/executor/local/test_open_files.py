"""The limit of open files: raised for the runner, given to steps as it was, restored."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, resource
from pathlib import Path
from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.process_spec import ProcessSpec
resource.setrlimit(resource.RLIMIT_NOFILE, (100, int(os.environ["HARD"])))
limit = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0]
with ProcessSupervisor(cgroups=False) as one:
    raised = limit()
    with ProcessSupervisor(cgroups=False) as other:
        assert limit() == raised
    process = one.start(ProcessSpec(("sh", "-c", "echo $(ulimit -Sn) $(ulimit -Hn)"), Path("/"), dict(os.environ)))
    process.reap()
    print(process.read(99).decode().strip(), raised, end=" ")
    process.close()
print(limit())
"""


@pytest.mark.parametrize(("hard", "raised"), [(100, 100), (500, 500), (20_000, 16_384)])
def test_it_is_the_runners_own(hard: int, raised: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"HARD": str(hard), "PATH": "/bin:/usr/bin"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.stdout, done.stderr) == (f"100 {hard} {raised} 100\n", "")
