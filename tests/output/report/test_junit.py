"""`--junit`: what readers of JUnit XML make of a run, whatever its steps are called and write."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from runnerlib.errors import OutputError
from runnerlib.events import Event, JobStarted, StepFinished, StepStarted, WorkflowFinished, WorkflowJobFinished
from runnerlib.events.result import WorkflowResult
from runnerlib.output.report.junit import JUnitReport
from tests.integration.cli import runnerlib
from tests.output.report import hostile
from tests.output.show import EPOCH, result
from tests.tools import tool

XSD = Path(__file__).with_name("junit.xsd")
JOB = """
job:
  name: ci
  steps:
    - {name: build, run: echo building}
    - {name: flaky, run: 'test -e ok || { touch ok; exit 3; }', retry: {max: 2, backoff: 0}}
    - {name: lint, run: exit 2, required: false}
    - {name: test, run: "echo 'E  assert 1 == 2, correct-horse'; exit 1"}
    - {name: gone, run: [no-such-program], depends_on: []}
    - {name: deploy, run: echo hi, depends_on: [test]}
"""


def valid(path: Path) -> ET.Element:
    """The root of a file that the schema takes."""
    subprocess.run([tool("xmllint"), "--noout", "--huge", "--schema", XSD, path], check=True, capture_output=True)
    return ET.parse(path).getroot()


def written(path: Path, events: list[Event]) -> ET.Element:
    report = JUnitReport(str(path), path.parent)
    for event in events:
        report.observe(event)
    report.close()
    return valid(path)


def test_steps_are_cases(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    words = ("run", "--job-file", "job.yaml", "--junit", "build/out.xml", "--secret-values-list", "correct-horse")
    assert runnerlib(*words, cwd=tmp_path).code == 1
    (suite,) = valid(tmp_path / "build/out.xml")
    counts = {key: suite.get(key) for key in ("name", "tests", "failures", "errors", "skipped")}
    assert counts == {"name": "ci", "tests": "6", "failures": "1", "errors": "1", "skipped": "2"}
    cases = {case.get("name"): {one.tag: (one.get("message"), one.text) for one in case} for case in suite}
    retried = "attempt 1 failed: exit code 3; the next one follows in 0.0 s"
    assert cases["build"] == {}
    assert cases["flaky"] == {"system-out": (None, retried)}
    assert cases["lint"] == {"skipped": ("failed, but the job does not require it: exit code 2", None)}
    assert cases["test"] == {"failure": ("exit code 1", "E  assert 1 == 2, [REDACTED]")}
    assert list(cases["gone"]) == ["error"]
    assert cases["deploy"] == {"skipped": ("step 'test' did not succeed", None)}


def test_a_workflow_has_a_suite_for_each_job(tmp_path: Path) -> None:
    jobs = (result("test[0]"), result("dep", "skipped", reason="job 'test' did not succeed", attempts=0))
    steps = [result("test[0]/a"), result("test[0]/b", "failure", 1, "exit code 1")]
    names: dict[str, tuple[str, ...]] = {step.name: () for step in steps}
    events: list[Event] = [JobStarted("w", names, {"test[0]": "test (mac)"}), *map(StepFinished, steps)]
    events += [*map(WorkflowJobFinished, jobs), WorkflowFinished(WorkflowResult("w", 1, "", jobs, EPOCH, EPOCH + 1))]
    root = written(tmp_path / "x.xml", events)
    shown = [(suite.get("name"), [(case.get("name"), len(case)) for case in suite]) for suite in root]
    assert shown == [("test (mac)", [("a", 0), ("b", 1)]), ("dep", [("dep", 1)])]


def test_a_run_that_does_not_end_is_an_error_and_no_older_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text("of an earlier run")
    report = JUnitReport(str(path), tmp_path)
    assert not path.exists()
    for event in (JobStarted("ci", {"a": (), "b": ()}), StepStarted("a", "x"), StepFinished(result("a"))):
        report.observe(event)
    report.close()
    assert [[one.tag for one in case] for case in valid(path)[0]] == [[], ["error"]]
    assert [one.tag for one in written(path, [])[0][0]] == ["error"]


def test_hostile_names_and_output_are_text(tmp_path: Path) -> None:
    root = written(tmp_path / "x.xml", hostile.events())
    assert sum(map(len, root)) == len(hostile.NAMES)
    assert (tmp_path / "x.xml").stat().st_size < 1 << 20, "long names are cut"


def test_a_file_that_cannot_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job/link").symlink_to("/")
    (tmp_path / "file").touch()
    for path, why in (
        ("job/link/x.xml", "a link stands where the runner keeps its files"),
        ("file/x.xml", "(Not a directory|File exists)"),
        (".", "it is a directory"),
    ):
        with pytest.raises(OutputError, match=f"cannot write the JUnit report to '.*{path}': {why}"):
            JUnitReport(f"{tmp_path}/{path}", tmp_path / "job")
