"""`runnerlib run --pick`: a numbered list of steps or jobs, and the choice of some of them on the terminal."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import click

from runnerlib._util.system import own_terminal_size
from runnerlib.cli._project import Entry, describe
from runnerlib.errors import ConfigError, flattened, one_line, printable, unknown
from runnerlib.output.text.columns import columns, hanging
from runnerlib.runner.journal import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runnerlib.runner.request import RunRequest

_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
_WIDEST_NAME = 30
_QUESTION = "Which ones? Numbers, ranges as 2-4, or names; none ends"


def pick(request: RunRequest, mask: Callable[[str], str]) -> RunRequest:
    """Let the user choose steps or jobs, and return the request for these only; without a selection when none is.

    Raises ConfigError without a terminal, and where there is nothing to choose from.
    """
    if not (os.isatty(0) and os.isatty(2)):
        raise ConfigError("--pick asks on a terminal, and stdin or stderr is none; --only NAME chooses without asking")
    entries = _entries(request)
    width = own_terminal_size(2).columns
    for line in _listed(entries, width):
        click.echo(printable(mask(line)), err=True)
    chosen = _asked(entries, mask)
    for line in _missing(entries, chosen):
        click.echo(printable(mask(line)), err=True)
    selection = (request.selection or Selection())._replace(only=tuple(chosen))
    return request._replace(selection=selection if chosen else None)


def _entries(request: RunRequest) -> tuple[Entry, ...]:
    config = request.resolved.config
    if request.job is not None and request.awaited is None:
        needs = request.job.dependencies()
        return tuple(Entry(step.name, step.description, tuple(needs[step.name])) for step in request.job.steps)
    if config.workflow_file is not None and os.path.exists(config.workflow_file):
        return describe(config.workflow_file, "workflow").entries
    raise ConfigError("--pick chooses steps of a job file or jobs of a workflow, and there is none yet")


def _listed(entries: Sequence[Entry], width: int) -> Iterator[str]:
    names = [one_line(entry.name) for entry in entries]
    room = min(max(map(columns, names)), _WIDEST_NAME)
    for number, (name, entry) in enumerate(zip(names, entries, strict=True), 1):
        needed = f"(needs {', '.join(entry.needs)})" if entry.needs else ""
        detail = flattened(" ".join(filter(None, (entry.description, needed))))
        before = f"{number:>4}  {name}{' ' * (room - columns(name))}  "
        yield from hanging(detail, max(width, 2 * len(before)), before) if detail else (before.rstrip(),)


def _asked(entries: Sequence[Entry], mask: Callable[[str], str]) -> list[str]:
    """Ask until the answer is understood; return the names in the order of the list."""
    while True:
        try:
            answer = click.prompt(_QUESTION, default="", show_default=False, err=True)
        except click.Abort:
            return []
        try:
            return chosen_names([entry.name for entry in entries], answer)
        except ConfigError as error:
            click.echo(printable(mask(f"{error}")), err=True)


def chosen_names(names: Sequence[str], answer: str) -> list[str]:
    """Return the names that an answer means: numbers from 1, ranges as `2-4` and names, by blanks or commas.

    A name with a blank or a comma is chosen by its number. Raises ConfigError for what means none.
    """
    if answer.strip() in names:
        return [answer.strip()]
    found: set[str] = set()
    for word in answer.replace(",", " ").split():
        found.update(_meant(names, word))
    return [name for name in names if name in found]


def _meant(names: Sequence[str], word: str) -> Sequence[str]:
    if word in names:
        return (word,)
    limits = _RANGE.fullmatch(word)
    first, last = (
        (int(limits[1]), int(limits[2])) if limits else (int(word) if word.isascii() and word.isdigit() else 0,) * 2
    )
    if 0 < first <= last <= len(names):
        return names[first - 1 : last]
    if limits or word.isdigit():
        raise ConfigError(f"'{word}' is no number of the list, which are from 1 to {len(names)}")
    raise ConfigError(unknown("name", word[:100], names))


def _missing(entries: Sequence[Entry], chosen: Sequence[str]) -> Iterator[str]:
    """Yield a line for each chosen one that needs others, which are not run."""
    for entry in entries:
        lacking = [name for name in entry.needs if name not in chosen] if entry.name in chosen else []
        if lacking:
            yield f"'{entry.name}' needs {', '.join(lacking)}: what the last run left of it counts"
