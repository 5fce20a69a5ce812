"""The history for `runnerlib history` and `runnerlib flaky`: its file, and tables of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runnerlib._util.paths import OWN
from runnerlib.cli._project import find
from runnerlib.cli._request import current_directory, resolve_options
from runnerlib.errors import ConfigError, one_line, printable, unknown
from runnerlib.output.history.file import load
from runnerlib.output.text.columns import columns, padded, shortened
from runnerlib.runner.observing import HISTORY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.cli._session import Session
    from runnerlib.output.history.file import Run

SETTINGS = ("history", "work_dir", "profile")
"""The settings of the commands."""

_WIDEST = 60


def runs_of(config_file: str | None, options: Mapping[str, str | None], job: str | None) -> list[Run]:
    """Return the runs of the file that the settings name, else of that of the project; all or those of one job.

    Raises ConfigError where there is none, and HistoryError for one that cannot be read.
    """
    given = resolve_options(config_file, options).config.history
    if given == "none":
        raise ConfigError("history is 'none', so no run is kept")
    path = Path(given) if given is not None else _of_project()
    runs = load(path, job)
    if not runs and job is not None and (names := sorted({run.name for run in load(path)})):
        raise ConfigError(unknown("job", job, names))
    return runs


def _of_project() -> Path:
    project = find(current_directory())
    root = project.root if project is not None else current_directory()
    path = root / OWN / HISTORY
    if project is None and not path.exists():
        raise ConfigError("there is no project here or in a directory above; --history names the file of a history")
    return path


def moment(seconds: float) -> str:
    """Return a time since the epoch as local date and time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def show(session: Session, lines: Sequence[str]) -> None:
    """Print lines, masked."""
    click.echo(printable(session.masker().mask_string("\n".join(lines))))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; cells are cut at 60 columns."""
    cells = [[_cut(one_line(cell)) for cell in row] for row in (headings, *rows)]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(padded, row, widths)).rstrip() for row in cells]


def _cut(cell: str) -> str:
    return shortened(cell, _WIDEST, "…")
