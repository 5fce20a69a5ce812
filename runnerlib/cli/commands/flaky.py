"""`runnerlib flaky`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runnerlib.cli._history import SETTINGS, moment, runs_of, show, table
from runnerlib.cli._options import setting_options
from runnerlib.output.history.flaky import flaky

if TYPE_CHECKING:
    from runnerlib.cli._session import Session
    from runnerlib.output.history.flaky import Flaky

_EXAMPLES = """\b
Examples:
  runnerlib flaky
  runnerlib flaky --job ci --json
"""


@click.command("flaky", epilog=_EXAMPLES)
@setting_options(SETTINGS)
@click.option("--job", metavar="NAME", help="Look only at runs of this job or workflow.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    session: Session, /, config_file: str | None, job: str | None, as_json: bool, **options: str | None
) -> None:
    """List steps, jobs and tests of earlier runs that fail and succeed on the same code.

    Those are steps of which an attempt failed and a later one succeeded, and what failed in one run and succeeded in
    another of the same commit. The commit is known where a run has prepared its source.
    """
    found = flaky(runs_of(config_file, options, job))
    if as_json:
        import json

        rows = [{**one._asdict(), "rate": round(one.rate, 4)} for one in found]
        click.echo(session.masker().mask_string(json.dumps(rows, indent=2)))
    elif not found:
        show(session, ["nothing is flaky in the runs of the history"])
    else:
        headings = ("", "name", "runs", "by retry", "by commit", "rate", "last")
        show(session, table(headings, [_row(one) for one in found]))


def _row(one: Flaky) -> tuple[str, ...]:
    return one.kind, one.name, str(one.runs), str(one.retried), str(one.revisions), f"{one.rate:.0%}", moment(one.last)
