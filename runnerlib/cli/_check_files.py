"""Checks of files written by users, by their kind, which follows from content or from the path in `.reactorcide`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.cli._request import current_directory
from runnerlib.config import PROFILES, SETTINGS, FileLayer, read, resolve
from runnerlib.config.ci_file import NAME as CI_FILE
from runnerlib.config.file import parse as parse_settings
from runnerlib.errors import ConfigError, printable, unknown
from runnerlib.pipeline import job_file, workflow
from runnerlib.pipeline.job_file import flat, reactorcide
from runnerlib.pipeline.job_file.file import TOP_KEYS
from runnerlib.pipeline.job_file.nodes import compose
from runnerlib.pipeline.job_file.reader import Reading, Wrong
from runnerlib.pipeline.workflow.file import LAYOUT, parse_job, root_of
from runnerlib.pipeline.workflow.file_keys import FILE_KEYS, JOB_KEYS, WORKFLOW_KEYS
from runnerlib.runner.request import RunRequest
from runnerlib.runner.workflow.includes import RunIncludes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_LARGEST = 1 << 20
# Keys that determine the kind of a file alone.
_WORKFLOW = {"workflow", "jobs"}
_JOB = {"job", "command", "steps"}
# Otherwise the kind that knows most keys of the file wins; of several, the first.
_KNOWN: Mapping[str, Collection[str]] = {
    "configuration": {*SETTINGS, PROFILES},
    "job": {*flat.KEYS, *TOP_KEYS, *reactorcide.KINDS},
    "workflow": {*WORKFLOW_KEYS, *JOB_KEYS, *FILE_KEYS},
}
_CI_SOURCE = "configuration of the CI source"
_LAYOUT_JOB = f"job of {LAYOUT}"


def check_file(path: str) -> str:
    """Check the file at `path`, and return its kind, in words. Raises ConfigError with all its errors."""
    text = read_text(path)
    kind = _kind(path, text)
    if kind == "workflow":
        workflow.parse(text, path, root_of(Path(path)), includes_of(path))
    elif kind == "job":
        job_file.parse(text, path)
    elif kind == _LAYOUT_JOB:
        parse_job(text, path)
    elif kind == _CI_SOURCE:
        resolve({}, {}, ci_file=FileLayer(parse_settings(text, path), path))
    else:
        resolve({}, {}, parse_settings(text, path), path)
    return kind


def includes_of(path: str) -> RunIncludes:
    """Return the reader of files that the workflow file at `path` includes, by the settings of the environment."""
    cwd = current_directory()
    return RunIncludes(RunRequest(read({}, os.environ), (), os.environ, cwd), cwd / path)


def kind_of_file(path: str) -> str:
    """Return the kind of the file at `path`, in words. Raises ConfigError when it cannot be determined."""
    return _kind(path, read_text(path))


def read_text(path: str) -> str:
    """Return the text of a file, read only once: it may be a pipe. Raises ConfigError when it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
        text = data.decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a UTF-8 text file"
        raise ConfigError(f"cannot read '{printable(path)}': {why}") from None
    if len(data) > _LARGEST:
        raise ConfigError(f"{printable(path)}: a file has at most 1 MiB")
    return text


def _kind(path: str, text: str) -> str:
    where = Path(path).absolute()
    if where.match(CI_FILE):
        return _CI_SOURCE
    if where.parent.match(f"{LAYOUT}/workflows"):
        return "workflow"
    if where.parent.match(f"{LAYOUT}/jobs"):
        return _LAYOUT_JOB
    return _kind_of(path, text)


def _kind_of(path: str, text: str) -> str:
    """Return the kind of a file by its keys. Raises ConfigError when no kind knows any of them."""
    try:
        node = compose(text, path)
    except ConfigError as error:
        raise ConfigError(f"{printable(path)}: {told}") if (told := _foreign(text, path)) else error from None
    try:
        keys = [key for key in Reading(path).entries(node, "a job, workflow or configuration file") if key[:2] != "x-"]
    except Wrong as wrong:
        raise ConfigError(f"{printable(path)}: {wrong}") from None
    if _WORKFLOW.intersection(keys):
        return "workflow"
    if _JOB.intersection(keys):
        return "job"
    known = {kind: len(names.intersection(keys)) for kind, names in ((k, set(v)) for k, v in _KNOWN.items())}
    kind = max(known, key=lambda kind: known[kind])
    if known[kind]:
        return kind
    names = [*sorted(_WORKFLOW | _JOB), *SETTINGS]
    if foreign := _foreign(text, path):
        raise ConfigError(f"{printable(path)}: {foreign}")
    got = unknown("key", keys[0][:100], names) if keys else "there is no key"
    raise ConfigError(f"{printable(path)}: no job, workflow or configuration: {got}")


def _foreign(text: str, path: str) -> str:
    from runnerlib.pipeline.foreign.recognise import told

    return told(text, path)
