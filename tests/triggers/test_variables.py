"""Variables and outputs of workflows: the file, its limit, who may say what."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runnerlib._util.locked_file import FileError
from runnerlib.errors import RunnerError
from runnerlib.triggers.workflow_variables import (
    LARGEST,
    Output,
    VariableError,
    add,
    given_variables,
    merged,
    node_variables,
    read_output,
)


def test_the_form_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "workflow-output.json"
    assert read_output(path) == Output({}, {})
    add(path, "vars", "version", "1.2", {})
    add(path, "outputs", "digest", {"sha": [1, 2]}, {})
    add(path, "vars", "version", "1.3", {})
    assert json.loads(path.read_bytes()) == {"vars": {"version": "1.3"}, "outputs": {"digest": {"sha": [1, 2]}}}
    assert read_output(path) == Output({"version": "1.3"}, {"digest": {"sha": [1, 2]}})
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("value", [None, True, 0, -1.5, "", "ä😀", [], {}, [{"a": [None]}], (1, 2)])
def test_any_json_is_a_value(value: Any, tmp_path: Path) -> None:
    add(tmp_path / "o", "vars", "x", value, {})
    assert read_output(tmp_path / "o").vars["x"] == (list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("x", object(), "workflow variable 'x': JSON has nothing for a object"),
        ("x", math.inf, "workflow variable 'x': a finite number is expected; JSON has no other"),
        ("x", b"hunter2", "workflow variable 'x': JSON has nothing for a bytes"),
        ("x", {1: "hunter2"}, "workflow variable 'x': the keys of a mapping are texts, got a number"),
        ("x", "hunter2\udcff", "workflow variable 'x': a text is expected that is UTF-8"),
        ("", "hunter2", "workflow variable '': a name is a text of at least one character"),
        (7, "hunter2", "workflow variable '7': a name is a text of at least one character"),
        ("x", "hunter2" * LARGEST, f"workflow variable 'x': all outputs together would have {7 * LARGEST + 40} bytes"),
        (
            "given",
            "hunter2",
            "workflow variable 'given' has another value already, and a workflow with two fails",
        ),
    ],
)
def test_what_is_refused_leaves_the_file(name: Any, value: Any, told: str, tmp_path: Path) -> None:
    add(tmp_path / "o", "vars", "before", 1, {})
    with pytest.raises(VariableError) as caught:
        add(tmp_path / "o", "vars", name, value, {"given": "other"})
    assert "hunter2" not in str(caught.value)
    if "bytes" not in told or "JSON" in told:
        assert str(caught.value) == told
    assert read_output(tmp_path / "o").vars == {"before": 1}


def test_the_limit_is_the_coordinators(tmp_path: Path) -> None:
    room = LARGEST - len('{"vars":{"x":""},"outputs":{}}\n')
    add(tmp_path / "o", "vars", "x", "a" * room, {})
    assert (tmp_path / "o").stat().st_size == LARGEST == 1048576
    with pytest.raises(VariableError, match=rf"would have {LARGEST + 1} bytes \({LARGEST} at most\)"):
        add(tmp_path / "o", "vars", "x", "a" * (room + 1), {})
    assert len(read_output(tmp_path / "o").vars["x"]) == room


def test_a_known_variable_may_be_set_to_what_it_is(tmp_path: Path) -> None:
    add(tmp_path / "o", "vars", "x", [1], {"x": [1]})
    with pytest.raises(VariableError):
        add(tmp_path / "o", "vars", "flag", True, {"flag": 1})
    add(tmp_path / "o", "outputs", "x", 2, {"x": [1]})  # an output gets a name of its own


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not valid JSON"),
        ("[]", "a mapping is expected, got a list"),
        ('{"vars": []}', "a mapping is expected"),
        ('{"vars": [1]}', "vars and outputs are mappings"),
        ('{"outputs": "x"}', "vars and outputs are mappings"),
    ],
)
def test_a_wrong_file_is_told_and_kept(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "o"
    path.write_text(text)
    if text == '{"vars": []}':  # nothing in it, whatever its kind
        assert read_output(path) == Output({}, {})
        return
    for use in (lambda: read_output(path), lambda: add(path, "vars", "x", 1, {})):
        with pytest.raises(RunnerError, match=told):
            use()
    assert path.read_text() == text


def test_a_file_that_is_too_large_is_told(tmp_path: Path) -> None:
    (tmp_path / "o").write_bytes(b" " * (LARGEST + 1))
    with pytest.raises(FileError, match="is larger than 1048576 bytes"):
        read_output(tmp_path / "o")


def test_given_variables(tmp_path: Path) -> None:
    file = tmp_path / "vars.json"
    assert given_variables({}, file) == {}
    file.write_text('{"a": 1, "from": "file"}')
    assert given_variables({}, file) == {"a": 1, "from": "file"}
    assert given_variables({"RC_WF_VARS_JSON": ""}, file) == {"a": 1, "from": "file"}
    assert given_variables({"RC_WF_VARS_JSON": '{"a": 2}'}, file) == {"a": 2}
    with pytest.raises(RunnerError, match="RC_WF_VARS_JSON: not valid JSON"):
        given_variables({"RC_WF_VARS_JSON": "{"}, file)


def test_outputs_become_variables_of_their_job() -> None:
    assert node_variables("build[0]", Output({"v": 1}, {"digest": "x"})) == {"v": 1, "build[0].digest": "x"}


def test_two_values_for_a_variable_fail() -> None:
    assert merged({"a": 1}, {"a": 1, "b": 2}, "build") == {"a": 1, "b": 2}
    with pytest.raises(RunnerError, match="'build' gives the workflow variable 'a' another value"):
        merged({"a": "hunter2"}, {"a": "hunter3"}, "build")


WRITER = """
import sys
from pathlib import Path
from runnerlib.triggers.workflow_variables import add
for number in range(30):
    add(Path(sys.argv[1]), sys.argv[2], f"{sys.argv[3]}-{number}", number, {})
"""


def test_processes_that_race_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "o"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), part, str(k)])
        for k, part in enumerate(["vars", "outputs", "vars"])
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    output = read_output(path)
    assert output.vars == {f"{k}-{number}": number for k in (0, 2) for number in range(30)}
    assert output.outputs == {f"1-{number}": number for number in range(30)}
