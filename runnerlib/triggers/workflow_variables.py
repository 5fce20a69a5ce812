"""The variables of a workflow: the inputs of a job, and those that it passes on with its outputs.

A job reads RC_WF_VARS_JSON, or the file RC_WF_VARS_FILE, and writes RC_WF_OUTPUT_FILE:
`{"vars": {"name": value}, "outputs": {"name": value}}`, of which each output becomes the variable
`JOB.name`. Values are anything that JSON can say. Source: Reactorcide's workflow state.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.locked_file import locked, read, replace
from runnerlib.errors import ConfigError, RunnerError, printable
from runnerlib.triggers.field_rules import kind_of, plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LARGEST = 1 << 20
OUTPUT_NAME, VARS_NAME = "workflow-output.json", "workflow-vars.json"
OUTPUT_FILE, VARS_FILE = f"/job/{OUTPUT_NAME}", f"/job/{VARS_NAME}"


class VariableError(ConfigError):
    """A variable or an output of a workflow cannot be; the text never holds its value."""


class Output(NamedTuple):
    """The variables and outputs of a job for later jobs."""

    vars: Mapping[str, Any]
    outputs: Mapping[str, Any]


def read_output(path: Path) -> Output:
    """Return the output of a job; empty when it wrote none. Raises RunnerError for an invalid file.

    A file is invalid if no coordinator takes it.
    """
    data = read(path, LARGEST)
    if data is None:
        return Output({}, {})
    given = _mapping(data, f"the workflow output '{path}'")
    parts = [given.get(part) or {} for part in Output._fields]
    if not all(isinstance(part, dict) for part in parts):
        raise RunnerError(f"the workflow output '{path}': vars and outputs are mappings")
    return Output(*parts)


def add(path: Path, part: str, name: str, value: object, known: Mapping[str, Any]) -> None:
    """Set one of the `vars` or `outputs` in the file at `path`; concurrent changes of others are kept.

    `known` are the variables that the job was given: a workflow fails when one gets two values. Raises
    VariableError for a value that JSON has not, a second value of a known variable, or a file of more than
    1 MiB; the file stays as it was then. Raises FileError when it cannot be written.
    """
    subject = f"workflow {'variable' if part == 'vars' else 'output'} '{printable(str(name)[:100])}'"
    if not isinstance(name, str) or not name:
        raise VariableError(f"{subject}: a name is a text of at least one character")
    try:
        value = plain(value)
    except ValueError as error:
        raise VariableError(f"{subject}: {error}") from None
    if part == "vars" and name in known and not _same(known[name], value):
        raise VariableError(f"{subject} has another value already, and a workflow with two fails")
    with locked(path):
        output = read_output(path)._asdict()
        output[part] = {**output[part], name: value}
        data = json.dumps(output, separators=(",", ":")).encode() + b"\n"
        if len(data) > LARGEST:
            raise VariableError(f"{subject}: all outputs together would have {len(data)} bytes ({LARGEST} at most)")
        replace(path, data)  # for its owner only: a value may be a secret


def given_variables(environ: Mapping[str, str], file: Path) -> dict[str, Any]:
    """Return the variables a job gets: RC_WF_VARS_JSON, else the content of `file`.

    Raises RunnerError for invalid ones.
    """
    inline = environ.get("RC_WF_VARS_JSON")
    if inline:
        return _mapping(inline, "RC_WF_VARS_JSON")
    data = read(file)
    return {} if data is None else _mapping(data, f"the workflow variables '{file}'")


def node_variables(node: str, output: Output) -> dict[str, Any]:
    """The variables that the job `node` adds to its workflow."""
    return {**output.vars, **{f"{node}.{name}": value for name, value in output.outputs.items()}}


def merged(known: Mapping[str, Any], new: Mapping[str, Any], who: str) -> dict[str, Any]:
    """Return both together. Raises RunnerError when `who` gives a variable another value than it has."""
    for name, value in new.items():
        if name in known and not _same(known[name], value):
            raise RunnerError(f"'{printable(who)}' gives the workflow variable '{printable(name)}' another value")
    return {**known, **new}


def _same(one: object, other: object) -> bool:
    """Return whether two values are the same to JSON, where `true` and `1` differ."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _mapping(text: str | bytes, subject: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise RunnerError(f"{subject}: not valid JSON") from None
    if not isinstance(given, dict):
        raise RunnerError(f"{subject}: a mapping is expected, got {kind_of(given)}")
    return given
