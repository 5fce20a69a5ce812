"""Annotations that steps write down themselves: the command, the file, and what is none."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from runnerlib.events.findings import Finding
from runnerlib.runner.findings import written_down
from tests.integration.cli import environment, runnerlib
from tests.looped import assert_each
from tests.pages import all_blocks

PATH = f"{Path(sys.executable).parent}:{environment()['PATH']}"


def told(tmp_path: Path, *steps: dict[str, Any], **more: str) -> tuple[list[dict[str, Any]], str]:
    """Run steps; return the annotations in the events, and all that was said."""
    (tmp_path / "job.yaml").write_text(yaml.safe_dump({"job": {"steps": list(steps)}}))
    words = ("run", "--job-file", "job.yaml", "--here", "--events", "events.json")
    done = runnerlib(*words, cwd=tmp_path, PATH=PATH, **more)
    events = [json.loads(line) for line in (tmp_path / "events.json").read_text().splitlines()]
    return [one for one in events if one["type"] == "annotation"], done.out.decode() + done.err


def test_a_step_that_fails_tells_of_what_it_found(tmp_path: Path) -> None:
    command = 'runnerlib annotate --file a.c --line 3 --column 7 --title size "hunter2-long is too small"; exit 1'
    found, said = told(
        tmp_path,
        {"name": "check", "run": f"mkdir -p src && cd src && {command}", "working_dir": "."},
        REACTORCIDE_SECRET_VALUES_LIST="hunter2-long",
    )
    (one,) = found
    assert {key: one[key] for key in ("step", "level", "text", "path", "line", "column", "title", "source")} == {
        "step": "check",
        "level": "error",
        "text": "[REDACTED] is too small",
        "path": "a.c",
        "line": 3,
        "column": 7,
        "title": "size",
        "source": "annotate",
    }
    assert "hunter2-long" not in said
    assert "a.c:3:7" in said


def test_of_several_attempts_the_last_one_counts(tmp_path: Path) -> None:
    command = 'runnerlib annotate --level notice "attempt $RUNNERLIB_ATTEMPT"; test $RUNNERLIB_ATTEMPT = 2'
    found, _ = told(tmp_path, {"name": "s", "run": command, "retry": {"max": 2, "backoff": 0}})
    assert [one["text"] for one in found] == ["attempt 2"]


def test_what_is_no_annotation_is_a_warning_and_fails_nothing(tmp_path: Path) -> None:
    lines = 'echo \'{"text": "right"}\' >> $RUNNERLIB_ANNOTATIONS; echo hunter2-long >> $RUNNERLIB_ANNOTATIONS'
    found, said = told(
        tmp_path,
        {"name": "odd", "run": lines},
        {"name": "link", "run": "ln -s /etc/passwd $RUNNERLIB_ANNOTATIONS"},
        {"name": "large", "run": "head -c 2000000 /dev/zero > $RUNNERLIB_ANNOTATIONS; echo v=1 > $RUNNERLIB_OUTPUT"},
        {"name": "last", "run": "echo got $RUNNERLIB_OUTPUT_LARGE_V"},
        REACTORCIDE_SECRET_VALUES_LIST="hunter2-long",
    )
    assert [one["text"] for one in found] == ["right"]
    assert "RUNNERLIB_ANNOTATIONS: line 2 is no annotation: it is no JSON" in said
    assert "RUNNERLIB_ANNOTATIONS cannot be read: it is a symbolic link" in said
    assert "RUNNERLIB_ANNOTATIONS is larger than 1048576 bytes" in said
    assert "got 1" in said


def test_only_so_many_are_told(tmp_path: Path) -> None:
    command = 'for i in $(seq 250); do echo \'{"text": "x"}\'; done > $RUNNERLIB_ANNOTATIONS'
    found, said = told(tmp_path, {"name": "many", "run": command})
    assert len(found) == 200
    assert "250 annotations; 200 are told" in said


WRONG = {
    "": None,
    "  ": None,
    "[]": "an object is expected",
    "3": "an object is expected",
    "{": "it is no JSON",
    "[" * 100_000: "it is no JSON",
    '{"text": ""}': "'text' is missing",
    '{"path": "x"}': "'text' is missing",
    '{"text": 3}': "'text' is no text",
    '{"text": "x", "path": []}': "'path' is no text",
    '{"text": "x", "level": "fatal"}': "'level' is none of error, warning, notice",
    '{"text": "x", "level": {}}': "'level' is none of error, warning, notice",
    '{"text": "x", "severity": "y"}': "1 keys are none of level, text, path, line, column, title",
}


def test_lines_that_are_none() -> None:
    def check(line: str, why: str | None) -> None:
        problems = [] if why is None else [f"line 1 is no annotation: {why}"]
        assert written_down.read(line) == ([], problems)

    assert_each(check, WRONG.items())


def test_figures_that_are_none_are_left_out() -> None:
    for line, place in (("-1", 0), ('"x"', 0), ("1e99", 0), ("null", 0), ("3", 3)):
        (found,), _ = written_down.read(f'{{"text": "x", "path": "a", "line": {line}, "column": 2}}')
        assert (found.line, found.column) == (place, 2 if place else 0)


def test_the_page_shows_one() -> None:
    (shown,) = all_blocks("json annotation")
    expected = Finding("warning", "the buffer is too small", "src/a.c", 3, 7, "size", "annotate")
    assert written_down.read(shown.text) == ([expected], [])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("text",), 125, "no runner listens: RUNNERLIB_ANNOTATIONS is not set"),
        (("--column", "3", "text"), 2, "--column needs --line"),
        (("--line", "3", "text"), 2, "--line needs --file"),
        (("--level", "fatal", "text"), 2, "fatal"),
        ((), 2, "TEXT"),
    ],
)
def test_the_command_refuses(words: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    env = {} if code == 125 else {"RUNNERLIB_ANNOTATIONS": str(tmp_path / "file")}
    done = runnerlib("annotate", *words, cwd=tmp_path, **env)
    assert done.code == code
    assert said in done.err
    assert not (tmp_path / "file").exists()
