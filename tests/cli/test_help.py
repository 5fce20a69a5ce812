"""Help in groups: nothing is left out, and what is needed first comes first."""

from __future__ import annotations

import click

from runnerlib.cli import COMMANDS, GROUPS, cli
from runnerlib.cli import _grouped_help as grouped
from runnerlib.cli.commands.run import command as run


def test_every_command_is_in_one_group() -> None:
    listed = [name for names in GROUPS.values() for name in names]
    assert sorted(listed) == sorted(COMMANDS)
    help_text = cli.get_help(click.Context(cli, info_name="runnerlib"))
    assert all(heading in help_text for heading in GROUPS)


def test_every_option_of_run_is_in_one_group() -> None:
    listed = [name for names in grouped.GROUPS.values() for name in names]
    options = {param.name for param in run.params if isinstance(param, click.Option)}
    assert len(listed) == len(set(listed))
    assert set(listed) == options
    assert len(grouped.GROUPS[grouped.FIRST]) == 7


def test_the_help_shows_each_option_once_in_the_order_of_the_groups() -> None:
    shown = run.get_help(click.Context(run, info_name="run"))
    places = [shown.index(f"\n{heading}:") for heading in (*grouped.GROUPS, grouped.OTHER)]
    assert places == sorted(places)
    for param in run.params:
        if isinstance(param, click.Option):
            assert shown.count(f"\n  {param.opts[0]} ") + shown.count(f"\n  {param.opts[0]}\n") == 1, param.opts
