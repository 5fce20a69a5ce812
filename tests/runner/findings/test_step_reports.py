"""`reports` of a step: found, read, masked and told, whatever the step has put there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.integration.cli import runnerlib
from tests.runner.findings.test_parsers import COVERAGE, PYTEST, SARIF, TAP

JOB = """
job:
  name: ci
  steps:
    - name: unit
      run: mkdir -p build/a/b && cp pytest.xml build/a/b && cp tap build && cp sarif cov.xml build; echo tested; exit 1
      reports: {junit: "build/**/*.xml", tap: build/tap, sarif: [build/sarif, "none/*.sarif"], cobertura: build/cov.xml}
    - {name: other, run: echo other, when: always}
"""


def project(path: Path, job: str = JOB) -> Path:
    (path / "runnerlib.yaml").write_text(job)
    secret = PYTEST.replace("assert 3 == 4&#10;", "token correct-horse is wrong&#10;")
    (path / "pytest.xml").write_text(secret)
    (path / "tap").write_text(TAP)
    (path / "sarif").write_text(json.dumps(SARIF).replace("file:///job/src", str(path)))
    (path / "cov.xml").write_text(COVERAGE)
    return path


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "events").read_text().splitlines()]


def test_reports_are_in_summary_events_and_report(tmp_path: Path) -> None:
    words = ("run", "--events", "events", "--output", "prefixed", "--report", "r.html", "--junit", "own.xml")
    done = runnerlib(*words, "--secret-values-list", "correct-horse", cwd=project(tmp_path))
    assert done.code == 1
    told = events(tmp_path)
    sums = {one["kind"]: one for one in told if one["type"] == "report"}
    assert {kind: one["files"] for kind, one in sums.items()} == {"junit": 1, "tap": 1, "sarif": 1, "cobertura": 1}
    assert sums["junit"]["cases"] == {"passed": 1, "failed": 2, "skipped": 1, "seconds": 0.013}
    assert sums["cobertura"]["coverage"] == 0.873
    found = [one for one in told if one["type"] == "annotation"]
    told_of = {key: value for key, value in found[0].items() if key not in {"v", "time", "type"}}
    assert told_of == {
        "step": "unit",
        "level": "error",
        "text": "token [REDACTED] is wrong  +  where 3 = total()",
        "path": "tests/test_cart.py",
        "line": 12,
        "column": None,
        "title": "tests.test_cart.TestCart::test_total",
        "source": "junit",
    }
    assert next(one["path"] for one in found if one["source"] == "ruff") == "a b.py"
    out = done.out.decode()
    assert "tests of unit: 2 failed, 1 passed, 1 skipped\n" in out
    assert "tests of unit: 3 failed, 1 passed, 2 skipped\n" in out
    assert "coverage of unit: 87.3 %\n" in out
    assert "  ✗ tests/test_cart.py:12 tests.test_cart.TestCart::test_total: token [REDACTED] is wrong" in out
    assert "warning: reports: 'build/cov.xml' is no junit: it is XML, but not of JUnit" in out
    assert "warning: reports: no file matches 'none/*.sarif'" in out
    assert "correct-horse" not in out + (tmp_path / "events").read_text()


def test_a_report_is_no_way_to_other_files(tmp_path: Path) -> None:
    job = """
job:
  steps:
    - name: evil
      run: |
        ln -s /etc/passwd a.xml; mkfifo b.xml; mkdir c.xml; ln -s / dir; head -c 70000000 /dev/zero > d.xml
      reports: {junit: ["*.xml", "dir/etc/*"]}
"""
    done = runnerlib("run", "--events", "events", "--output", "raw", cwd=project(tmp_path, job))
    assert done.code == 0
    warnings = "\n".join(one["text"] for one in events(tmp_path) if one["type"] == "warning")
    assert "'d.xml' cannot be read: it is larger than" in warnings
    assert "no file matches 'dir/etc/*'" in warnings
    assert "root:" not in warnings
    sums = [one for one in events(tmp_path) if one["type"] == "report"]
    assert [one["files"] for one in sums] == [1], "the project's own pytest.xml"


def test_wrong_kinds_and_paths_are_told_before_the_run(tmp_path: Path) -> None:
    for given, why in (
        ("{junti: a}", "unknown key 'junti'; did you mean 'junit'?"),
        ("{junit: /etc/passwd}", "'/etc/passwd' is no path below the directory of the job"),
        ("[a]", "reports is a mapping of keys to values, got a list"),
    ):
        job = f"job: {{steps: [{{name: a, run: 'true', reports: {given}}}]}}"
        done = runnerlib("run", cwd=project(tmp_path, job))
        assert done.code == 78
        assert why in " ".join(done.err.split()), done.err


def test_the_workspace_is_where_paths_are_relative_to(tmp_path: Path) -> None:
    job = """
job:
  steps:
    - name: unit
      working_dir: sub
      run: mkdir -p out && cp ../pytest.xml out/
      reports: {junit: out/*.xml}
"""
    (project(tmp_path, job) / "sub").mkdir()
    assert runnerlib("run", "--events", "events", cwd=tmp_path).code == 0
    assert {one["path"] for one in events(tmp_path) if one["type"] == "annotation"} == {"sub/tests/test_cart.py"}
    assert not os.path.lexists(tmp_path / "out")
