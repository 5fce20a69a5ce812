"""Problem matchers: what real programs print, files in GitHub's form, and what is wrong with some of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.pipeline.job.reports import MATCHERS
from runnerlib.runner.findings.built_in import BUILT_IN
from runnerlib.runner.findings.matchers import Matchers, WrongMatcherError, from_json, matcher_of
from tests.integration.cli import runnerlib

# What the programs print, and what is found in it: level, place, title and text.
PRINTED = {
    "gcc": (
        (
            "In file included from a.c:1:\na.c: In function 'main':\n"
            "src/a.c:3:9: warning: unused variable 'x' [-Wunused-variable]\n    3 |     int x;\n"
            "a.c:7: fatal error: no.h: No such file or directory\nnote: see b.c:1:1\nb.c:2:3: note: here\n"
        ),
        [
            ("warning", "src/a.c:3:9", "-Wunused-variable", "unused variable 'x'"),
            ("error", "a.c:7", "", "no.h: No such file or directory"),
        ],
    ),
    "go": (
        (
            "# example.com/a\n./main.go:5:2: undefined: x\nvet: ./b.go:7:1: unreachable code\n"
            "    a_test.go:12: got 3, want 4\n"
        ),
        [
            ("error", "./main.go:5:2", "", "undefined: x"),
            ("error", "./b.go:7:1", "", "unreachable code"),
            ("error", "a_test.go:12", "", "got 3, want 4"),
        ],
    ),
    "rustc": (
        (
            "error[E0425]: cannot find value `x` in this scope\n --> src/main.rs:2:5\n  |\n"
            "warning: unused import: `std::fs`\n  --> src/lib.rs:1:5\nwarning: 1 warning emitted\n\n"
        ),
        [
            ("error", "src/main.rs:2:5", "E0425", "cannot find value `x` in this scope"),
            ("warning", "src/lib.rs:1:5", "", "unused import: `std::fs`"),
        ],
    ),
    "eslint": (
        (
            "\n/work/src/a.js\n  1:10  error    'x' is not defined  no-undef\n  2:1   warning  Unexpected console  no-"
            "console\n\n"
            "/work/src/b.js\n  9:9  error  Parsing error: x\n\n✖ 3 problems\n"
            "src/c.js: line 4, col 2, Warning - Bad. (semi)\n"
        ),
        [
            ("error", "/work/src/a.js:1:10", "no-undef", "'x' is not defined"),
            ("warning", "/work/src/a.js:2:1", "no-console", "Unexpected console"),
            ("error", "/work/src/b.js:9:9", "", "Parsing error: x"),
            ("warning", "src/c.js:4:2", "semi", "Bad."),
        ],
    ),
    "mypy": (
        (
            'a/b.py:3: error: Incompatible return value type (got "int")  [return-value]\na.py:4:5: error: No\n'
            "a.py:3: note: see\nFound 1 error in 1 file\n"
        ),
        [
            ("error", "a/b.py:3", "return-value", 'Incompatible return value type (got "int")'),
            ("error", "a.py:4:5", "", "No"),
        ],
    ),
    "pytest": (
        ">   assert 1 == 2\nE   assert 1 == 2\n\ntests/test_a.py:12: AssertionError\nFAILED tests/test_a.py::test_x\n",
        [("error", "tests/test_a.py:12", "", "AssertionError")],
    ),
    "ruff": (
        (
            "a.py:1:8: F401 [*] `os` imported but unused\nE501 Line too long (130 > 120)\n --> src/b.py:3:121\n"
            "  |\nFound 2 errors.\n"
        ),
        [
            ("error", "a.py:1:8", "F401", "`os` imported but unused"),
            ("error", "src/b.py:3:121", "E501", "Line too long (130 > 120)"),
        ],
    ),
    "tsc": (
        "src/a.ts(3,7): error TS2322: Type 'string' is not assignable.\nsrc/b.ts:1:2 - error TS1005: ';' expected.\n",
        [
            ("error", "src/a.ts:3:7", "TS2322", "Type 'string' is not assignable."),
            ("error", "src/b.ts:1:2", "TS1005", "';' expected."),
        ],
    ),
}
OWN = {
    "problemMatcher": [
        {
            "owner": "own",
            "severity": "warning",
            "pattern": [{"regexp": "^(\\S+)#(\\d+) (.*)$", "file": 1, "line": 2, "message": 3}],
        }
    ]
}


def matched(matchers: Matchers, text: str) -> list[tuple[str, str, str, str]]:
    found = [one for line in text.split("\n") for one in matchers.feed(line)]
    return [(one.level, one.place, one.title, one.text) for one in found]


def test_what_programs_print() -> None:
    assert set(PRINTED) == set(BUILT_IN) == set(MATCHERS)
    for name, (text, expected) in PRINTED.items():
        assert matched(Matchers([matcher_of(one) for one in BUILT_IN[name]]), text) == expected, name


@given(st.lists(st.text(max_size=30) | st.sampled_from(PRINTED["eslint"][0].split("\n")), max_size=8))
@settings(max_examples=60)
def test_any_lines_are_looked_at(lines: list[str]) -> None:
    matchers = Matchers([matcher_of(one) for several in BUILT_IN.values() for one in several])
    for line in lines:
        assert all(found.text for found in matchers.feed(line))


def changed(**pattern: Any) -> dict[str, Any]:
    whole = json.loads(json.dumps(OWN))
    whole["problemMatcher"][0]["pattern"][0].update(pattern)
    return whole


WRONG: list[tuple[object, str]] = [
    ([], "'problemMatcher' is missing, a list of matchers"),
    ({"problemMatcher": [1]}, "'owner' is missing, the name of a matcher"),
    ({"problemMatcher": [{"owner": "a", "pattern": []}]}, "a: 'pattern' is a list of 1 to 10 patterns"),
    (changed(regexp=1), "own: 'regexp' is missing, a regular expression"),
    (changed(regexp="(?=x)"), "own: it has look-around, '(?=', which is not supported"),
    (changed(file=9), "own: 'file' is the number of a group, from 0 to 3"),
    (changed(line="1"), "own: 'line' is the number of a group, from 0 to 3"),
    (changed(flie=1), "own: unknown key 'flie'"),
    ({"problemMatcher": [{"owner": "a", "pattern": [{"regexp": "x", "file": 0}]}]}, "a: no pattern has 'message'"),
]


def test_wrong_files_are_told() -> None:
    assert matched(Matchers(from_json(json.dumps(OWN).encode())), "x#3 bad") == [("warning", "x:3", "", "bad")]
    for whole, why in WRONG:
        with pytest.raises(WrongMatcherError) as raised:
            from_json(json.dumps(whole).encode())
        assert str(raised.value) == why
    with pytest.raises(WrongMatcherError, match="it is no JSON"):
        from_json(b"{")


JOB = """
job:
  name: ci
  steps:
    - name: build
      working_dir: sub
      problem_matchers: [gcc, own.json, none.json]
      run: |
        printf '\\033[1ma.c:3:9: \\033[35mwarning: \\033[0munused correct-horse\\n'
        printf 'a.c:3:9: warning: unused correct-horse\\n'
        printf 'progress\\r'; printf 'b#4 the last line'
