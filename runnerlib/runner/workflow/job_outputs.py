"""Outputs and variables exchanged between the jobs of a workflow, in the files of Reactorcide's workers."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.safe_tree import remove_tree
from runnerlib.errors import RunnerError
from runnerlib.pipeline.job import variable_part
from runnerlib.pipeline.workflow import as_text
from runnerlib.triggers.workflow_variables import OUTPUT_NAME, VARS_NAME, Output, merged, node_variables, read_output

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from runnerlib.events.result import JobResult, StepResult
    from runnerlib.masking import SecretMasker
    from runnerlib.pipeline.workflow import Instance

# The kernel takes no variable of more than 128 KiB; larger data is in the file only.
_LONGEST = 100_000


class JobOutputs(NamedTuple):
    """The outputs of a job as texts, and the variables that it adds to the workflow."""

    outputs: Mapping[str, str]
    vars: Mapping[str, Any]


NOTHING = JobOutputs({}, {})


def tell(
    instance: Instance, directory: Path, known: Mapping[str, Any], before: Iterable[StepResult], masker: SecretMasker
) -> dict[str, str]:
    """Return environment variables with the outputs of earlier jobs (`before`); write the job's file of variables.

    The file is written only when it holds no secret. Raises RunnerError when it cannot be written.
    """
    text = json.dumps(known, ensure_ascii=False)
    variables = {"RC_WF_NODE_NAME": instance.job.name, "RC_WF_OUTPUT_FILE": str(directory / OUTPUT_NAME)}
    for result in before:
        for name, value in result.outputs.items():
            variables[f"RUNNERLIB_OUTPUT_{variable_part(result.name)}_{variable_part(name)}"] = value
    _remove(directory / OUTPUT_NAME)
    _remove(directory / VARS_NAME)
    if masker.mask_string(text) == text:
        _write(directory / VARS_NAME, text)
        variables["RC_WF_VARS_FILE"] = str(directory / VARS_NAME)
    if len(text.encode()) <= _LONGEST:
        variables["RC_WF_VARS_JSON"] = text
    return variables


def collect(instance: Instance, result: JobResult, directory: Path, known: Mapping[str, Any]) -> JobOutputs:
    """Return the outputs of a successful job: those of its steps, and the content of its output file.

    Raises RunnerError for a file that cannot be used, for a promised output that is missing, and for a variable that
    already has another value.
    """
    written = read_output(directory / OUTPUT_NAME)
    by_steps = {step.name: step.outputs for step in result.steps if step.success}
    found: dict[str, Any] = {name: value for outputs in by_steps.values() for name, value in outputs.items()}
    found |= written.outputs
    if instance.job.outputs:
        found = {name: _promised(name, origin, found, by_steps) for name, origin in instance.job.outputs.items()}
    new = node_variables(instance.name, Output(written.vars, found))
    merged(known, new, instance.name)
    return JobOutputs({name: as_text(value) for name, value in found.items()}, new)


def _promised(name: str, origin: str, found: Mapping[str, Any], by_steps: Mapping[str, Mapping[str, str]]) -> Any:
    step, _, key = origin.rpartition(".")
    source = by_steps.get(step, {}) if origin else found
    key = key or name
    if key not in source:
        of = f" of step '{step}'" if origin else ""
        raise RunnerError(f"it did not write the output '{key}'{of} that it promises")
    return source[key]


def _remove(path: Path) -> None:
    """Remove a file, link or directory that a job left at `path`. Raises RunnerError."""
    try:
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RunnerError(f"cannot remove '{path}': {error.strerror}") from None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444)
        with os.fdopen(file, "w") as opened:
            opened.write(text)
    except OSError as error:
        raise RunnerError(f"cannot write '{path}': {error.strerror}") from None
