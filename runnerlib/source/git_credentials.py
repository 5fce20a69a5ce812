"""The credentials that the worker leaves for one job: `$REACTORCIDE_VCS_AUTH_DIR/credentials`.

The format is git's own (`git help credential-store`): one percent-encoded URL with user and password a line.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError
from runnerlib.source.url import split, url_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.source.url import Url

# What this process knows of files that it has removed: by directory.
_taken: list[tuple[str | None, list[str]]] = []


def stored(wanted: Url) -> tuple[str, str] | None:
    """Return user and password for `wanted`, None when the file has none (or there is no file).

    Scheme and host, port included, must be equal, and the user if the URL names one. A line with a path
    counts for that path only and is preferred; a line without counts for the whole host.
    """
    lines = [found for found in map(split, _lines()) if found is not None and _same_host(found, wanted)]
    for path in (_path(wanted), ""):
        for line in lines:
            if _path(line) == path:
                return line.user, line.password
    return None


def credentials(url: Url) -> tuple[str, str]:
    """Return user and password for `url`: its own, else, over http and https, the stored ones; "" for none."""
    if not url.password and url.scheme in {"http", "https"}:
        return stored(url) or (url.user, "")
    return url.user, url.password


def stored_secrets() -> list[str]:
    """Return every password in the file, as written and decoded: both must be masked."""
    return [secret for line in _lines() for secret in url_secrets(line)]


def forget_stored() -> None:
    """Remove the worker's files from its directory: the job itself is not to have them.

    They stay with REACTORCIDE_VCS_AUTH_CLEANUP=false. Raises `SourceError` when they cannot be removed.
    """
    directory = os.environ.get("REACTORCIDE_VCS_AUTH_DIR")
    setting = os.environ.get("REACTORCIDE_VCS_AUTH_CLEANUP", "true").strip().lower()
    if not directory or setting in {"false", "0", "no", "off"}:
        return
    try:
        for name in ("credentials", "gitconfig"):
            (Path(directory) / name).unlink(missing_ok=True)
    except OSError as error:
        raise SourceError(f"git credentials in '{directory}' cannot be removed: {error.strerror}") from error
    with suppress(OSError):  # a mount point, or one with other files in it
        Path(directory).rmdir()


@contextmanager
def taken_from_files() -> Iterator[None]:
    """Remove the worker's files as `forget_stored` does, and use their content until the block ends.

    So several jobs can get their sources with these credentials, and no job can read them.
    """
    mine = (os.environ.get("REACTORCIDE_VCS_AUTH_DIR"), _lines())
    _taken.append(mine)
    try:
        forget_stored()
        yield
    finally:
        _taken.remove(mine)


def _lines() -> list[str]:
    """Return the lines of the credential file; none without one. Raises `SourceError` if unreadable."""
    directory = os.environ.get("REACTORCIDE_VCS_AUTH_DIR")
    if not directory:
        return []
    try:
        return (Path(directory) / "credentials").read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return next((lines for place, lines in _taken if place == directory), [])
    except OSError as error:
        raise SourceError(f"git credentials in '{directory}' cannot be read: {error.strerror}") from error


def _same_host(line: Url, wanted: Url) -> bool:
    """Tell whether a line of the file is for the scheme, the host and the user of `wanted`."""
    same = line.scheme == wanted.scheme and line.host.lower() == wanted.host.lower()
    return same and bool(line.password) and wanted.user in {"", line.user}


def _path(url: Url) -> str:
    """Return the path of a repository in the form for comparisons."""
    return url.rest.strip("/").removesuffix(".git")
