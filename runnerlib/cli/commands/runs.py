"""`runnerlib runs`: the runs of a fleet, for those who have left them or never dispatched them."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import click

from runnerlib.cli._commands import Group
from runnerlib.cli._options import setting_options
from runnerlib.cli._request import resolve_options
from runnerlib.config import parsers
from runnerlib.errors import ConfigError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from runnerlib.cli._session import Session
    from runnerlib.config import RunnerConfig
    from runnerlib.runner.fleet.jetstream.runs import FoundRun, JetStreamRuns
    from runnerlib.runner.fleet.run_record import RunRecord

_EXAMPLES = """\b
Examples:
  runnerlib runs list --on nats://localhost:4222
  runnerlib runs attach 3f2a91c07be4d815
  runnerlib runs logs 3f2a91c07be4d815 --follow --on nats://localhost:4222
  runnerlib runs cancel 3f2a91c07be4d815 --on nats://localhost:4222

\b
Exit codes:
  0    done; of attach, that of the run
  2    a usage error
  78   a configuration error, as a run that is not known
  125  the fleet cannot be reached
"""
_STATE = ("fleet", "state_dir")


def _named(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    try:
        return parsers.plain_name(value)
    except ValueError as error:
        raise ConfigError(f"RUN: got '{value}', {error}") from None


_RUN = click.argument("run", callback=_named)


@click.group("runs", cls=Group, epilog=_EXAMPLES)
def command() -> None:
    """List the runs of a fleet, come back to them, read their output, cancel them."""


@command.command("list")
@setting_options(_STATE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_runs(config_file: str | None, *, as_json: bool, **options: str | None) -> None:
    """List the runs that the fleet knows, the oldest first; `lost` is one whose dispatcher is gone."""
    config = _config(config_file, options)
    from runnerlib.runner.fleet.run_record import all_records

    names = {record.run: record.workflow for record in all_records(config.state_dir, os.environ)}
    found: list[FoundRun] = []

    async def look(runs: JetStreamRuns) -> None:
        found.extend(await runs.all())

    _with_runs(config, look)
    if as_json:
        import json

        rows = [{**one.entry._asdict(), "state": _state(one), "workflow": names.get(one.entry.run)} for one in found]
        click.echo(json.dumps(rows))
        return
    for one in found:
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.entry.started))
        click.echo(
            printable(f"{one.entry.run:<16}  {_state(one):<9}  {started}  {names.get(one.entry.run, '')}").rstrip()
        )


@command.command("attach")
@setting_options(["state_dir"])
@_RUN
@click.pass_obj
def attach(session: Session, /, config_file: str | None, run: str, **options: str | None) -> int:
    """Dispatch RUN again, with the command that began it: show its output from the start, go on where it is.

    Nothing runs twice. The environment is that of this command.
    """
    from runnerlib.runner.fleet.run_record import record_of

    record = record_of(run, resolve_options(config_file, options).config.state_dir, os.environ)
    if record.ended:
        raise ConfigError(f"run '{run}' has ended; its logs are in '{record.workspace}'")
    if record.words is None or "run" not in record.words:
        text = f"the command of run '{run}' is not written down, since it may have a secret in it"
        raise ConfigError(f"{text}; give it again, with --run-id {run}")
    from runnerlib.cli import cli

    try:
        os.chdir(record.directory)
    except OSError as error:
        raise ConfigError(f"run '{run}' was begun in '{record.directory}': {error.strerror}") from None
    at = record.words.index("run") + 1
    words = [*record.words[:at], *_given_again(record, run), *record.words[at:]]
    session.args = words
    returned: int | None = cli.main(words, prog_name="runnerlib", obj=session, standalone_mode=False)
    return returned or 0


def _given_again(record: RunRecord, run: str) -> list[str]:
    """Return the options that name the run, unless its command has them."""
    words = record.words or ()
    return [] if any(word.partition("=")[0] == "--run-id" for word in words) else ["--run-id", run]


@command.command("cancel")
@setting_options(["fleet"])
@_RUN
def cancel(config_file: str | None, run: str, **options: str | None) -> None:
    """Cancel RUN, with or without a dispatcher: no further job begins, those that run are stopped."""
    config = _config(config_file, options)
    found: list[FoundRun] = []

    async def end(runs: JetStreamRuns) -> None:
        found.append(await runs.cancel(run))

    _with_runs(config, end)
    before = found[0].entry.state
    click.echo(f"run '{run}' {'is cancelled' if before == 'running' else f'was {before} before'}")


@command.command("logs")
@setting_options(_STATE)
@click.option("--follow", is_flag=True, help="Go on until the run has ended.")
@_RUN
def logs(config_file: str | None, run: str, *, follow: bool, **options: str | None) -> None:
    """Print the output of the jobs of RUN, which this user has begun, without dispatching it."""
    config = _config(config_file, options)
    from runnerlib.runner.fleet.log_view import LogView
    from runnerlib.runner.fleet.run_record import record_of

    record = record_of(run, config.state_dir, os.environ)
    if record.ended:
        raise ConfigError(f"run '{run}' has ended; its logs are in '{record.workspace}'")
    view = LogView(record, click.echo)

    async def show(runs: JetStreamRuns) -> None:
        await runs.one(run)
        async for frame in runs.frames(run, follow=follow):
            view.take(frame)

    _with_runs(config, show)


def _state(found: FoundRun) -> str:
    """Return the state of a run in one word."""
    if found.entry.state != "running" or found.lives:
        return found.entry.state
    return "detached" if found.entry.detached else "lost"


def _config(config_file: str | None, options: dict[str, str | None]) -> RunnerConfig:
    config = resolve_options(config_file, options).config
    if not config.fleet:
        raise click.UsageError("the fleet of the runs is missing: give --on", click.get_current_context())
    from runnerlib.runner.fleet.extra import require

    require()
    return config


def _with_runs(config: RunnerConfig, do: Callable[[JetStreamRuns], Coroutine[Any, Any, None]]) -> None:
    from runnerlib.runner.fleet.engines import server_of
    from runnerlib.runner.fleet.jetstream.runs import looking

    async def look() -> None:
        async with looking(server_of(config.fleet or ""), "runnerlib runs") as runs:
            await do(runs)

    asyncio.run(look())
