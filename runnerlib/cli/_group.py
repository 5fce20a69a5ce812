"""A command that only groups other commands."""

from __future__ import annotations

import click


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
