"""`runnerlib register-secret`."""

from __future__ import annotations

import click

from runnerlib.secrets.register import USAGE, main


class _Plain(click.Command):
    """A command that does not parse its arguments: an error of click would show them, secrets included."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Pass all arguments on unchanged."""
        ctx.params["words"] = tuple(args)
        return []

    def get_help(self, ctx: click.Context) -> str:  # noqa: ARG002 - click's signature
        """Return the usage text of the client."""
        return USAGE.rstrip()


@click.command("register-secret", cls=_Plain)
def command(words: tuple[str, ...]) -> int:
    """Hide a secret in the output of this job from now on."""
    return main(words)
