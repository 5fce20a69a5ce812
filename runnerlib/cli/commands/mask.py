"""`runnerlib mask`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runnerlib.cli._options import setting_options
from runnerlib.cli._request import current_directory, resolve_options, warn_of_misspelt
from runnerlib.errors import RunnerError
from runnerlib.masking.files import find_secrets, mask_file, quarantine, regular_files
from runnerlib.masking.report import document, total
from runnerlib.output.nonblocking_writer import Output
from runnerlib.runner.plan import early_services
from runnerlib.runner.request import RunRequest

if TYPE_CHECKING:
    from runnerlib.cli._session import Session
    from runnerlib.masking import SecretMasker
    from runnerlib.masking.report import MaskReport

_SETTINGS = (
    "profile",
    "secrets_file",
    "secret_values_list",
    "secret_env_names",
    "secret_env_patterns",
    "secret_min_length",
    "secret_env_min_length",
    "secret_shapes",
    "mask_members",
    "mask_marker",
    "secrets_list",
)
_EPILOG = """\b
Examples:
  make 2>&1 | runnerlib mask --secrets-file secrets.env
  runnerlib mask --secret-env-names DEPLOY_TOKEN --check dist/ report.xml
  runnerlib mask --secrets-file secrets.env --check --policy mask build.log
  make 2>&1 | runnerlib mask --secrets-file secrets.env --report masked.json
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
    help="Directory that --policy quarantine moves files to.",
)  # fmt: skip
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="FILE",
    help="Write a report as JSON to FILE (- is stderr): how often each secret was masked, never its value.",
)  # fmt: skip
@click.option("--shapes", is_flag=True, help="The same as --secret-shapes all.")
@click.option("--summary", is_flag=True, help="Print to stderr, in one line, how often each secret was masked.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.pass_obj
def command(
    session: Session,
    /,
    config_file: str | None,
    check: bool,
    policy: str,
    quarantine_dir: Path,
    report: Path | None,
    shapes: bool,
    summary: bool,
    paths: tuple[Path, ...],
    **options: str,
) -> int:
    """Copy stdin to stdout with every secret masked, as it arrives; or check files for secrets.

    Secrets come from the same settings as for `runnerlib run`. Archives are not unpacked.
    """
    if check != bool(paths):
        raise click.UsageError("--check needs PATHS, and PATHS need --check")
    resolved = resolve_options(config_file, {**options, "secret_shapes": "all"} if shapes else options)
    session.services = early_services(RunRequest(resolved, (), os.environ, current_directory()))
    masker = session.services.masker
    warn_of_misspelt(session)
    if check:
        reports = [(str(path), _treat(path, masker, policy, quarantine_dir)) for path in regular_files(paths)]
    else:
        reports = [("stdin", _filter(masker))]
    _tell(reports, masker, report, summary=summary)
    return 1 if check and policy == "fail" and any(found.marks for _, found in reports) else 0


def _filter(masker: SecretMasker) -> MaskReport:
    stream = masker.stream()
    output = Output(1)
    while data := os.read(0, 1 << 16):
        output.write(stream.feed(data))
    output.write(stream.flush())
    return stream.report()


def _tell(reports: list[tuple[str, MaskReport]], masker: SecretMasker, file: Path | None, *, summary: bool) -> None:
    if summary:
        click.echo(masker.mask_string(total(found for _, found in reports).summary()), err=True)
    if file is None:
        return
    import json

    text = json.dumps(document((masker.mask_string(name), found) for name, found in reports), indent=1) + "\n"
    if str(file) == "-":
        click.echo(text, nl=False, err=True)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunnerError(f"cannot write '{file}': {error.strerror}") from None


def _treat(path: Path, masker: SecretMasker, policy: str, quarantine_dir: Path) -> MaskReport:
    found = find_secrets(path, masker)
    if not found.marks:
        return found
    done = ""
    if policy == "mask":
        mask_file(path, masker)
        done = ", masked"
    elif policy == "quarantine":
        done = f", moved to {quarantine(path, quarantine_dir)}"
    line = f"{path}: {found.marks} secret{'s' * (found.marks > 1)}{done}\n"
    click.echo(masker.mask(line.encode("utf-8", "surrogateescape")), nl=False)
    return found
