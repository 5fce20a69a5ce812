"""`runnerlib completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
_EXAMPLES = """\b
Examples:
  source <(runnerlib completion bash)                  # in ~/.bashrc
  source <(runnerlib completion zsh)                   # in ~/.zshrc, after compinit
  runnerlib completion fish > ~/.config/fish/completions/runnerlib.fish
"""


@click.command("completion", epilog=_EXAMPLES)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, /, shell: str) -> None:
    """Print the code by which a shell completes commands, options and their values."""
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows these three
    click.echo(found(ctx.find_root().command, {}, "runnerlib", "_RUNNERLIB_COMPLETE").source())
