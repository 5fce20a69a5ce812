"""The flat form of Reactorcide's `run-job`: one command, and no steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from runnerlib.pipeline.job import Job, Step
from runnerlib.pipeline.job_file import parsers, sources
from runnerlib.pipeline.job_file.job import Located, variables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from runnerlib.pipeline.job_file.job import Where
    from runnerlib.pipeline.job_file.nodes import Node
    from runnerlib.pipeline.job_file.reader import Entry, Reading

KINDS: Mapping[str, Callable[[Reading, Node], object]] = {
    "name": parsers.text,
    "image": parsers.text,
    "command": parsers.command,
    "environment": parsers.variables,
    "source": partial(sources.settings, prefix="source"),
    "working_dir": parsers.text,
    "code_dir": parsers.text,
    "job_dir": parsers.text,
    "timeout_seconds": parsers.duration,
}
COORDINATOR = (
    *("capabilities", "characteristics", "checkout", "cpu_limit", "disable_run_local", "image_pull_secrets"),
    *("memory_limit", "resources", "run_as", "run_local", "worker_class"),
)
KEYS = (*KINDS, *COORDINATOR)
DIRECTORIES = ("code_dir", "job_dir")
_STEP = "job"
_PLACES = {("timeout",): "timeout_seconds", ("name",): "name"}
_PLACES_OF_STEP = {"run": "command", "working_dir": "working_dir"}


def definition(reading: Reading, root: Node, entries: Mapping[str, Entry]) -> Located:
    """A job of one step."""
    if "command" not in entries:
        reading.complain(root, "a job file needs 'job' with its steps, or a 'command'")
    timeout = reading.value(entries, "timeout_seconds", parsers.duration, None)
    places: dict[Where, Node] = {place: entries[key].value for place, key in _PLACES.items() if key in entries}
    env = variables(reading, entries, "environment", places)
    job = Job(reading.value(entries, "name", parsers.text, "job"), env=env, timeout=timeout)
    add_command(reading, entries, job, places)
    places[()] = root
    return Located(job, places)


def add_command(reading: Reading, entries: Mapping[str, Entry], job: Job, places: dict[Where, Node]) -> None:
    """Add the command to `job`, as its only step."""
    command = reading.value(entries, "command", parsers.command, "true")
    job.steps.append(Step(_STEP, command, working_dir=reading.value(entries, "working_dir", parsers.text, None)))
    places |= {("steps", 0, part): entries[key].value for part, key in _PLACES_OF_STEP.items() if key in entries}


def notices(entries: Mapping[str, Entry], env: Mapping[str, str], elsewhere: Collection[str]) -> list[str]:
    """Return notices about parts of the file without effect here.

    These are the keys `elsewhere`, and references that only a coordinator replaces.
    """
    ignored = [f"'{key}'" for key in elsewhere if key in entries]
    said = []
    if ignored:
        *others, last = ignored
        names = f"{', '.join(others)} and {last} are" if others else f"{last} is"
        said.append(f"{names} for Reactorcide's coordinator; this command does not act on {'them' if others else 'it'}")
    for name, value in env.items():
        if "${env:" in value:
            said.append(f"environment: {name}: ${{env:…}} is not replaced by this command")
    return said
