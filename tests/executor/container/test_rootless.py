"""Podman without root: its containers have one user, root inside, who is the runner's own user outside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.test_attacks import AS_USER, MODULES, NOBODY, PYTHON
from tests.dockerd import PODMAN, image
from tests.tools import tool

IMAGE = "localhost/rl-test:1"


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of an ordinary user, whose podman has an image."""
    client, busybox = tool("podman"), tool("busybox")
    if os.geteuid() or PYTHON["user"] is None:
        pytest.skip("only root can be another user, with an interpreter that this one may execute")
    found = Path(tempfile.mkdtemp(prefix="rl-rootless-", dir="/var/tmp"))
    try:
        (found / ".config/containers").mkdir(parents=True)
        (found / ".config/containers/containers.conf").write_text(PODMAN)
        image(found / "image.tar", busybox)
        for path in (found, *found.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        ran(found, client, "import", found / "image.tar", IMAGE)
        yield found
    finally:
        shutil.rmtree(found, ignore_errors=True)


def ran(home: Path, *words: object) -> subprocess.CompletedProcess[str]:
    env = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PYTHONPATH": MODULES, "PATH": os.environ["PATH"]}
    argv = [*AS_USER, *map(str, words)]
    return subprocess.run(argv, cwd=home, env=env, capture_output=True, text=True, check=False, timeout=120)


def test_a_job_of_an_ordinary_user(home: Path) -> None:
    steps = [
        {"name": "who", "run": "id -u; echo v=1 >>$RUNNERLIB_OUTPUT; ls $REACTORCIDE_SECRETS_SOCKET"},
        {"name": "apart", "run": "{ echo >/job/x; } 2>/dev/null || echo closed; echo made >f", "untrusted": True},
        {"name": "after", "run": "cat f; echo $RUNNERLIB_OUTPUT_WHO_V"},
    ]
    (home / "job.json").write_text(json.dumps({"job": {"steps": steps}}))
    words = ("--job-file", "job.json", "--container-engine", "podman", "--runner-image", IMAGE, "--output", "raw")
    python = (PYTHON["user"], "-S", "-c", "from runnerlib.cli import main; main()", "run", *words)
    done = ran(home, *python, "--container-pull", "never", "--container-user", "root")
    assert (done.returncode, done.stdout) == (0, "0\n/job/.runnerlib/secrets\nclosed\nmade\n1\n"), done
    assert (home / "job/src/f").stat().st_uid == NOBODY
    if not Path("/etc/subuid").exists() or not Path("/etc/subuid").read_text().strip():
        done = ran(home, *python, "--container-pull", "never")
        assert done.returncode == 125
        assert "keep-id requires" in done.stderr
        assert "; --container-user root needs none of them" in done.stderr
