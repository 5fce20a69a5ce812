"""The way of a request as docs/architecture.md draws it: functions in the order in which a run enters them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"

# Writes down each function that a run of one command calls, with its caller, once; functions as file and name.
TRACER = """
import json, os, sys
import runnerlib.cli

own = os.path.dirname(runnerlib.__file__) + "/"
calls = {}

def place(code):
    return (code.co_filename.removeprefix(own), code.co_name) if code.co_filename.startswith(own) else None

def trace(frame, event, argument):
    callee = place(frame.f_code) if event == "call" else None
    if callee is None or not frame.f_code.co_flags & 2:  # no function of ours: a library's, or the body of a class
        return
    above = frame.f_back
    while above is not None and place(above.f_code) is None:
        above = above.f_back
    caller = ("", "") if above is None else place(above.f_code)
    if caller[1] != "<module>":
        calls.setdefault((*caller, *callee))

sys.setprofile(trace)
runnerlib.cli.invoke(["run", "--job-command", "true"])
sys.setprofile(None)
print(json.dumps(list(calls)))
"""


def traced(directory: Path) -> list[tuple[str, str, str, str]]:
    environ = {"PATH": "/bin", "REACTORCIDE_IN_CONTAINER": "false"}
    words = [sys.executable, "-c", TRACER]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=directory, env=environ)
    return [tuple(call) for call in json.loads(done.stdout)]


def drawn() -> list[tuple[str, str]]:
    """The functions of the picture, with their files; what stands in brackets is not on the way of every run."""
    picture = PAGE.read_text(encoding="utf-8").partition("## The life of a job")[2].split("```")[1]
    rows = re.findall(r"([\w/]+\.py) +([\w, ]+?)(?:  |$)", re.sub(r"\(.*\)", "", picture), re.MULTILINE)
    return [(file, name) for file, names in rows for name in names.split(", ")]


def test_a_run_goes_the_way_that_is_drawn(tmp_path: Path) -> None:
    calls = traced(tmp_path)
    entered = list(dict.fromkeys(call[2:] for call in calls))
    way = drawn()
    assert len(way) > 20
    assert [place for place in way if place not in entered] == []
    assert sorted(way, key=entered.index) == way
    files, number = map(int, re.findall(r"at most (\d+) files, by (\d+) calls", PAGE.read_text(encoding="utf-8"))[0])
    between = [call for call in calls if call[0] and call[0] != call[2]]
    assert (len({call[2] for call in between}), len(between)) <= (files, number)
