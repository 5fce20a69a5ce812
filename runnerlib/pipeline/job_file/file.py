"""The forms a file can have, and the job in it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import ConfigError, printable
from runnerlib.pipeline.job_file import flat, parsers, reactorcide, sources
from runnerlib.pipeline.job_file.diagnostics import check
from runnerlib.pipeline.job_file.job import Located, definition
from runnerlib.pipeline.job_file.nodes import Node, compose, quotable
from runnerlib.pipeline.job_file.reader import Entry, Reading, Wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.pipeline.job import Job

_LARGEST = 1 << 20
_IGNORED = "x-"
_WORKFLOW = ("workflow", "jobs")
TOP_KEYS = ("job", *sources.KEYS)


class JobFile(NamedTuple):
    """A job and the other contents of its file.

    `settings` are settings of the configuration by name, `notices` lines for the user about keys without effect here.
    """

    job: Job
    settings: Mapping[str, object]
    notices: tuple[str, ...] = ()


def load(path: str) -> JobFile:
    """Read the file at `path`. Raises ConfigError as `parse` does, and when the file cannot be read."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(_LARGEST + 1).decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a UTF-8 text file"
        raise ConfigError(f"cannot read the job file '{printable(path)}': {why}") from None
    return parse(text, path)


@quotable
def parse(text: str, name: str) -> JobFile:
    """Read `text`, the content of the file `name`.

    Raises ConfigError with a line FILE:LINE:COLUMN: TEXT for everything that is wrong. No line repeats
    a value that may be secret.
    """
    if len(text) > _LARGEST:
        raise ConfigError(f"{printable(name)}: a job file has at most 1 MiB")
    reading = Reading(name)
    root = compose(text, name)
    found: JobFile | None = None
    try:
        entries = reading.entries(root, "a job file")
        entries = {key: entry for key, entry in entries.items() if not key.startswith(_IGNORED)}
        _refuse_workflow(entries)
        if reactorcide.is_layout(reading, entries):
            found = _layout(reading, root, entries)
        else:
            found = _nested(reading, entries) if "job" in entries else _flat(reading, root, entries)
    except Wrong as wrong:
        reading.complain(wrong.node or root, str(wrong))
    reading.check()
    assert found is not None  # noqa: S101 - else there was a complaint
    return found


def _refuse_workflow(entries: Mapping[str, Entry]) -> None:
    for key in _WORKFLOW:
        if key in entries:
            raise Wrong(f"'{key}' is of a workflow: give this file as --workflow-file", entries[key].key)


def _nested(reading: Reading, entries: dict[str, Entry]) -> JobFile:
    """Form 1: `job` and, beside it, sources."""
    reading.only(entries, TOP_KEYS)
    located = definition(reading, entries["job"].value)
    check(reading, located.job.problems(), located.places, named=located.named)
    return JobFile(located.job, _settings(reading, entries))


def _flat(reading: Reading, root: Node, entries: dict[str, Entry]) -> JobFile:
    """Form 2: one command."""
    if "steps" in entries:
        raise Wrong("'steps' and what else describes the job stand below 'job:'", entries["steps"].key)
    reading.only(entries, flat.KEYS)
    located: Located = flat.definition(reading, root, entries)
    check(reading, located.job.problems(), located.places, named=located.named)
    notices = flat.notices(entries, located.job.env, flat.COORDINATOR)
    return JobFile(located.job, _settings(reading, entries), tuple(notices))


def _layout(reading: Reading, root: Node, entries: dict[str, Entry]) -> JobFile:
    """Form 3: a file of `.reactorcide/jobs`."""
    located, merged = reactorcide.definition(reading, root, entries)
    check(reading, located.job.problems(), located.places, named=located.named)
    notices = flat.notices(merged, located.job.env, (*reactorcide.EVENTS, *reactorcide.ELSEWHERE))
    return JobFile(located.job, _settings(reading, merged), tuple(notices))


def _settings(reading: Reading, entries: Mapping[str, Entry]) -> dict[str, object]:
    """Return the settings in a file of any form."""
    found: dict[str, object] = {}
    for key in sources.KEYS:
        found |= reading.value(entries, key, partial(sources.settings, prefix=key), parsers.NO_VARIABLES)
    for key in (*flat.DIRECTORIES, *reactorcide.SOURCE_SETTINGS):
        if key in entries:
            found[key] = reading.value(entries, key, parsers.text, "")
    if "image" in entries:
        found["runner_image"] = reading.value(entries, "image", parsers.text, None)
    return found
