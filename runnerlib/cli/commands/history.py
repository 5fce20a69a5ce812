"""`runnerlib history`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runnerlib.cli._history import SETTINGS, moment, runs_of, show, table
from runnerlib.cli._options import setting_options
from runnerlib.errors import ConfigError, unknown
from runnerlib.output.history.estimate import median
from runnerlib.output.history.file import short
from runnerlib.output.messages import duration, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnerlib.cli._session import Session
    from runnerlib.output.history.file import Entry, Run

_EXAMPLES = """\b
Examples:
  runnerlib history
  runnerlib history test
  runnerlib history --job ci --limit 100 --json
"""
_COMMIT = 10


@click.command("history", epilog=_EXAMPLES)
@setting_options(SETTINGS)
@click.option("--job", metavar="NAME", help="Show only runs of this job or workflow.")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="Show so many runs, the last ones."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("step", required=False)
@click.pass_obj
def command(
    session: Session,
    /,
    config_file: str | None,
    job: str | None,
    limit: int,
    as_json: bool,
    step: str | None,
    **options: str | None,
) -> None:
    """Show earlier runs of this project, or of STEP: how they ended, and how long they took.

    STEP is a step, a job of a workflow, or a step of one as job/step. Runs of a project are kept in
    .runnerlib/history.db, others where --history names a file.
    """
    runs = runs_of(config_file, options, job)
    if step is not None:
        _of_step(session, runs, step, limit, as_json=as_json)
        return
    shown = runs[-limit:]
    if as_json:
        _print_json(session, [{**run._asdict(), "entries": [one._asdict() for one in run.entries]} for run in shown])
    elif not shown:
        show(session, ["no run is in the history yet"])
    else:
        rows = [
            (moment(run.started), _ending(run), duration(run.ended - run.started), run.name, *_extra(run))
            for run in shown
        ]
        show(session, table(("started", "outcome", "time", "job", "failed", "commit"), rows))


def _ending(run: Run) -> str:
    return "success" if run.exit_code == 0 else f"exit code {run.exit_code}"


def _extra(run: Run) -> tuple[str, str]:
    failed = [one.name for one in run.entries if one.outcome == "failure" and one.kind == "step"]
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    return (failed[0] + more if failed else ""), run.revision[:_COMMIT]


def _of_step(session: Session, runs: Sequence[Run], step: str, limit: int, *, as_json: bool) -> None:
    name = short(step)
    found = [(run, entry) for run in runs for entry in run.entries if entry.name == name]
    if not found:
        raise ConfigError(unknown("step", step, sorted({entry.name for run in runs for entry in run.entries})))
    shown = found[-limit:]
    if as_json:
        _print_json(session, [{"run": run.started, "commit": run.revision, **one._asdict()} for run, one in shown])
        return
    rows = [_row(run, one) for run, one in shown]
    lines = table(("started", "outcome", "time", "attempts", "CPU", "max RSS", "commit"), rows)
    times = sorted(one.seconds for _run, one in found if one.outcome == "success")
    if times:
        figures = f"median {duration(median(times))}, fastest {duration(times[0])}, slowest {duration(times[-1])}"
        lines += ["", f"{len(times)} of {len(found)} succeeded: {figures}"]
    show(session, lines)


def _row(run: Run, one: Entry) -> tuple[str, ...]:
    figures = duration(one.cpu) if one.cpu is not None else "", size(one.rss) if one.rss else ""
    took = duration(one.seconds) if one.attempts else ""
    ran = str(one.attempts) if one.attempts else ""
    return moment(one.started or run.started), one.outcome, took, ran, *figures, run.revision[:_COMMIT]


def _print_json(session: Session, value: object) -> None:
    import json

    click.echo(session.masker().mask_string(json.dumps(value, indent=2)))
