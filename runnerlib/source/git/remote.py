"""Location of a git source, and its credentials."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from runnerlib.errors import SourceError
from runnerlib.source.git_credentials import stored
from runnerlib.source.url import Url, split, without_credentials

_BUNDLE = re.compile(rb"# v\d+ git bundle\n")


class Remote(NamedTuple):
    """Location of a repository: `address` for the transport and .git/config, `shown` for messages.

    `user` and `password` are for the server. `url` is None when `address` is an absolute local path.
    """

    address: str
    shown: str
    url: Url | None = None
    user: str = ""
    password: str = ""

    @property
    def is_bundle(self) -> bool:
        """True for a file that `git bundle create` has made."""
        return self.url is None and is_bundle(Path(self.address))

    @property
    def store(self) -> Path:
        """The git directory of a local path. Raises `SourceError` when there is none."""
        return find_store(Path(self.address))


def is_bundle(path: Path) -> bool:
    """Return whether a path is a regular file that begins as git's bundles do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _BUNDLE.match(file.read(64)) is not None


def find_store(path: Path) -> Path:
    """The git directory of the repository at `path`: bare, with a work tree, or a linked work tree of another."""
    inner = path / ".git"
    store = inner if inner.is_dir() else path
    if inner.is_file():
        text = inner.read_text("utf-8", "surrogateescape").removeprefix("gitdir:").strip()
        store = path / text
    if not (store / "HEAD").is_file():
        raise SourceError(f"'{path}' is not a git repository")
    return store


def find_common(store: Path) -> Path:
    """Return the directory with the objects and the shallow file: for a linked work tree, not its own git directory."""
    linked = store / "commondir"
    return store / linked.read_text("utf-8", "surrogateescape").strip() if linked.exists() else store


def locate(url: str) -> Remote:
    """Return how to reach `url`, with its own credentials or the stored ones; paths become absolute."""
    found = split(url)
    if found is None or found.scheme == "file":
        path = os.path.abspath(unquote(found.rest) if found else url)
        return Remote(address=path, shown=url)
    user, password = found.user, found.password
    if not password and found.scheme in {"http", "https"}:
        user, password = stored(found) or (user, "")
    return Remote(found.clean(), without_credentials(url), found, user, password)
