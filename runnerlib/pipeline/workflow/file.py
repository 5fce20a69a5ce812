"""Workflow files: `workflow:` with its jobs, the form of `.reactorcide/workflows`, or a single job."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.errors import ConfigError, printable
from runnerlib.pipeline.job_file.diagnostics import check
from runnerlib.pipeline.job_file.nodes import Node, compose, quotable
from runnerlib.pipeline.job_file.reader import Entry, Reading, Wrong, kind_of
from runnerlib.pipeline.workflow.file_job import Found, Values, as_job, name_of, read_filter, read_values
from runnerlib.pipeline.workflow.file_keys import WORKFLOW_KEYS
from runnerlib.pipeline.workflow.model import Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runnerlib.pipeline.job_file.job import Where
    from runnerlib.pipeline.workflow.job import WorkflowJob

_LARGEST = 1 << 20
_IGNORED = "x-"
LAYOUT = ".reactorcide"


class Others(NamedTuple):
    """The job files that a workflow file names: the directory above them, their paths, and their errors."""

    root: Path | None
    files: list[str]
    problems: list[str]
    texts: dict[str, str]


def load(path: str | Path) -> Workflow:
    """Read the workflow in the file at `path`. Raises ConfigError as `parse` does, and when it cannot be read."""
    return parse(_text(path), str(path), root_of(Path(path)))


@quotable
def parse(text: str, name: str, root: Path | None = None) -> Workflow:
    """Read `text`, the content of the file `name`; the job files that it names are below `root`.

    Raises ConfigError with a line FILE:LINE:COLUMN: TEXT for everything that is wrong. No line repeats
    a value that may be secret.
    """
    reading, others = Reading(name), Others(root, [], [], {})
    node = compose(text, name)
    workflow = Workflow()
    try:
        entries = _own(reading.entries(node, "a workflow file"))
        if "workflow" in entries:
            reading.only(entries, ("workflow",))
            node = entries["workflow"].value
            workflow = _workflow(reading, node, _own(reading.entries(node, "workflow")), others)
        elif "jobs" in entries:
            workflow = _workflow(reading, node, entries, others)
        elif {"job", "command", "steps", "job_file"} & entries.keys():
            workflow = _single(reading, node, others)
        else:
            reading.complain(node, "a workflow file needs 'workflow', or 'jobs'")
    except Wrong as wrong:
        reading.complain(wrong.node or node, str(wrong))
    finish(reading, others.problems, others.texts)
    workflow.file = name
    workflow.job_files = tuple(dict.fromkeys(others.files))
    return workflow


def load_job(path: str | Path) -> WorkflowJob:
    """Read the job in a file of `.reactorcide/jobs`. Raises ConfigError as `load` does."""
    return parse_job(_text(path), str(path))


@quotable
def parse_job(text: str, name: str) -> WorkflowJob:
    """Read the job in `text`, the content of the file `name` of `.reactorcide/jobs`. Raises ConfigError as `parse`."""
    reading = Reading(name)
    node = compose(text, name)
    found = None
    try:
        values = read_values(reading, node)
        found = as_job(reading, values, name_of(reading, values.values, node), node)
        check(reading, Workflow(jobs=[_alone(found.job)]).problems(), _placed([found], node), named=found.named)
    except Wrong as wrong:
        reading.complain(wrong.node or node, str(wrong))
    reading.check()
    assert found is not None  # noqa: S101 - else there was a complaint
    return found.job


def finish(reading: Reading, others: list[str], texts: Mapping[str, str]) -> None:
    """Raise ConfigError with all complaints about a file and the job files it names, which have these `texts`."""
    try:
        reading.check()
    except ConfigError as error:
        others.insert(0, str(error))
    if others:
        told = ConfigError("\n".join(dict.fromkeys(others)))
        told.texts = texts
        raise told


def root_of(path: Path) -> Path:
    """Return the directory that contains the layout of the file at `path`; for any other file its own."""
    directory = path.absolute().parent
    return directory.parent.parent if directory.parent.name == LAYOUT else directory


def _own(entries: dict[str, Entry]) -> dict[str, Entry]:
    return {key: entry for key, entry in entries.items() if not key.startswith(_IGNORED)}


def _text(path: str | Path) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ConfigError(f"{printable(str(path))}: a workflow file has at most 1 MiB")
        return data.decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a UTF-8 text file"
        raise ConfigError(f"cannot read the workflow file '{printable(str(path))}': {why}") from None


def _workflow(reading: Reading, node: Node, entries: dict[str, Entry], others: Others) -> Workflow:
    reading.only(entries, WORKFLOW_KEYS)

    def given(key: str, default: Any) -> Any:
        return reading.value(entries, key, WORKFLOW_KEYS[key].kind, default)

    workflow = Workflow(
        given("name", Path(reading.name).stem or "workflow"),
        on=read_filter(reading, entries),
        vars=given("vars", {}),
        id=given("id", ""),
        description=given("description", ""),
        inputs=given("inputs", {}),
    )
    given("defaults", None)
    found: list[Found | None] = reading.value(entries, "jobs", partial(_jobs, others=others), [])
    usable = [one for one in found if one is not None]
    workflow.jobs = [one.job for one in usable]
    places = _placed(usable, entries["jobs"].value if "jobs" in entries else node)
    places[()] = node
    places |= {(key,): entry.value for key, entry in entries.items()}
    named = not others.problems and len(usable) == len(found) and all(one.named for one in usable)
    if usable or not found:
        check(reading, workflow.problems(), places, named=named)
    return workflow


def _single(reading: Reading, node: Node, others: Others) -> Workflow:
    """Return a workflow of the only job in a file."""
    values = read_values(reading, node, _opener(others))
    name = str(values.values.get("name", Path(reading.name).stem or "job"))
    found = as_job(reading, values, name, node)
    workflow = Workflow(name, [_alone(found.job)], on=found.job.on)
    check(reading, workflow.problems(), _placed([found], node), named=found.named and not others.problems)
    return workflow


def _alone(job: WorkflowJob) -> WorkflowJob:
    """Return the job without its dependencies, which its file does not contain."""
    return job._replace(depends_on=(), download=()) if job.depends_on else job


def _jobs(reading: Reading, node: Node, others: Others) -> list[Found | None]:
    """The jobs; None for each that cannot be read."""
    found: list[Found | None] = []
    for name, item in _named(reading, node):
        try:
            values = read_values(reading, item, _opener(others), alone=False)
        except Wrong as wrong:
            reading.complain(wrong.node or item, str(wrong))
            found.append(None)
            continue
        found.append(as_job(reading, values, name or name_of(reading, values.values, item), item))
    return found


def _named(reading: Reading, node: Node) -> Iterator[tuple[str, Node]]:
    """Yield the jobs of a list, which hold their names, or of a mapping, whose keys are the names."""
    if node.id == "mapping":
        yield from ((name, entry.value) for name, entry in reading.entries(node, "jobs").items())
    else:
        yield from (("", item) for item in reading.items(node))


def _placed(found: list[Found], node: Node) -> dict[Where, Node]:
    """Return the positions of the parts of all jobs."""
    places: dict[Where, Node] = {(): node, ("jobs",): node}
    for number, one in enumerate(found):
        places |= {("jobs", number, *place): there for place, there in one.places.items()}
    return places


def _opener(others: Others) -> Callable[[Reading, Node], Values]:
    """Return a reader of the file that `job_file` names; its path and errors are added to `others`."""

    def read(_reading: Reading, node: Node) -> Values:
        if node.id != "scalar":
            raise Wrong(f"the path of a file is expected, got {kind_of(node)}")
        path = _found(others.root, node.value)
        others.files.append(str(path))
        reading = Reading(str(path))
        values = Values({}, {}, named=False)
        try:
            others.texts[str(path)] = text = _text(path)
            values = read_values(reading, compose(text, str(path)))
            reading.check()
        except Wrong as wrong:
            others.problems.append(f"{printable(str(path))}: {wrong}")
        except ConfigError as error:
            others.problems.append(str(error))
        return values

    return read


def _found(root: Path | None, given: str) -> Path:
    """Return the file that `given` names: below `root`, or in the directory of jobs there. Raises Wrong."""
    if root is None or not given or given.startswith("/") or ".." in given.split("/") or "\0" in given:
        raise Wrong(f"a path below the directory of the source is expected, without '..', got '{given[:100]}'")
    real_root = Path(os.path.realpath(root))
    for directory in (real_root, real_root / LAYOUT / "jobs"):
        path = Path(os.path.realpath(directory / given))
        if path.is_file():
            if not path.is_relative_to(real_root):
                raise Wrong("it leads out of the directory of the source")
            return path
    raise Wrong(f"there is no such file in the directory of the source, nor in '{LAYOUT}/jobs'")
