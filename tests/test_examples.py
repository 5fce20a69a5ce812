"""The examples do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.integration.cli import environment, runnerlib

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_every_example_is_tested() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    assert all(example.name in tested for example in EXAMPLES.iterdir())


def test_job(tmp_path: Path) -> None:
    done = runnerlib("run", "--config", str(EXAMPLES / "job.yaml"), cwd=tmp_path)
    assert (done.code, done.out) == (0, b"building demo with [REDACTED]\n")
    assert (tmp_path / "job/artifacts/name").read_text() == "demo\n"


def test_mask_filter() -> None:
    filtered = [sys.executable, EXAMPLES / "mask_filter.py", "DB_PASSWORD"]
    env = environment(DB_PASSWORD="hunter2-hunter2")
    done = subprocess.run(filtered, input=b"a hunter2-hunter2 hunter2-", env=env, capture_output=True, check=True)
    assert done.stdout == b"a [REDACTED] hunter2-"
    done = subprocess.run(filtered, input=b"", env=environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"DB_PASSWORD is not set, or too short to be masked\n")


def test_pipeline(tmp_path: Path) -> None:
    """Its form; a whole Python project takes minutes and a package index."""
    done = runnerlib("run", "--job-file", str(EXAMPLES / "pipeline.yaml"), "--plan", cwd=tmp_path)
    assert done.code == 0, done
    assert done.out.startswith(b"job pipeline: 9 steps\n")
