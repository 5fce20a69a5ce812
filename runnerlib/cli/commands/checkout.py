"""`runnerlib checkout`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runnerlib.cli._options import setting_options
from runnerlib.cli._source import PREPARING, prepare
from runnerlib.source.registry import BUILT_IN

if TYPE_CHECKING:
    from runnerlib.cli._session import Session

_EXAMPLES = """\b
Examples:
  runnerlib checkout https://github.com/user/repo.git --ref v1.2
  runnerlib checkout git@github.com:user/repo.git --ref refs/pull/7/head --options depth=0
  runnerlib checkout --type tarball https://example.org/x.tar.gz --options strip=1
  runnerlib checkout --type svn https://svn.example.org/project/trunk --ref r1234
  runnerlib checkout --ci
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
    help=f"Type: {', '.join(name for name in BUILT_IN if name != 'none')}, or one that a plugin adds. [default: git]",
)
@click.option("--options", "more", metavar="NAME=VALUE,…", default="", help="Options of this type of source.")
@click.option("--ci", is_flag=True, help="Fetch the trusted CI source only; without URL, the one of the settings.")
@click.argument("url", required=False)
@click.pass_obj
def command(
    session: Session,
    /,
    config_file: str | None,
    url: str | None,
    ref: str,
    kind: str | None,
    more: str,
    ci: bool,
    **options: str | None,
) -> None:
    """Put the source URL into the code directory of the workspace, and print its path.

    What stood there before is replaced when the source is complete; when it cannot be prepared, with exit
    code 125, it is still there. Credentials are taken from the URL or from where `runnerlib run` finds them.
    With --ci, the trusted CI source is put into `/job/ci` of the workspace.
    """
    if url is None and not ci:
        raise click.UsageError("Missing argument 'URL'; only --ci takes a source from the settings")
    given = {"type": kind, "url": url, "ref": ref, "options": more}
    if url is None:
        given = {part: value for part, value in given.items() if value}
    elif kind is None:
        given["type"] = "git"
    prefix = "ci_source" if ci else "source"
    prepare(session, config_file, {**options, **{f"{prefix}_{part}": value for part, value in given.items()}}, ci=ci)
