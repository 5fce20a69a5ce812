"""Findings in the words of CI services: each is read back as it was, and nothing else is said."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from runnerlib.errors import one_line
from runnerlib.events.findings import Finding
from runnerlib.output.annotations.code_quality import CodeQuality
from runnerlib.output.annotations.service import azure, github
from runnerlib.output.annotations.step_summary import markdown
from tests.integration.cli import runnerlib
from tests.output.report import hostile

texts = st.text(max_size=20) | st.sampled_from(
    ["a:b,c", "x::y", "50%", "%0A", "]##vso[a]", "a;b=c", "@me", *hostile.NAMES[:8]]
)
findings = st.builds(
    Finding,
    st.sampled_from(["error", "warning", "notice"]),
    *(texts.map(one_line), texts.map(one_line), st.integers(0, 99), st.integers(0, 99), texts.map(one_line)),
)
JOB = """
job:
  name: ci
  steps:
    - name: unit
      run: |
        cat > x.xml <<'END'
        <testsuite><testcase name="total, &lt;b>" classname="cart" file="tests/cart.py" line="3">
        <failure message="100% of @all | are `wrong`: correct-horse"/></testcase></testsuite>
        END
      reports: {junit: x.xml}
    - {name: other, run: echo other}
"""


def unescaped(text: str, *escapes: str) -> str:
    for one in escapes:
        text = text.replace(f"%{one}", chr(int(one, 16)))
    return text.replace("%25", "%")


@given(findings)
def test_github_reads_what_was_meant(found: Finding) -> None:
    line = github(found)
    assert len(line.splitlines()) == 1
    read = re.fullmatch(r"::(error|warning|notice)(?: ([^:]*))?::(.*)", line)
    assert read is not None
    values = dict(part.split("=", 1) for part in read[2].split(",")) if read[2] else {}
    told = {key: unescaped(value, "3A", "2C") for key, value in values.items()}
    wanted = {"file": found.path, "line": found.line, "col": found.column, "title": found.title}
    assert told == {key: str(value) for key, value in wanted.items() if value}
    assert (read[1], unescaped(read[3])) == (found.level, found.text)


@given(findings)
def test_azure_reads_one_command(found: Finding) -> None:
    line = azure(found)
    assert len(re.findall(r"##(?:vso)?\[", line)) == 1
    read = re.fullmatch(r"##vso\[task\.logissue type=(?:error|warning);((?:[a-z]+=[^;\]]*;)*)\](.*)", line)
    assert read is not None
    assert {part.split("=")[0] for part in read[1].split(";") if part} <= {
        *("sourcepath", "linenumber", "columnnumber", "code")
    }


@given(st.text(max_size=40))
def test_markdown_shows_a_text_and_does_nothing(text: str) -> None:
    made = markdown(text)
    assert not set('<>@"\n') & set(made)
    assert re.search(r"(?<!\\)(?:\\\\)*[`*_{}\[\]()|~]", made) is None


def test_github_gets_annotations_and_a_summary(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    summary = tmp_path / "summary.md"
    words = ("run", "--job-file", "job.yaml", "--secret-values-list", "correct-horse", "--code-quality", "out/cq.json")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "NO_COLOR": "1"}
    for output in ("grouped", "prefixed", "raw"):
        done = runnerlib(*words, "--output", output, cwd=tmp_path, **env)
        command = (
            "::error file=tests/cart.py,line=3,title=cart%3A%3Atotal%2C <b>::100%25 of @all | are `wrong`: [REDACTED]\n"
        )
        assert command in (done.err if output == "raw" else done.out.decode()), output
    text = summary.read_text()
    assert text.count("### ✓ job 'ci' succeeded in") == 3
    assert "| ✓ | unit |" in text
    finding = r"- error: tests/cart\.py\:3 cart\:\:total, &lt;b&gt;\: 100% of &#64;all \| are \`wrong\`\: \[REDACTED\]"
    assert finding in text
    (entry,) = json.loads((tmp_path / "out/cq.json").read_text())
    assert entry["location"] == {"path": "tests/cart.py", "lines": {"begin": 3}}
    assert entry["severity"] == "major"
    assert re.fullmatch("[0-9a-f]{64}", entry["fingerprint"])
    off = runnerlib(*words, "--annotations", "off", "--output", "grouped", cwd=tmp_path, **env)
    assert b"::error" not in off.out
    assert summary.read_text() == text


def test_a_summary_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path)}
    done = runnerlib("run", "--job-file", "job.yaml", cwd=tmp_path, **env)
    assert done.code == 0
    assert (
        "warning: the summary cannot be written to GITHUB_STEP_SUMMARY: Is a directory" in done.out.decode() + done.err
    )


def test_azure_and_buildkite(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    agent = tmp_path / "bin/buildkite-agent"
    agent.parent.mkdir()
    agent.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words; cat > {tmp_path}/text\n')
    agent.chmod(0o755)
    done = runnerlib("run", "--job-file", "job.yaml", cwd=tmp_path, TF_BUILD="1")
    assert b"##vso[task.logissue type=error;sourcepath=tests/cart.py;linenumber=3;" in done.out
    path = f"{agent.parent}:/usr/bin:/bin"
    done = runnerlib("run", "--job-file", "job.yaml", cwd=tmp_path, BUILDKITE="true", PATH=path)
    assert (tmp_path / "words").read_text() == "annotate --style error --context runnerlib\n"
    assert (tmp_path / "text").read_text().startswith(r"- error: tests/cart\.py\:3 cart\:\:total, &lt;b&gt;")
    agent.write_text("#!/bin/sh\nexit 3\n")
    done = runnerlib("run", "--job-file", "job.yaml", cwd=tmp_path, BUILDKITE="true", PATH=path)
    assert "warning: findings are not annotated: 'buildkite-agent' ended with exit code 3" in done.out.decode()


def test_code_quality_of_nothing_is_an_empty_list(tmp_path: Path) -> None:
    CodeQuality(str(tmp_path / "x.json"), tmp_path).close()
    assert json.loads((tmp_path / "x.json").read_text()) == []
