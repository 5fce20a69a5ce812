"""References to secrets in jobs of steps and in workflows, run as real processes."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli import runnerlib

ENV = {"SECRET_CI__TOKEN": "swordfish-swordfish", "REACTORCIDE_SECRET_PROVIDERS": "env"}
CHECK = "test $T = swordfish-''swordfish && echo $T"
WORKFLOW = f"""
workflow:
  name: w
  jobs:
    a: {{command: "{CHECK}", env: {{T: '${{secret:ci:token}}'}}}}
    b: {{needs: a, steps: [{{name: s, run: "{CHECK}", env: {{T: '${{secret:ci:KEY}}'}}}}]}}
"""
JOB = f"""
job:
  env: {{T: '${{secret:ci:token}}'}}
  steps:
    - {{name: a, run: "{CHECK}"}}
    - {{name: b, run: "{CHECK}", env: {{T: '${{secret:ci:KEY}}'}}}}
"""


def run(tmp_path: Path, option: str, text: str, key: str):
    (tmp_path / "file.yaml").write_text(text.replace("KEY", key))
    return runnerlib("run", option, "file.yaml", "--output", "prefixed", cwd=tmp_path, **ENV)


def test_jobs_of_a_workflow_get_what_they_refer_to(tmp_path: Path) -> None:
    done = run(tmp_path, "--workflow-file", WORKFLOW, "token")
    assert done.code == 0, done
    assert done.out.count(b"\xe2\x94\x82 [REDACTED]") == 2
    assert b"swordfish-swordfish" not in done.out


def test_a_workflow_with_a_missing_secret_does_not_start(tmp_path: Path) -> None:
    done = run(tmp_path, "--workflow-file", WORKFLOW, "none")
    assert (done.code, done.out) == (78, b"")
    assert done.err == "error: env of step 's': T: there is no secret 'ci:none' (providers: env)\n"


def test_steps_get_what_they_refer_to(tmp_path: Path) -> None:
    done = run(tmp_path, "--job-file", JOB, "token")
    assert done.code == 0, done
    assert done.out.count(b"\xe2\x94\x82 [REDACTED]") == 2
    assert b"swordfish-swordfish" not in done.out
    logs = b"".join(path.read_bytes() for path in (tmp_path / "job/artifacts/logs").iterdir())
    assert logs.count(b"[REDACTED]") == 2


def test_a_job_with_a_missing_secret_does_not_start(tmp_path: Path) -> None:
    done = run(tmp_path, "--job-file", JOB, "none")
    assert (done.code, done.out) == (78, b"")
    assert done.err == "error: env of step 'b': T: there is no secret 'ci:none' (providers: env)\n"
    assert not (tmp_path / "job").exists()
