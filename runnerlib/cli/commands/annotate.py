"""`runnerlib annotate`."""

from __future__ import annotations

import json
import os

import click

from runnerlib.engine.step_outputs import ANNOTATIONS
from runnerlib.errors import RunnerError
from runnerlib.events.findings import LEVELS

_EPILOG = """\b
Examples:
  runnerlib annotate --file src/a.c --line 3 "the buffer is too small"
  runnerlib annotate --level warning --title coverage "74 % of the lines, 80 % are wanted"
"""


@click.command("annotate", epilog=_EPILOG)
@click.option("--level", type=click.Choice(LEVELS), default="error", show_default=True, help="How bad it is.")
@click.option("--file", "path", metavar="PATH", default="", help="File that it is about, from the step's directory.")
@click.option("--line", type=click.IntRange(1), metavar="N", help="Line of the file, from 1.")
@click.option("--column", type=click.IntRange(1), metavar="N", help="Column of the line, from 1.")
@click.option("--title", metavar="TEXT", default="", help="Name of a test or rule.")
@click.argument("text")
def command(level: str, path: str, line: int | None, column: int | None, title: str, text: str) -> int:
    """Tell of something found in the source, from a step of a job.

    It is shown when the step has ended: in the summary, the report, events, and where the CI service shows annotations
    of files. It changes nothing about how the step ends.
    """
    file = os.environ.get(ANNOTATIONS)
    if not file:
        raise RunnerError(f"no runner listens: {ANNOTATIONS} is not set, as it is in the steps of a job")
    if line is None and column is not None:
        raise click.UsageError("--column needs --line")
    if line is not None and not path:
        raise click.UsageError("--line needs --file")
    said = {"level": level, "text": text, "path": path, "line": line, "column": column, "title": title}
    told = json.dumps({key: value for key, value in said.items() if value}) + "\n"
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, told.encode("utf-8", "surrogateescape"))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RunnerError(f"the annotation cannot be written: {error.strerror}") from None
    return 0
