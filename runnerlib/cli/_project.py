"""The project around the current directory: the files that describe its jobs, found upwards as git finds its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from runnerlib._util.paths import OWN
from runnerlib.cli._check_files import includes_of, kind_of_file
from runnerlib.errors import ConfigError, one_line, unknown
from runnerlib.pipeline import job_file, workflow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

Kind = Literal["job", "workflow", "configuration"]

_FILES = ("runnerlib", ".runnerlib")
_FOLDERS = (OWN, ".reactorcide/workflows", ".reactorcide/jobs")
_SUFFIXES = (".yaml", ".yml")
# The root of a repository: files above it belong to another project.
_REPOSITORY = (".git", ".hg", ".svn")


class Entry(NamedTuple):
    """A step or a job of a file, and the names of those it waits for."""

    name: str
    description: str
    needs: tuple[str, ...]


class Described(NamedTuple):
    """A file with its entries: the steps of a job, or the jobs of a workflow; settings have none."""

    path: str
    kind: Kind
    name: str = ""
    description: str = ""
    entries: tuple[Entry, ...] = ()

    @property
    def stem(self) -> str:
        """The name of the file without its suffix."""
        return Path(self.path).stem


class Project(NamedTuple):
    """A directory and its files, as paths from the current directory, in groups; the first group is the usual one."""

    root: Path
    groups: tuple[tuple[str, ...], ...]

    @property
    def files(self) -> tuple[str, ...]:
        """All files, the usual ones first."""
        return tuple(file for group in self.groups for file in group)


def find(cwd: Path) -> Project | None:
    """Return the project that contains `cwd`; None without one. Raises ConfigError for a file of another user."""
    for directory in (cwd, *cwd.parents):
        groups = [group for group in _groups(directory) if group]
        if groups:
            for file in (file for group in groups for file in group):
                _check_owner(file, cwd)
            shown = tuple(tuple(os.path.relpath(file, cwd) for file in group) for group in groups)
            return Project(directory, shown)
        if any(os.path.lexists(directory / name) for name in _REPOSITORY):
            return None
    return None


def _groups(directory: Path) -> Iterator[list[Path]]:
    for name in _FILES:
        yield [path for suffix in _SUFFIXES if os.path.isfile(path := directory / f"{name}{suffix}")][:1]
    for folder in _FOLDERS:
        try:
            names = sorted(os.listdir(directory / folder))
        except OSError:
            continue
        paths = (directory / folder / name for name in names if name.endswith(_SUFFIXES))
        yield [path for path in paths if os.path.isfile(path)]


def _check_owner(file: Path, cwd: Path) -> None:
    """Refuse a file that another user may have put above, or into, a directory such as /tmp. Raises ConfigError."""
    owner = file.stat().st_uid
    if owner not in {os.geteuid(), 0, cwd.stat().st_uid}:
        problem = f"belongs to another user (uid {owner}), whose commands it would run"
        raise ConfigError(f"'{one_line(str(file))}' {problem}; if you trust it, name it with --job-file")


def kind_of(path: str) -> Kind:
    """Return the kind of a file. Raises ConfigError when it cannot be read or determined."""
    kind = kind_of_file(path)
    return "workflow" if kind == "workflow" else "job" if kind.startswith("job") else "configuration"


def describe(path: str, kind: Kind | None = None) -> Described:
    """Read a file and return its entries. Raises ConfigError with all its mistakes."""
    kind = kind or kind_of(path)
    if kind == "workflow":
        found = workflow.load(path, includes_of(str(path)))
        jobs = tuple(Entry(job.name, job.description, tuple(job.depends_on)) for job in found.jobs)
        return Described(path, kind, found.name, found.description, jobs)
    if kind == "job":
        job = job_file.load(path).job
        needs = job.dependencies()
        steps = tuple(Entry(step.name, step.description, needs[step.name]) for step in job.steps)
        return Described(path, kind, job.name, job.description, steps)
    return Described(path, kind)


def choose(
    project: Project, names: Collection[str], described: Iterable[Described] = ()
) -> tuple[Described, tuple[str, ...]]:
    """Return the file to run and which of its entries, by `names` from the command line; all entries without names.

    A name is that of a file, of an entry, or FILE/ENTRY. `described` are the files, if they were read. Raises
    ConfigError for an unknown or an ambiguous name.
    """
    if not names:
        usual = project.groups[0]
        if len(usual) > 1:
            stems = ", ".join(Path(file).stem for file in usual)
            raise ConfigError(f"there are several files in '{os.path.dirname(usual[0])}': name one of {stems}")
        return Described(usual[0], kind_of(usual[0])), ()
    files = [*described] or [describe(file) for file in project.files]
    first, *others = names
    by_stem = [file for file in files if file.stem == first]
    if not others and len(files) > 1 and by_stem:
        return _single(by_stem, first), ()
    return _with_entries(files, names)


def _with_entries(files: list[Described], names: Collection[str]) -> tuple[Described, tuple[str, ...]]:
    found = [(file, inner) for file in files if (inner := _entries(file, names)) is not None]
    if found:
        _single([file for file, _ in found], next(iter(names)))
        return found[0]
    known = [entry.name for file in files for entry in file.entries]
    known += [file.stem for file in files] if len(files) > 1 else []
    strange = next((name for name in names if name.rpartition("/")[2] not in known), next(iter(names)))
    raise ConfigError(unknown("step or job", strange, known))


def _entries(file: Described, names: Collection[str]) -> tuple[str, ...] | None:
    """Return the entries of a file that `names` mean; None when it lacks one."""
    known = {entry.name for entry in file.entries}
    found = tuple(name.removeprefix(f"{file.stem}/") for name in names)
    return found if known.issuperset(found) else None


def _single(files: list[Described], name: str) -> Described:
    if len(files) > 1:
        paths = ", ".join(f"'{file.path}'" for file in files)
        raise ConfigError(f"'{one_line(name)}' is in {paths}: write FILE/{name}, with the name of the file")
    return files[0]
