"""`runnerlib worker`."""

from __future__ import annotations

import click

from runnerlib.cli._options import setting_options
from runnerlib.cli._request import resolve_options
from runnerlib.config import parsers
from runnerlib.errors import ConfigError

_EXAMPLES = """\b
Examples:
  runnerlib worker keygen > fleet.key
  runnerlib worker --on nats://localhost:4222 --labels linux,gpu --slots 4 --fleet-key-file fleet.key
  runnerlib run --workflow-file pipeline.yaml --on nats://localhost:4222 --fleet-key-file fleet.key

\b
Exit codes:
  0    it was told to leave, and has finished its jobs
  2    a usage error
  78   a configuration error
  125  the fleet cannot be reached
"""


@click.group("worker", invoke_without_command=True, epilog=_EXAMPLES)
@setting_options(["fleet", "fleet_key_file", "fleet_store"])
@click.option(
    "--labels", default="", metavar="LABELS", help="Labels, separated by commas, that jobs ask for by runs_on."
)
@click.option("--slots", default="1", metavar="NUMBER", help="Number of jobs at a time. (default: 1)")
@click.option("--name", default="", metavar="NAME", help="Name of the worker. (default: that of the machine)")
@click.option("--dir", "directory", metavar="DIR", help="Directory for workspaces of jobs. (default: one in TMPDIR)")
@click.option(
    "--health", default="", metavar="ADDRESS", help="Answer /healthz, /readyz and /metrics there: PORT or HOST:PORT."
)
@click.option("--one-job", metavar="DIR", help="Run only the job in DIR, as `run --on kubernetes+…` gives it to a pod.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    config_file: str | None,
    labels: str,
    slots: str,
    name: str,
    directory: str | None,
    health: str,
    one_job: str | None,
    **options: str | None,
) -> int | None:
    """Run jobs of workflows that `runnerlib run --on` hands in, until a signal comes; then finish those that run.

    A second signal stops them, too. Labels for the system and the processor are added by themselves.
    """
    if ctx.invoked_subcommand is not None:
        return None
    config = resolve_options(config_file, options).config
    if not config.fleet or not config.fleet_key_file:
        missing = "--fleet-key-file" if config.fleet else "--on"
        raise click.UsageError(f"a worker needs {missing}", ctx)
    try:
        number = parsers.count(slots)
    except ValueError as error:
        raise ConfigError(f"--slots: got '{slots}', {error}") from None
    from runnerlib.runner.fleet.extra import require

    require()
    from runnerlib.runner.fleet.own_directory import own_directory
    from runnerlib.runner.fleet.worker import WorkerOptions, run_worker

    with own_directory(directory) as own:
        return run_worker(
            WorkerOptions(
                config.fleet,
                config.fleet_key_file,
                parsers.names(labels),
                number,
                name,
                str(own),
                health,
                config.fleet_store,
                one_job,
            )
        )


@command.command("keygen")
def keygen() -> None:
    """Print a new key of a fleet; keep it where only workers read it. A dispatcher needs the public line alone."""
    from runnerlib.runner.fleet.keys import new_key, written

    click.echo(written(new_key()), nl=False)
