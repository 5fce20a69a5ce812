"""`runnerlib import` as its users call it: what it prints runs, and what it leaves out is on stderr."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.cli import runnerlib
from tests.pages import all_blocks
from tests.pipeline.foreign.examples import GITHUB, GITLAB


def test_what_is_printed_runs(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text(GITHUB)
    done = runnerlib("import", "ci.yml", cwd=tmp_path)
    assert done.code == 0
    assert done.err.split("\n") == [
        "ci.yml:16:9: matrix: 'windows-latest': jobs run on Linux only",
        "1 part is left out of this GitHub workflow",
        "",
    ]
    (tmp_path / "ours.yaml").write_bytes(done.out)
    checked = runnerlib("validate", "ours.yaml", cwd=tmp_path)
    assert (checked.code, checked.out) == (0, b"ours.yaml: a valid workflow\n")
    given = ("--workflow-file", "ours.yaml", "--work-dir", str(tmp_path))
    ran = runnerlib("run", *given, cwd=tmp_path, REACTORCIDE_BRANCH="dev")
    assert ran.code == 0, ran.err
    assert b"single: dark green double: very dark green" in ran.out
    assert b"python says 2" in ran.out
    assert b"got" not in ran.out


def test_a_structured_log_has_a_line_for_each_part_that_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text(GITHUB)
    done = runnerlib("import", "ci.yml", cwd=tmp_path, LOG_FORMAT="json")
    said = [json.loads(line) for line in done.err.splitlines()]
    assert [one["level"].lower() for one in said] == ["warning"] * 2
    assert "windows-latest" in str(said[0])


def test_a_project_of_another_system_is_told_the_way(tmp_path: Path) -> None:
    (tmp_path / ".gitlab-ci.yml").write_text(GITLAB)
    way = "`runnerlib import .gitlab-ci.yml` prints what it is as a workflow of runnerlib\n"
    given = ("--job-file", ".gitlab-ci.yml")
    for words in (
        ("run",),
        ("list",),
        ("validate",),
        ("validate", ".gitlab-ci.yml"),
        ("run", *given),
        ("list", *given),
    ):
        done = runnerlib(*words, cwd=tmp_path)
        assert (done.code, done.out) == (78, b""), words
        assert done.err.endswith(way), words
        assert "a GitLab CI file" in done.err, words


def test_the_page_shows_what_is_said(tmp_path: Path) -> None:
    theirs, ours, told = (
        next(block for block in all_blocks(kind) if block.page == "import.md")
        for kind in ("yaml theirs", "yaml workflow", "text left")
    )
    (tmp_path / "test.yml").write_text(theirs.text)
    done = runnerlib("import", "test.yml", cwd=tmp_path)
    assert (done.code, done.out.decode(), done.err) == (0, ours.text, told.text)


def test_what_is_no_such_file(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("job: {steps: [{name: a, run: x}]}\n")
    (tmp_path / "empty.yml").write_text("on: push\njobs: {a: {runs-on: x, steps: [{uses: o/r@v1}]}}\n")
    wanted = {
        "job.yaml": "this is no file of GitHub, GitLab or Woodpecker",
        "empty.yml": "nothing of this GitHub workflow can be translated",
        "nothing.yml": "cannot read 'nothing.yml': No such file or directory",
    }
    for name, said in wanted.items():
        done = runnerlib("import", name, cwd=tmp_path)
        assert (done.code, done.out) == (78, b"")
        assert said in done.err


def test_a_job_that_gitlab_leaves_out_holds_up_no_other(tmp_path: Path) -> None:
    left_out = "first: {stage: a, script: 'echo first', only: [tags]}"
    (tmp_path / "x.yml").write_text(f"stages: [a, b]\n{left_out}\nsecond: {{stage: b, script: 'echo second'}}\n")
    (tmp_path / "ours.yaml").write_bytes(runnerlib("import", "x.yml", cwd=tmp_path).out)
    given = ("--workflow-file", "ours.yaml", "--work-dir", str(tmp_path))
    ran = runnerlib("run", *given, cwd=tmp_path, REACTORCIDE_BRANCH="main")
    assert ran.code == 0, ran.err
    assert (b"second" in ran.out, b"\xe2\x94\x82 first" in ran.out) == (True, False)
