"""`runnerlib doctor`."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

import click

from runnerlib.cli._doctor import kernel, programs
from runnerlib.output.capabilities import TerminalCapabilities, look
from runnerlib.output.text.outcomes import FAILED, PASSED, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runnerlib.cli._doctor import Finding

_EPILOG = """\b
Examples:
  runnerlib doctor
  runnerlib doctor --json | jq '.findings[] | select(.state != "ok")'

\b
Exit codes:
  0    the runner can work here; what is limited or missing costs what is said
  1    something is missing that the runner cannot do without
"""
_GROUPS = ("runtime", "processes", "isolation", "masking", "sources", "containers")
_MARKS = {"ok": (PASSED.mark, PASSED.sgr), "limited": ("!", WARNING), "missing": (FAILED.mark, FAILED.sgr)}
_NARROWEST = 30


@click.command("doctor", epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(as_json: bool) -> int:
    """Tell what this machine can do for jobs, what that is good for, and what its absence costs.

    The kernel is asked, not its version: a profile of a container may refuse what the version has. Nothing is changed.
    """
    found = sorted((*kernel.findings(), *programs.findings()), key=lambda one: _GROUPS.index(one.group))
    if as_json:
        report = {"usable": not any(one.fatal for one in found), "findings": [one._asdict() for one in found]}
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        seen = look(os.environ, sys.stdout.isatty(), sys.stdout.encoding)
        click.echo("\n".join(_lines(found, seen)))
    return int(any(one.fatal for one in found))


def _lines(found: Sequence[Finding], seen: TerminalCapabilities) -> Iterator[str]:
    names = max(len(one.name) for one in found) + 2
    for group, ones in groupby(found, key=lambda one: one.group):
        yield group
        for one in ones:
            mark, colour = _MARKS[one.state]
            head, *rest = _wrapped(one.found, names + 2, seen)
            yield f"{seen.paint(seen.plain(mark), colour)} {one.name:{names}}{head[names + 2 :]}"
            yield from rest
            yield from _labelled("for", one.use, seen)
            yield from _labelled("without", one.without, seen)
        yield ""
    yield from _wrapped(_verdict(found), 0, seen)


def _labelled(label: str, text: str, seen: TerminalCapabilities) -> Iterator[str]:
    first, *rest = _wrapped(text, 11, seen)
    yield f"  {label:9}{first[11:]}"
    yield from rest


def _wrapped(text: str, indent: int, seen: TerminalCapabilities) -> list[str]:
    """Return the lines of a text, each with `indent` blanks in front; one line where nothing limits its length."""
    width = max(seen.width() - 1, _NARROWEST) if seen.width() else sys.maxsize
    blanks = " " * indent
    return textwrap.wrap(text, width, initial_indent=blanks, subsequent_indent=blanks) or [blanks]


def _verdict(found: Sequence[Finding]) -> str:
    fatal = [one.name for one in found if one.fatal]
    if fatal:
        return f"the runner cannot work here without: {', '.join(fatal)}"
    states = [one.state for one in found]
    return f"the runner can work here; {states.count('limited')} limited, {states.count('missing')} missing"
