"""`runnerlib checkout`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runnerlib.cli.options import setting_options
from runnerlib.cli.preparing import PREPARING, prepare

if TYPE_CHECKING:
    from runnerlib.cli.session import Session

_EXAMPLES = """\b
Examples:
  runnerlib checkout https://github.com/user/repo.git --ref v1.2
  runnerlib checkout git@github.com:user/repo.git --ref refs/pull/7/head --options depth=0
  runnerlib checkout --type tarball https://example.org/x.tar.gz --options strip=1
  runnerlib checkout --type svn https://svn.example.org/project/trunk --ref r1234
  cd "$(runnerlib checkout --type hg https://hg.example.org/project)"
"""


@click.command("checkout", epilog=_EXAMPLES)
@setting_options(PREPARING)
@click.option(
    "--ref", "-r", metavar="REF", default="", help="Branch, tag, commit, refs/… or revision (default: the URL's own)."
)
@click.option(
    "--type",
    "kind",
    metavar="TYPE",
    default="git",
    show_default=True,
    help="git, copy, tarball, hg, svn, or what a plugin adds.",
)
@click.option(
    "--options", "more", metavar="NAME=VALUE,…", default="", help="What only this type of source understands."
)
@click.argument("url")
@click.pass_obj
def command(
    session: Session, /, config_file: str | None, url: str, ref: str, kind: str, more: str, **options: str | None
) -> None:
    """Put the source URL into the code directory of the workspace, and print where that is.

    What stood there before is replaced when the source is complete; when it cannot be prepared, with exit
    code 125, it is still there. Credentials are taken from the URL or from where `runnerlib run` finds them.
    """
    named = {"source_type": kind, "source_url": url, "source_ref": ref, "source_options": more}
    prepare(session, config_file, {**options, **named})
