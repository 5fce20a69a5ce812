"""`runnerlib mask`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runnerlib.artifact import count_secrets, mask_file, quarantine, regular_files
from runnerlib.cli.options import setting_options
from runnerlib.cli.planning import current_directory, resolve_options
from runnerlib.output import Output
from runnerlib.plan import masker_of

if TYPE_CHECKING:
    from runnerlib.cli.session import Session
    from runnerlib.masking import SecretMasker

_SETTINGS = (
    "secrets_file",
    "secret_values_list",
    "secret_env_names",
    "secret_env_patterns",
    "secret_min_length",
    "secret_env_min_length",
    "mask_marker",
    "secrets_list",
)
_EPILOG = """\b
Examples:
  make 2>&1 | runnerlib mask --secrets-file secrets.env
  runnerlib mask --secret-env-names DEPLOY_TOKEN --check dist/ report.xml
  runnerlib mask --secrets-file secrets.env --check --policy mask build.log
"""


@click.command("mask", epilog=_EPILOG)
@setting_options(_SETTINGS)
@click.option("--check", is_flag=True, help="Look for secrets in PATHS instead of masking stdin.")
@click.option(
    "--policy",
    type=click.Choice(["fail", "mask", "quarantine"]),
    default="fail",
    show_default=True,
    help="With --check, for a file with a secret: exit with 1, mask it in place, or move it away.",
)
@click.option(
    "--quarantine-dir", type=click.Path(path_type=Path), default=Path("quarantine"), show_default=True, metavar="DIR",
    help="Where --policy quarantine moves files.",
)  # fmt: skip
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.pass_obj
def command(
    session: Session,
    /,
    config_file: str | None,
    check: bool,
    policy: str,
    quarantine_dir: Path,
    paths: tuple[Path, ...],
    **options: str,
) -> int:
    """Copy stdin to stdout with every secret masked, as it arrives; or check files for secrets.

    Secrets come from the same settings as for `runnerlib run`. Archives are not unpacked.
    """
    if check != bool(paths):
        raise click.UsageError("--check needs PATHS, and PATHS need --check")
    resolved = resolve_options(config_file, options)
    session.planned = masker_of(resolved, os.environ, current_directory())
    if not check:
        _filter(session.planned)
        return 0
    found = [_treat(path, session.planned, policy, quarantine_dir) for path in regular_files(paths)]
    return 1 if policy == "fail" and any(found) else 0


def _filter(masker: SecretMasker) -> None:
    stream = masker.stream()
    output = Output(1)
    while data := os.read(0, 1 << 16):
        output.write(stream.feed(data))
    output.write(stream.flush())


def _treat(path: Path, masker: SecretMasker, policy: str, quarantine_dir: Path) -> bool:
    marks = count_secrets(path, masker)
    if not marks:
        return False
    done = ""
    if policy == "mask":
        mask_file(path, masker)
        done = ", masked"
    elif policy == "quarantine":
        done = f", moved to {quarantine(path, quarantine_dir)}"
    line = f"{path}: {marks} secret{'s' * (marks > 1)}{done}\n"
    click.echo(masker.mask(line.encode("utf-8", "surrogateescape")), nl=False)
    return True
