"""HEAD of a checkout, read from the files of its git directory without any library.

A checkout that a run makes is detached at its commit. The requested branch or tag is stored in a file of its own
beside HEAD, and counts as long as HEAD is at that commit.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from runnerlib.errors import SourceError
from runnerlib.source.git.gitdir import ASKED_FOR
from runnerlib.source.git.remote import find_store

_BRANCH, _TAG = "refs/heads/", "refs/tags/"
_NAMED = re.compile(r"ref:\s*(refs/\S+)")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LONGEST = 4096


class Head(NamedTuple):
    """HEAD of a checkout: a branch, or a requested tag, or neither."""

    branch: str | None = None
    tag: str | None = None


def head_of(directory: str | Path) -> Head:
    """Read HEAD of the work tree whose top is `directory`, or of a bare repository.

    Raises SourceError when it is no repository, or its HEAD cannot be read.
    """
    store = find_store(Path(directory))
    head = _read(store / "HEAD")
    named = _NAMED.fullmatch(head)
    if named:
        return meaning(named[1])
    commit, _, ref = _read(store / ASKED_FOR, may_lack=True).partition(" ")
    return meaning(ref) if commit == head else Head()


def commit_of(directory: str | Path) -> str:
    """Return the commit that HEAD of such a repository names; "" where that is not known without its library.

    Raises SourceError as `head_of` does.
    """
    store = find_store(Path(directory))
    head = _read(store / "HEAD")
    named = _NAMED.fullmatch(head)
    if named and ".." not in named[1]:
        head = _read(store / named[1], may_lack=True)
    return head if _COMMIT.fullmatch(head) else ""


def is_repository(directory: Path) -> bool:
    """Return whether `directory` is the top of a work tree, or a bare repository."""
    return (directory / ".git").exists() or ((directory / "HEAD").is_file() and (directory / "objects").is_dir())


def repository_about(code_dir: Path, start: Path, *, given: bool) -> Path:
    """The repository that a run is about.

    That is `code_dir` where it holds one and the run prepared it or was `given` it; else the one around the directory
    `start`; else what an earlier run has left in `code_dir`. Where there is none, it is `code_dir`.
    """
    if given and is_repository(code_dir):
        return code_dir
    above = Path(os.path.abspath(start))
    return next((one for one in (above, *above.parents) if (one / ".git").exists()), code_dir)


def meaning(ref: str) -> Head:
    """Classify the full name of a ref: a branch, a tag, or neither."""
    if ref.startswith(_BRANCH):
        return Head(branch=ref.removeprefix(_BRANCH))
    return Head(tag=ref.removeprefix(_TAG)) if ref.startswith(_TAG) else Head()


def _read(path: Path, *, may_lack: bool = False) -> str:
    """A small file of one line; a job may have put anything in its place."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, encoding="utf-8", errors="surrogateescape") as opened:
            return opened.read(_LONGEST).strip()
    except FileNotFoundError as error:
        if may_lack:
            return ""
        raise SourceError(f"cannot read '{path}': {(error.strerror or '').lower()}") from None
    except OSError as error:
        raise SourceError(f"cannot read '{path}': {(error.strerror or str(error)).lower()}") from None
