"""The examples do what they say."""

from __future__ import annotations

import json
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


class TestPipelineProgram:
    """A project whose tests pass, and one whose tests do not."""

    def run(self, tmp_path: Path, test: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "project").mkdir()
        (tmp_path / "project/test_it.py").write_text(
            f"import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        {test}\n"
        )
        env = environment(REACTORCIDE_BRANCH="main", PATH=f"{Path(sys.executable).parent}:{environment()['PATH']}")
        program = [sys.executable, EXAMPLES / "pipeline.py"]
        return subprocess.run(program, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    def test_passes(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "pass")
        assert done.returncode == 0, done
        assert "tested with [REDACTED] on Linux" in done.stdout
        assert done.stdout.endswith("pipeline: passed\n")
        report = json.loads((tmp_path / "out/report.json").read_text())
        assert report == {
            "branch": "main",
            "job": None,
            "exit_code": 0,
            "steps": dict.fromkeys(("style", "test", "build", "where"), "success"),
        }
        assert (tmp_path / "out/project.tar").exists()

    def test_fails(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "self.fail()")
        assert done.returncode == 1, done
        assert done.stdout.endswith("pipeline: step 'test': exit code 1\n")
        report = json.loads((tmp_path / "out/report.json").read_text())
        assert report["steps"] == {"style": "success", "test": "failure", "build": "skipped", "where": "success"}


def test_pipeline(tmp_path: Path) -> None:
    """Its form; a whole Python project takes minutes and a package index."""
    done = runnerlib("run", "--job-file", str(EXAMPLES / "pipeline.yaml"), "--plan", cwd=tmp_path)
    assert done.code == 0, done
    assert done.out.startswith(b"job pipeline: 9 steps\n")
