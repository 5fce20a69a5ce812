"""`runnerlib mask`."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runnerlib.cli._options import setting_options
from runnerlib.cli._request import current_directory, resolve_options, warn_of_misspelt
from runnerlib.errors import RunnerError, printable
from runnerlib.masking.files import find_secrets, mask_file, quarantine, regular_files
from runnerlib.masking.report import document, total
from runnerlib.output.streams import Output
from runnerlib.runner.request import RunRequest
from runnerlib.runner.services import early_services

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_STDIN = "-"
_EPILOG = """\b
Examples:
  make 2>&1 | runnerlib mask --secrets-file secrets.env
  runnerlib mask --secrets-file secrets.env build.log > shared.log
  runnerlib mask --secret-env-names DEPLOY_TOKEN --check dist/ report.xml
  runnerlib mask --secrets-file secrets.env --check --policy mask build.log
  make 2>&1 | runnerlib mask --secrets-file secrets.env --report masked.json
"""


@click.command("mask", epilog=_EPILOG)
@setting_options(_SETTINGS)
@click.option(
    "--check", is_flag=True, help="Look for secrets in files and directories instead of printing them masked."
)
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
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
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
    """Copy files, or stdin as it arrives, to stdout with every secret masked; or check files for secrets.

    FILEs are copied one after the other, and `-` is stdin; with --check they may be directories.
    Secrets come from the same settings as for `runnerlib run`. Archives are not unpacked.
    """
    if check and not paths:
        raise click.UsageError("--check needs a FILE or a directory")
    resolved = resolve_options(config_file, {**options, "secret_shapes": "all"} if shapes else options)
    session.services = early_services(RunRequest(resolved, (), os.environ, current_directory()))
    masker = session.services.masker
    warn_of_misspelt(session)
    if check:
        reports = [(str(path), _treat(path, masker, policy, quarantine_dir)) for path in regular_files(paths)]
    else:
        reports = _filter(masker, paths or (Path(_STDIN),))
    _tell(reports, masker, report, summary=summary)
    return 1 if check and policy == "fail" and any(found.marks for _, found in reports) else 0


def _filter(masker: SecretMasker, paths: tuple[Path, ...]) -> list[tuple[str, MaskReport]]:
    """Copy files to stdout, masked, and return a report: one, as a secret may begin in one file and end in the next."""
    stream, output = masker.stream(), Output(1)
    for path in paths:
        with _opened(path) as file:
            while data := _read(file, path):
                output.write(stream.feed(data))
    output.write(stream.flush())
    name = ", ".join("stdin" if str(path) == _STDIN else str(path) for path in paths)
    return [(name, stream.report())]


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a file for reading; `-` is stdin. Raises RunnerError."""
    if str(path) == _STDIN:
        yield 0
        return
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        yield file
    finally:
        os.close(file)


def _read(file: int, path: Path) -> bytes:
    try:
        return os.read(file, 1 << 16)
    except OSError as error:  # it is a directory
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> RunnerError:
    return RunnerError(f"cannot read '{printable(str(path))}': {error.strerror}")


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