"""


def test_a_step_has_its_output_matched_as_it_is_shown(tmp_path: Path) -> None:
    (tmp_path / "runnerlib.yaml").write_text(JOB)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/own.json").write_text(json.dumps(OWN))
    words = ("run", "--events", "events", "--secret-values-list", "correct-horse", "--output", "grouped")
    done = runnerlib(*words, cwd=tmp_path, GITHUB_ACTIONS="1")
    assert done.code == 0
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    found = [one for one in events if one["type"] == "annotation"]
    assert [(one["level"], one["path"], one["line"], one["text"], one["source"]) for one in found] == [
        ("warning", "sub/a.c", 3, "unused [REDACTED]", "gcc"),
        ("warning", "sub/b", 4, "the last line", "own"),
    ]
    assert b"::warning file=sub/a.c,line=3,col=9::unused [REDACTED]\n" in done.out
    warnings = [one["text"] for one in events if one["type"] == "warning"]
    assert warnings == ["problem matchers: 'none.json' cannot be read: No such file or directory"]


def test_a_flood_of_findings_is_bounded_and_a_wrong_name_is_told(tmp_path: Path) -> None:
    job = "job: {steps: [{name: a, run: 'for i in $(seq 900); do echo a.c:$i: error: x; done', problem_matchers: gcc}]}"
    (tmp_path / "runnerlib.yaml").write_text(job)
    assert runnerlib("run", "--events", "events", cwd=tmp_path).code == 0
    kinds = [json.loads(line)["type"] for line in (tmp_path / "events").read_text().splitlines()]
    assert (kinds.count("annotation"), kinds.count("warning")) == (200, 1)
    (tmp_path / "runnerlib.yaml").write_text(job.replace("problem_matchers: gcc", "problem_matchers: gc"))
    done = runnerlib("run", cwd=tmp_path)
    assert done.code == 78
    assert "unknown problem matcher 'gc'; did you mean 'gcc'?" in " ".join(done.err.split())
