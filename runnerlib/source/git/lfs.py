"""Files of Git LFS: fetched by git-lfs when it is installed, pointers otherwise."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runnerlib._util.files import explain, read_regular
from runnerlib.errors import SourceError
from runnerlib.source.git import cache
from runnerlib.source.git.address import check_url
from runnerlib.source.url import split

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from runnerlib.source.git.remote import Remote
    from runnerlib.source.git.transport import Transport
    from runnerlib.source.spec import Cache, Report

_FILTER = """[filter "lfs"]
\tclean = git-lfs clean -- %f
\tsmudge = git-lfs smudge -- %f
\tprocess = git-lfs filter-process
\trequired = true
"""


def place_files(
    top: Path, remote: Remote, mode: str, transport: Transport, report: Report, kept: Cache | None, *, by_git: bool
) -> None:
    """Replace the pointers in the checkout `top` by their files, if `mode` and the machine say so.

    `by_git`: the transport is the git program. Raises `SourceError` when files were asked for and cannot be had.
    """
    if mode == "no" or not transport.uses_lfs(top):
        return
    why = _why_not(by_git=by_git)
    if why is not None:
        if mode == "yes":
            raise SourceError(f"files of Git LFS cannot be fetched: {why}")
        report(f"files of Git LFS stay pointers: {why}")
        return
    _check_config(top)
    with _storage(remote, kept, report) as storage:
        transport.pull_lfs(top, remote, storage)
    with open(top / ".git/config", "a", encoding="utf-8") as config:
        config.write(_FILTER)  # so that git in the job does not take the files for changed pointers


@contextmanager
def _storage(remote: Remote, kept: Cache | None, report: Report) -> Iterator[Path | None]:
    """Yield the directory that keeps LFS files for the next checkout; None without a cache: in the checkout."""
    if kept is None:
        yield None
        return
    place = cache.entry(kept, remote.address)
    with place.locked(report):
        place.share()
        yield place.place / cache.LFS


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, 1 << 20)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise SourceError(f"'.lfsconfig' cannot be used: {explain(error)}") from None


def _why_not(*, by_git: bool) -> str | None:
    """Return why LFS cannot be used; None when it can."""
    if not by_git:
        return "that needs the git program"
    return None if shutil.which("git-lfs") else "git-lfs is not installed"


def _check_config(top: Path) -> None:
    """Refuse a `.lfsconfig` that names a place on this machine, or anything that is no URL of a server."""
    if (top / ".lfsconfig").is_symlink():
        raise SourceError("'.lfsconfig' is a symbolic link")
    text = _read(top / ".lfsconfig").decode("utf-8", "replace")
    for url in re.findall(r"(?im)(?:^|\])\s*(?:lfs)?(?:push)?url\s*=\s*\"?([^\s\"]*)", text):
        check_url(url)
        found = split(url)
        if found is None or found.scheme not in {"https", "http", "ssh"}:
            raise SourceError(f"'.lfsconfig' names '{url}', which is no server")
