"""docs/step-environment.md names every variable that a step gets from the runner, and no other."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from runnerlib.pipeline.job.step import LONGEST_WORD
from tests.integration.cli import environment, runnerlib

PAGE = (Path(__file__).parents[2] / "docs/step-environment.md").read_text(encoding="utf-8")
# Written by the program itself, without a shell, so that no variable is a shell's.
TELL = [sys.executable, "-c", "import json, os, sys; json.dump(sorted(os.environ), open(sys.argv[1], 'w'))"]
# What differs by name from run to run.
FAMILIES = {r"RUNNERLIB_OUTPUT_\w+": "RUNNERLIB_OUTPUT_<STEP>_<NAME>", r"MATRIX_\w+": "MATRIX_<KEY>"}


def documented(part: str) -> set[str]:
    table = PAGE.partition(f"<!-- {part} -->\n")[2].partition("<!-- end -->")[0]
    cells = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \|", table, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def told(file: Path) -> set[str]:
    """The variables of a step that are the runner's, by the names that the page has for them."""
    own = {"HOME", "XDG_STATE_HOME"} if file.name == "strict" else set()
    names = set(json.loads(file.read_text())) - (environment().keys() - own) - {"LC_CTYPE"}
    for pattern, name in FAMILIES.items():
        names = {name if re.fullmatch(pattern, one) else one for one in names}
    return names


def run(directory: Path, file: str, content: dict[str, Any], *args: str) -> None:
    (directory / "steps.json").write_text(json.dumps(content))
    done = runnerlib("run", file, "steps.json", *args, cwd=directory)
    assert done.code == 0, done


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Names of the variables that steps of several kinds have, in jobs and in a workflow."""
    here = tmp_path_factory.mktemp("environments")
    steps: list[dict[str, Any]] = [
        {"name": "plain", "run": [*TELL, str(here / "plain")]},
        {"name": "build", "run": 'echo digest=abc >> "$RUNNERLIB_OUTPUT"'},
        {"name": "after", "run": [*TELL, str(here / "after")], "env": {}},
        {"name": "large", "run": [*TELL, str(here / "large")], "env": {"LARGE": "x" * (LONGEST_WORD + 1)}},
        {"name": "long", "run": f"env > {here}/long; : {'x' * LONGEST_WORD}"},
        {"name": "strict", "run": [*TELL, str(here / "strict")], "sandbox": "strict"},
    ]
    (here / "ci").mkdir()
    run(here, "--job-file", {"job": {"steps": steps}}, "--here")
    run(
        here,
        "--job-file",
        {"job": {"steps": [{"name": "trusted", "run": [*TELL, str(here / "trusted")]}]}},
        *("--ci-source-type", "copy", "--ci-source-url", str(here / "ci"), "--sandbox", "off"),
    )
    flow = {"name": "job", "matrix": {"os": ["linux"]}, "command": [*TELL, str(here / "flow")]}
    run(here, "--workflow-file", {"workflow": {"name": "w", "vars": {"a": "b"}, "jobs": [flow]}})
    long = {line.partition("=")[0] for line in (here / "long").read_text().splitlines()}
    found = {name: told(here / name) for name in ("plain", "after", "large", "strict", "trusted", "flow")}
    return {**found, "long": long & {"RUNNERLIB_SCRIPT"}}


def test_variables_of_every_step(seen: dict[str, set[str]]) -> None:
    everywhere = set.intersection(*(names for kind, names in seen.items() if kind != "long"))
    assert everywhere - {"PWD"} == documented("always")


def test_variables_of_some_steps(seen: dict[str, set[str]]) -> None:
    somewhere = set().union(*seen.values()) - {"PWD", "LARGE"}
    assert somewhere == documented("always") | documented("sometimes")


def test_a_step_reads_nothing_and_has_no_other_file(tmp_path: Path) -> None:
    # The fourth is the directory that is being read.
    code = "import os, sys; print(len(sys.stdin.read()), sorted(map(int, os.listdir('/proc/self/fd'))))"
    done = runnerlib("run", "--", sys.executable, "-c", f"{code}; print(os.fstat(1) == os.fstat(2))", cwd=tmp_path)
    assert done.out == b"0 [0, 1, 2, 3]\nTrue\n", done
