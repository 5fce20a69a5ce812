"""Classes of commands: groups of them, and those that take the words of another one after `--`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from runnerlib.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Group(click.Group):
    """Commands below one name; without a subcommand, the help is shown, and it is a usage error."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments.

        Without any, unless a shell completes, show the help on stderr, because stdout may be read as a result.
        """
        if args or ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        if ctx.obj.structured:
            raise click.UsageError(f"a command is missing ({', '.join(self.list_commands(ctx))})", ctx)
        click.echo(ctx.get_help(), err=True)
        raise click.exceptions.Exit(click.UsageError.exit_code)


_FILES = (".yaml", ".yml", ".json")


class CommandWithWords(click.Command):
    """A command that takes all arguments after the first `--` as the parameter `words`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; the command gets those after `--` unchanged."""
        cut = self._separator(args)
        rest = super().parse_args(ctx, args[:cut])
        ctx.params["words"] = tuple(args[cut + 1 :])
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the parts of the usage line."""
        return [*filter(None, super().collect_usage_pieces(ctx)), "[-- WORDS...]"]

    def _separator(self, args: list[str]) -> int:
        """Return the index of the first `--` that is no value of an option; `len(args)` without one."""
        options = [param for param in self.params if isinstance(param, click.Option) and not param.is_flag]
        # An option with a `flag_value` takes no value that begins with a dash.
        takes_value = {name for one in options for name in one.opts if not isinstance(one.flag_value, str)}
        marks = (i for i, word in enumerate(args) if word == "--" and (i == 0 or args[i - 1] not in takes_value))
        return next(marks, len(args))


class GroupedCommand(CommandWithWords):
    """A command with words, whose help shows its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those most used first."""
        for heading, rows in self.grouped_options(ctx):
            with formatter.section(heading):
                formatter.write_dl(rows)

    def grouped_options(self, ctx: click.Context) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """Yield the headings, each with the spellings and texts of its options."""
        from runnerlib.cli._grouped_help import GROUPS, OTHER  # only the help needs them

        records = {param.name or "": record for param in self.get_params(ctx) if (record := param.get_help_record(ctx))}
        grouped = {name for names in GROUPS.values() for name in names}
        groups = {**GROUPS, OTHER: [name for name in records if name not in grouped]}
        for heading, names in groups.items():
            rows = [records[name] for name in names if name in records]
            if rows:
                yield heading, rows


def refuse(stray: tuple[str, ...], ctx: click.Context) -> None:
    """Raise UsageError for words before `--`, with a suggestion."""
    if not stray:
        return
    import shlex

    first = stray[0]
    is_file = first.endswith(_FILES) or (os.path.isfile(first) and not os.access(first, os.X_OK))
    meant = f"{_option_for(first)} {first}" if is_file else f"-- {shlex.join(stray)}"
    raise click.UsageError(f"unexpected '{first}': the words of a command stand after '--'; did you mean {meant}?", ctx)


def _option_for(path: str) -> str:
    """Return the option for the file at `path`; `--job-file` when its kind cannot be determined."""
    from runnerlib.cli._check_files import kind_of_file

    try:
        kind = kind_of_file(path)
    except ConfigError:
        kind = ""
    return {"workflow": "--workflow-file", "configuration": "--config"}.get(kind, "--job-file")
