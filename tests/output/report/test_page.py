"""`--report`: one page that a real browser shows, offline, to everybody, whatever a job is called and writes."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from runnerlib.events import Event, JobFinished, JobStarted, Notice, StepFinished, StepOutput, StepStarted
from runnerlib.output.report.page import log_chunks
from runnerlib.output.report.page.last_run import Brief, brief, changes, read_brief
from runnerlib.output.report.page.log_chunks import Chunks, StepLog
from runnerlib.output.report.page.observer import HtmlReport
from runnerlib.output.report.page.recording import About, StepRecord, critical_path, shown_names
from runnerlib.output.text.ansi import text_only
from runnerlib.output.text.lines import final
from tests.integration.cli import runnerlib
from tests.output.report import hostile
from tests.output.report.browser import Page, browser
from tests.output.show import cut, cuts, job, outputs, result
from tests.tools import axe

PIPELINE = """
job:
  name: ci-pipeline
  env: {DEPLOY_TOKEN: correct-horse-battery, MODE: fast-mode}
  steps:
    - {name: build, run: 'for i in $(seq 1 900); do echo "line $i"; done'}
    - {name: lint, run: 'exit 2', depends_on: [build], required: false}
    - {name: flaky, run: 'test -e ok || { touch ok; exit 3; }', retry: {max: 2, backoff: 0}, depends_on: [build]}
    - name: test
      depends_on: [flaky]
      run: echo "token $DEPLOY_TOKEN"; printf '\\033[1;31mE   assert 1 == 2\\033[0m\\n'; test -e fixed
    - {name: deploy, run: echo hi, depends_on: [test], condition: "branch == 'main'"}
    - {name: tidy, run: echo tidy, when: always, depends_on: [test]}
"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, list[bytes]]]:
    with browser(tmp_path_factory.mktemp("browser")) as both:
        yield both


@pytest.fixture
def page(opened: tuple[Page, list[bytes]]) -> Page:
    found = opened[0]
    found.requests.clear()
    found.complaints.clear()
    found.size(1200, 900)
    return found


def written(path: Path, events: list[Event], about: About | None = None) -> Path:
    report = HtmlReport(str(path), path.parent, about or About())
    for event in events:
        report.observe(event)
    report.close()
    return path


def elements(path: Path) -> dict[str, bytes]:
    """Everything that a report holds, unpacked, by the id of its element."""
    found = re.findall(rb'<script type="text/plain" id="(\w+)">([A-Za-z0-9+/=]*)</script>', path.read_bytes())
    return {name.decode(): zlib.decompress(b64decode(data)) for name, data in found}


def data_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(elements(path)["data"])
    return found


def step_of(data: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in data["steps"] if step["name"] == name)
    return found


def violations(page: Page) -> list[Any]:
    """The faults that axe finds, with all that can be opened open."""
    page.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.run(f"{axe()};0")
    found = page.run("axe.run().then(all => all.violations.map(one => [one.id, one.nodes.map(n => n.html)]))")
    assert isinstance(found, list)
    return found


def test_a_hostile_job_is_only_text(opened: tuple[Page, list[bytes]], page: Page, tmp_path: Path) -> None:
    path = written(tmp_path / "report.html", hostile.events())
    page.ask("Page.addScriptToEvaluateOnNewDocument", source="window.alert = () => { window.fooled = true }")
    page.open(path)
    names = page.run("[...document.querySelectorAll('.step .name')].map(one => one.textContent)")
    assert {name.replace("…", "") for name in names} == {
        name.replace("…", "") for name in shown_names(hostile.NAMES, {}).values()
    }
    for number in range(len(hostile.NAMES)):
        page.run(f"document.getElementById('s{number}').click()")
        page.seen("document.querySelector('.line')?.textContent")
    page.run("document.querySelector('.log').scrollTop = 0")
    lines = "[...document.querySelectorAll('.line')].map(one => one.textContent)"
    assert page.seen(f"{lines}.find(one => one.startsWith('1<'))") == "1</script><script>alert(1)</script>"
    assert "http://127.0.0.1:9/" not in page.run("[...document.querySelectorAll('a')].map(one => one.href).join()")
    kinds = page.run("[...new Set([...document.querySelectorAll('*')].map(one => one.localName))].sort().join(' ')")
    assert not {"img", "iframe", "object", "embed", "svg", "base"} & set(kinds.split())
    assert page.run("window.fooled") is None
    assert (page.requests, page.complaints) == ([path.as_uri()], [])
    assert not any(b"127.0.0.1" in request for request in opened[1])
    assert path.stat().st_size < 1 << 20
    for width in (1200, 400):
        for dark in (False, True):
            page.size(width, 900, dark=dark)
            assert violations(page) == [], (width, dark)
            assert page.run("document.documentElement.scrollWidth") <= width


