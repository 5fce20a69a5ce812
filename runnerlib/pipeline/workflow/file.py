"""Workflow files: `workflow:` with its jobs, the form of `.reactorcide/workflows`, or a single job."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.errors import ConfigError, printable
from runnerlib.pipeline.job_file.diagnostics import check
from runnerlib.pipeline.job_file.inputs import inputs
from runnerlib.pipeline.job_file.nodes import Node, compose, quotable
from runnerlib.pipeline.job_file.reader import Entry, Reading, Wrong, kind_of
from runnerlib.pipeline.workflow.file_extends import HIDDEN, Templates, name_of_node
from runnerlib.pipeline.workflow.file_include import IncludedFile, IncludeReader, Includes, NoIncludes, Tree
from runnerlib.pipeline.workflow.file_job import Found, Values, as_job, name_of, read_filter, read_values, with_origins
from runnerlib.pipeline.workflow.file_keys import INCLUDED_KEYS, WORKFLOW_KEYS, defaults
from runnerlib.pipeline.workflow.model import Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from runnerlib.pipeline.job_file.job import Where
    from runnerlib.pipeline.workflow.job import WorkflowJob

_LARGEST = 1 << 20
_IGNORED = "x-"
LAYOUT = ".reactorcide"


class Others(NamedTuple):
    """The job files that a workflow file names: the directory above them, their paths, and their errors.

    `foreign` are the names of included files of other trees.
    """

    root: Path | None
    files: list[str]
    problems: list[str]
    texts: dict[str, str]
    outside: IncludeReader
    foreign: set[str]


_NO_INCLUDES = NoIncludes()


def load(path: str | Path, outside: IncludeReader = _NO_INCLUDES) -> Workflow:
    """Read the workflow in the file at `path`. Raises ConfigError as `parse` does, and when it cannot be read."""
    return parse(_text(path), str(path), root_of(Path(path)), outside)


@quotable
def parse(text: str, name: str, root: Path | None = None, outside: IncludeReader = _NO_INCLUDES) -> Workflow:
    """Read `text`, the content of the file `name`; the files that it names are below `root`.

    `outside` reads what it includes from elsewhere.

    Raises ConfigError with a line FILE:LINE:COLUMN: TEXT for everything that is wrong. No line repeats
    a value that may be secret.
    """
    reading, others = Reading(name), Others(root, [], [], {}, outside, set())
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
        failure = ConfigError("\n".join(dict.fromkeys(others)))
        failure.texts = texts
        raise failure


def root_of(path: Path) -> Path:
    """Return the directory that contains the layout of the file at `path`; for any other file its own."""
    directory = path.absolute().parent
    return directory.parent.parent if directory.parent.name == LAYOUT else directory


def _own(entries: dict[str, Entry]) -> dict[str, Entry]:
    return {key: entry for key, entry in entries.items() if not key.startswith(_IGNORED)}


def _text(path: str | Path) -> str:
    return _data(path).decode()


def _data(path: str | Path) -> bytes:
    """Return the content of a file, which is a text. Raises ConfigError."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ConfigError(f"{printable(str(path))}: a workflow file has at most 1 MiB")
        data.decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a UTF-8 text file"
        raise ConfigError(f"cannot read the workflow file '{printable(str(path))}': {why}") from None
    return data


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
        concurrency=given("concurrency", None),
    )
    given("defaults", None)
    files, complete = _included(reading, entries, others)
    templates = Templates(_opener(others), complete=complete)
    listed = list(reading.value(entries, "jobs", partial(_listed, files=files, templates=templates), ()))
    found = [_found_job(one, others, templates) for one in listed if not one.name.startswith(HIDDEN)]
    templates.read_hidden()
    others.problems.extend(_problems_of(file.reading for file in files))
    for file in files:
        keys = file.reading.entries(file.root, "an included file")
        workflow.inputs = {**file.reading.value(keys, "inputs", inputs, {}), **workflow.inputs}
        workflow.origins[f"include {file.reading.name}"] = file.digest + (" (not pinned)" if not file.pinned else "")
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


class _Listed(NamedTuple):
    """A job of a file: its name, the reader of its file, its node, and where mistakes in it as a whole are told."""

    name: str
    given: str
    reading: Reading
    node: Node
    place: Node | None = None


def _included(reading: Reading, entries: dict[str, Entry], others: Others) -> tuple[tuple[IncludedFile, ...], bool]:
    """Return the files that a file includes, and whether these are all; report their keys that are not known."""
    if "include" not in entries:
        return (), True

    def read(path: str) -> bytes:
        found = _found(others.root, path)
        others.files.append(str(found))
        return _data(found)

    tree = Tree(read, lambda path: str(others.root / path) if others.root is not None else path)
    includes = Includes(tree, others.outside, others.texts, others.problems)
    files: tuple[IncludedFile, ...] = reading.value(entries, "include", includes.read, ())
    others.foreign.update(file.reading.name for file in files if not file.own)
    for file in files:
        keys = _own(file.reading.entries(file.root, "an included file", [*INCLUDED_KEYS, *_ignored(file)]))
        file.reading.value(keys, "defaults", defaults, None)
    return files, includes.complete


def _ignored(file: IncludedFile) -> Iterator[str]:
    return (key.value for key, _ in file.root.value if key.id == "scalar" and key.value.startswith(_IGNORED))


def _listed(reading: Reading, node: Node, files: Iterable[IncludedFile], templates: Templates) -> list[_Listed]:
    """Return the jobs of the included files and of this one, in that order, each of which others can extend."""
    found = []
    for file in files:
        keys = file.reading.entries(file.root, "an included file")
        for name, item in file.reading.value(keys, "jobs", lambda r, n: list(_named(r, n)), []):
            found.append(_Listed(name or name_of_node(item), name, file.reading, item, node))
    found += [_Listed(name or name_of_node(item), name, reading, item) for name, item in _named(reading, node)]
    for one in found:
        templates.add(one.name, one.reading, one.node)
    return found


def _found_job(one: _Listed, others: Others, templates: Templates) -> Found | None:
    """Return a job; None if it cannot be read."""
    reading, node = one.reading, one.node
    try:
        values = read_values(reading, node, _opener(others), templates.extended, alone=False)
    except Wrong as wrong:
        reading.complain(wrong.node or node, str(wrong))
        return None
    if one.place is not None:
        values = with_origins(values, reading)
    job = as_job(reading, values, one.given or name_of(reading, values.values, node), node)
    return job if one.place is None else job._replace(places={(): one.place})


def _problems_of(readings: Iterable[Reading]) -> Iterator[str]:
    for reading in readings:
        try:
            reading.check()
        except ConfigError as error:
            yield str(error)


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

    def read(of: Reading, node: Node) -> Values:
        if of.name in others.foreign:  # a file of this tree would be another one, and not pinned
            raise Wrong("a file of another tree names no 'job_file'; 'include' and 'extends' work there")
        if node.id != "scalar":
            raise Wrong(f"the path of a file is expected, got {kind_of(node)}")
        path = _found(others.root, node.value)
        others.files.append(str(path))
        reading = Reading(str(path))
        values = Values({}, {}, named=False)
        try:
            others.texts[str(path)] = text = _text(path)
            values = with_origins(read_values(reading, compose(text, str(path))), reading)
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
