"""The list of jobs and steps of a project, for people and as JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from runnerlib._util.system import own_terminal_size
from runnerlib.cli._foreign_files import hint
from runnerlib.cli._project import Described, describe, find
from runnerlib.cli._request import current_directory
from runnerlib.errors import ConfigError, flattened, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runnerlib.cli._session import Session
    from runnerlib.config import RunnerConfig

_WIDEST = 100
_LONGEST_NAME = 30
NOTHING = "there is no runnerlib.yaml here or in a directory above; `runnerlib init` writes one"


def files_of(config: RunnerConfig) -> list[Described]:
    """Return the files that the settings name, else those of the project. Raises ConfigError without any."""
    if config.job_file is not None:
        return [describe(config.job_file, "job")]
    if config.workflow_file is not None:
        return [describe(config.workflow_file, "workflow")]
    project = find(current_directory())
    if project is None:
        raise ConfigError(f"{NOTHING}{hint(current_directory())}")
    return [describe(file) for file in project.files]


def show(session: Session, files: Sequence[Described], *, as_json: bool = False) -> None:
    """Print the files with their jobs and steps, masked."""
    if as_json:
        import json

        text = json.dumps([_plain(file) for file in files], indent=2)
        click.echo(session.masker().mask_string(text))
        return
    width = min(_WIDEST, own_terminal_size(1).columns) if sys.stdout.isatty() else _WIDEST
    text = "\n".join(_shown(file, width) for file in files)
    click.echo(printable(session.masker().mask_string("\n".join([text, *_hints(files)]))))


def _plain(file: Described) -> dict[str, object]:
    entries = [{**entry._asdict(), "needs": list(entry.needs)} for entry in file.entries]
    inner = {} if file.kind == "configuration" else {{"job": "steps", "workflow": "jobs"}[file.kind]: entries}
    return {"file": file.path, "kind": file.kind, "name": file.name, "description": file.description, **inner}


def _shown(file: Described, width: int) -> str:
    formatter = click.HelpFormatter(width=width)
    title = f"{file.kind} '{file.name}'" if file.name else file.kind
    formatter.write_text(f"{file.path}: {title}")
    if file.description:
        with formatter.indentation():
            formatter.write_text(flattened(file.description))
    if file.entries:
        with formatter.indentation():
            formatter.write_dl([(entry.name, _told(*entry[1:])) for entry in file.entries], col_max=_LONGEST_NAME)
    return formatter.getvalue()


def _told(description: str, needs: Sequence[str]) -> str:
    needed = f"(needs {', '.join(needs)})" if needs else ""
    return flattened(" ".join(filter(None, (description, needed))))


def _hints(files: Sequence[Described]) -> Iterator[str]:
    """Yield the command lines that run what is listed."""
    entries = [(file, entry.name) for file in files for entry in file.entries]
    if len(files) > 1:
        yield f"Run one file: runnerlib run {files[0].stem}"
    elif entries:
        yield "Run all:      runnerlib run"
    if entries:
        from shlex import quote

        kind = "job" if entries[0][0].kind == "workflow" else "step"
        yield f"Run one {kind}:{'' if kind == 'step' else ' '} runnerlib run {quote(entries[0][1])}"