def test_the_policy_lets_nothing_in_or_out(opened: tuple[Page, list[bytes]], page: Page, tmp_path: Path) -> None:
    path = written(tmp_path / "report.html", [JobStarted("ci", {}), JobFinished(job())])
    page.open(path)
    page.complaints.clear()
    page.run(
        "(() => { for (const [tag, key, value] of [['script', 'text', 'window.fooled = 1'],"
        " ['img', 'src', 'http://127.0.0.1:9/x'], ['iframe', 'src', 'http://127.0.0.1:9/x']]) {"
        " const made = document.createElement(tag); try { made[key] = value } catch { continue }"
        " document.body.append(made) } return fetch('http://127.0.0.1:9/').catch(() => 0) })()"
    )
    assert page.run("window.fooled") is None
    assert not any(b"127.0.0.1" in request for request in opened[1])
    assert len(page.complaints) >= 3


def test_a_pipeline_is_shown_with_all_that_is_to_know(page: Page, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(PIPELINE)
    words = ("run", "--job-file", "job.yaml", "--report", "out/report.html", "--output", "prefixed")
    assert runnerlib(*words, cwd=tmp_path).code == 1
    path = tmp_path / "out/report.html"
    texts = elements(path)
    assert not any(b"correct-horse" in text for text in (path.read_bytes(), *texts.values()))
    data = data_of(path)
    test, flaky, deploy = (step_of(data, name) for name in ("test", "flaky", "deploy"))
    assert [test["masked"], test["reason"], test["code"]] == [[["DEPLOY_TOKEN", 1]], "exit code 1", 1]
    assert [len(flaky["attempts"]), flaky["attempts"][0][2]] == [2, "exit code 3"]
    assert deploy["reason"] == "step 'test' did not succeed"
    assert deploy["rule"] == "condition: branch == 'main'"
    assert step_of(data, "tidy")["rule"] == "when: always"
    assert [data["steps"][number]["name"] for number in data["critical"]] == ["build", "flaky", "test", "tidy"]
    environment = dict(data["environment"])
    assert environment["$MODE"] == "fast-mode"
    assert environment["$DEPLOY_TOKEN"] == "(secret)"
    assert data["last"] is None

    page.open(path)
    assert (
        page.run("document.title") == "✗ job 'ci-pipeline' failed after " + data["took"] + ": step 'test': exit code 1"
    )
    assert page.run("document.querySelector('.step').textContent").startswith("✗test"), "failures come first"
    assert page.run("document.getElementById('title').textContent") == "test"
    assert page.seen("document.querySelector('.line')?.textContent") == "1token [REDACTED]"
    assert page.run("document.querySelector('.log .bold').className") == "bold f1"
    assert violations(page) == []
    page.open(path, "#build:700")
    assert page.seen("document.querySelector('.line.here')?.textContent") == "700line 700"


def test_it_is_used_by_keyboard(page: Page, tmp_path: Path) -> None:
    steps = [result(f"step {number}") for number in range(100)]
    events: list[Event] = [JobStarted("ci", {step.name: () for step in steps}), *map(StepFinished, steps)]
    page.open(written(tmp_path / "report.html", [*events, JobFinished(job(*steps))]))
    page.run("document.activeElement.blur()")
    page.press("Tab", "Enter")
    assert page.run("document.activeElement.id") == "list", "the first stop leads to the steps"
    page.press("End")
    assert page.run("document.getElementById('list').getAttribute('aria-activedescendant')") == "s99"
    page.press("ArrowUp", "Enter")
    assert page.run("document.activeElement.textContent") == "step 98"
    assert page.run("location.hash") == "#step%2098"


def test_many_steps_and_long_logs_stay_small_in_the_page(page: Page, tmp_path: Path) -> None:
    steps = [result(f"s{number}", "failure" if number == 7 else "success", number == 7) for number in range(3000)]
    lines = b"".join(b"line %d of a long log\n" % number for number in range(1, 200_001))
    events: list[Event] = [JobStarted("ci", {step.name: () for step in steps})]
    events += [StepStarted("s9", "x"), *(StepOutput("s9", piece) for piece in cut(lines, range(0, len(lines), 65_521)))]
    path = written(tmp_path / "report.html", [*events, *map(StepFinished, steps), JobFinished(job(*steps))])
    page.open(path, "#s9:150000")
    assert page.seen("document.querySelector('.line.here')?.textContent") == "150000line 150000 of a long log"
    assert page.run("document.querySelectorAll('.step, .line').length") < 150
    page.run(
        "document.getElementById('filter').value = 'LINE 123456 of'; document.querySelector('form').requestSubmit()"
    )
    assert page.seen("document.getElementById('status').textContent.match(/.*found/)?.[0]") == "1 line found"
    assert page.run("document.querySelector('#hits a').getAttribute('href')") == "#s9:123456"


def test_a_second_run_tells_what_is_different(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(PIPELINE)
    words = ("run", "--here", "--job-file", "job.yaml", "--report", "report.html")
    assert runnerlib(*words, cwd=tmp_path).code == 1
    (tmp_path / "fixed").touch()
    (tmp_path / "job.yaml").write_text(PIPELINE.replace("name: lint", "name: style"))
    assert runnerlib(*words, cwd=tmp_path).code == 0
    last = data_of(tmp_path / "report.html")["last"]
    assert last["kinds"] == {
        "fixed": {"count": 1, "steps": ["test"]},
        "new": {"count": 1, "steps": ["style"]},
        "gone": {"count": 1, "steps": ["lint"]},
    }


def test_slower_steps_are_told_and_another_job_is_not_compared() -> None:
    def run(name: str, **took: float) -> Brief:
        return brief(name, 0.0, 1.0, [(step, result(step, took=seconds)) for step, seconds in took.items()])

    found = changes(run("ci", a=1, b=10, c=10, d=10), run("ci", a=1.5, b=12, c=14, d=2), str)
    assert found is not None
    assert {kind: one["steps"] for kind, one in found["kinds"].items()} == {
        "slower": [("c", 10.0, 14.0)],
        "faster": [("d", 10.0, 2.0)],
    }
    assert changes(run("other"), run("ci"), str) is None


def test_figures_that_others_wrote_are_no_trap() -> None:
    def end(value: object) -> bytes:
        return log_chunks.packed("brief", json.dumps(value).encode()) + b"</body></html>\n"

    assert read_brief(end(["ci", 1, 2, {"a": ["success", 1]}])) == Brief("ci", 1.0, 2.0, {"a": ("success", 1.0)})
    for wrong in ([], {}, ["ci"], ["ci", 1, 2, []], ["ci", "x", 2, {}], ["ci", 1, 2, {"a": 1}], None, "x"):
        assert read_brief(end(wrong)) is None, wrong
    assert read_brief(log_chunks.packed("brief", b"[" * (1 << 26)) + b"</body></html>") is None
    assert read_brief(b'<script type="text/plain" id="brief">AAAA</script></body></html>') is None
    hidden = changes(Brief("ci", 0, 0, {"correct-horse": ("success", 1.0)}), Brief("ci", 0, 0, {}), lambda text: "***")
    assert hidden is not None
    assert hidden["kinds"]["gone"]["steps"] == ["***"]


@given(outputs, cuts)
@settings(max_examples=60)
def test_a_log_is_what_a_person_sees_of_the_output(output: bytes, places: list[int]) -> None:
    chunks = Chunks()
    log = StepLog(chunks)
    for piece in cut(output, places):
        log.feed(piece)
    log.end()
    packed = b"".join(chunks.elements())
    chunks.close()
    data = b"".join(map(zlib.decompress, map(b64decode, re.findall(rb">([A-Za-z0-9+/=]+)<", packed))))
    kept = b"".join(data[part.offset : part.offset + part.size] for part in log.segments)
    assert text_only(kept) == text_only(final([output]) if output else b"")
    assert log.lines == kept.count(b"\n")


def test_of_a_log_that_is_too_long_the_end_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(log_chunks, "LONGEST", 100_000)
    lines = [b"line %d\n" % number for number in range(1, 40_001)]
    events = [JobStarted("ci", {"a": ()}), StepStarted("a", "x"), *(StepOutput("a", line) for line in lines)]
    path = written(tmp_path / "x.html", [*events, StepFinished(result("a")), JobFinished(job(result("a")))])
    text, step = elements(path)["c0"], step_of(data_of(path), "a")
    assert text.startswith(b"line 1\nline 2\n")
    assert text.endswith(b"line 39999\nline 40000\n")
    assert f"… {step['cut']:,} bytes left out …".encode() in text
    assert len(text) < 200_000


def test_the_critical_path_leads_to_what_was_waited_for() -> None:
    def step(name: str, took: float, *after: str) -> StepRecord:
        record = StepRecord(name, after)
        record.finish(result(name, took=took))
        return record

    steps = [step("a", 1), step("b", 5), step("c", 6, "a", "b"), step("d", 2, "a"), step("e", 7, "c", "d")]
    assert critical_path({one.name: one for one in steps}) == ["b", "c", "e"]
    assert critical_path({"x": StepRecord("x", ())}) == []


def test_names_that_look_alike_stay_different() -> None:
    names = ["a", "x" * 400, "x" * 500, "a\n", "a ", "x" * 300 + "… (2)"]
    assert len(set(shown_names(names, {}).values())) == len(names)


def test_a_run_that_did_not_end_says_so(page: Page, tmp_path: Path) -> None:
    events: list[Event] = [Notice("cloning"), JobStarted("ci", {"a": (), "b": ()}), StepStarted("a", "x")]
    page.open(written(tmp_path / "x.html", [*events, StepOutput("a", b"half a line")]))
    assert page.run("document.querySelector('h1').textContent") == "✗ job 'ci' did not end".replace("✗", "!")
    assert page.seen("document.querySelector('.line')?.textContent") == "1half a line"
    page.open(written(tmp_path / "y.html", []))
    assert "before its first step" in page.run("document.querySelector('h1').textContent")


def test_a_workflow_has_a_report_of_all_its_jobs(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        "workflow:\n  name: w\n  jobs:\n"
        "    - {name: test, matrix: {os: [linux, mac]}, steps: [{name: a, run: 'true'}, {name: b, run: 'true'}]}\n"
        "    - {name: ship, depends_on: [test], condition: 'always()', command: echo hi}\n"
    )
    assert runnerlib("run", "--workflow-file", "flow.yaml", "--report", "r.html", cwd=tmp_path).code == 0
    data = data_of(tmp_path / "r.html")
    assert [step["name"] for step in data["steps"]] == [
        *("test (linux)/a", "test (linux)/b", "test (mac)/a", "test (mac)/b", "ship")
    ]
    assert data["noun"] == "workflow"
    assert step_of(data, "ship")["rule"] == "condition of the job: always()"
    assert "<h1><span" in (tmp_path / "r.html").read_text()
