"""`runnerlib fleet`: the state of a fleet as a whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from runnerlib.cli._commands import Group
from runnerlib.cli._options import setting_options
from runnerlib.cli._request import resolve_options
from runnerlib.errors import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnerlib.runner.fleet.jetstream.status import FleetState

_EXAMPLES = """\b
Examples:
  runnerlib fleet status --on nats://localhost:4222
  runnerlib fleet status --on nats://localhost:4222 --json

\b
Exit codes:
  0    done
  2    a usage error
  125  the fleet cannot be reached
"""


@click.group("fleet", cls=Group, epilog=_EXAMPLES)
def command() -> None:
    """Show the state of a fleet."""


@command.command("status")
@setting_options(["fleet"])
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(ctx: click.Context, /, config_file: str | None, *, as_json: bool, **options: str | None) -> None:
    """Show workers with their slots, jobs that run and leases lost; and queues, with the longest time of waiting."""
    config = resolve_options(config_file, options).config
    if not config.fleet:
        raise click.UsageError("the fleet is missing: give --on", ctx)
    from runnerlib.runner.fleet.extra import require

    require()
    from runnerlib.runner.fleet.engines import server_of
    from runnerlib.runner.fleet.jetstream.status import state_of

    state = asyncio.run(state_of(server_of(config.fleet)))
    click.echo(_json(state) if as_json else "\n".join(_lines(state)))


def _json(state: FleetState) -> str:
    import json

    workers = [{**facts._asdict(), **(live._asdict() if live else {"ready": None})} for facts, live in state.workers]
    queues = [{**one.queue._asdict(), **one._asdict()} for one in state.queues]
    for queue in queues:
        del queue["queue"]
    return json.dumps({"workers": workers, "queues": queues})


def _lines(state: FleetState) -> Sequence[str]:
    """Return the state as lines for people, with a heading for each of its two tables."""
    rows = [("worker", "state", "slots", "lost", "version", "labels")]
    for facts, live in state.workers:
        busy = f"{live.running}/{facts.slots}" if live else f"?/{facts.slots}"
        word = "no answer" if live is None else "ready" if live.ready else "leaving" if live.leaving else "not ready"
        lost = str(live.lost) if live else "?"
        rows.append((facts.name, word, busy, lost, facts.version, ",".join(facts.labels)))
    queues = [("queue", "priority", "waiting", "running", "oldest", "version")]
    for one in state.queues:
        labels = ",".join(one.queue.labels) or "(no label)"
        numbers = (str(one.queue.priority), str(one.waiting), str(one.running), f"{one.oldest:.0f} s")
        queues.append((labels, *numbers, one.queue.version))
    return [*_table(rows), "", *_table(queues)]


def _table(rows: Sequence[Sequence[str]]) -> Sequence[str]:
    rows = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
