"""A real repository with every kind of ref, and a few words to run git and to look at trees."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runnerlib.errors import Interrupted

if TYPE_CHECKING:
    from pathlib import Path

ENV = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}
SUBMODULE = "1234567890123456789012345678901234567890"


@dataclass(frozen=True)
class Origin:
    """`ids` has the commit of each word: first, main, dev, branch, tag, pull, lost."""

    path: Path
    ids: dict[str, str]


def git(where: Path, *args: str) -> str:
    """Run git in `where`, return what it prints."""
    done = subprocess.run(["git", *args], cwd=where, env=ENV, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(where: Path, text: str) -> str:
    """Commit `text` as the content of `file`, return the id."""
    (where / "file").write_text(text)
    git(where, "add", "-A")
    git(where, "commit", "-qm", text)
    return git(where, "rev-parse", "HEAD")


def make(path: Path) -> Origin:
    """Make the repository at `path`."""
    path.mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")
    for key in ("gc.auto=0", "uploadpack.allowAnySHA1InWant=true"):
        git(path, "config", *key.split("="))
    (path / "sub").mkdir()
    (path / "sub" / "run").write_text("#!/bin/sh\n")
    (path / "sub" / "run").chmod(0o755)
    (path / "link").symlink_to("sub/run")
    (path / "big.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    (path / ".gitattributes").write_text("*.bin filter=other\n")
    ids = {"first": commit(path, "first")}
    git(path, "update-index", "--add", "--cacheinfo", f"160000,{SUBMODULE},module")
    git(path, "commit", "-qm", "submodule")
    git(path, "tag", "light")
    git(path, "tag", "-am", "one", "v1")
    ids["tagged"] = git(path, "rev-parse", "HEAD")
    git(path, "tag", "content", "HEAD:file")
    for name in ("lost", "pull", "tag", "branch", "dev"):
        git(path, "checkout", "-q", "--detach", "v1")
        ids[name] = commit(path, name)
    git(path, "update-ref", "refs/pull/7/head", ids["pull"])
    git(path, "tag", "both", ids["tag"])
    git(path, "branch", "both", ids["branch"])
    git(path, "branch", "dev", ids["dev"])
    git(path, "checkout", "-q", "main")
    ids["main"] = commit(path, "main")
    return Origin(path, ids)


def snapshot(top: Path) -> dict[str, tuple[object, ...]]:
    """Return path -> (mode, time, content or link text) of `top` and of everything below it."""
    found: dict[str, tuple[object, ...]] = {}
    todo = [top]
    while todo:
        path = todo.pop()
        status = path.lstat()
        content: object = None
        if stat.S_ISDIR(status.st_mode):
            todo.extend(path.iterdir())
        elif stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        found[str(path.relative_to(top))] = (status.st_mode, status.st_mtime_ns, content)
    return found


def holders(*directories: Path) -> list[str]:
    """Return the names of the temporary siblings that are left."""
    return [entry.name for where in directories for entry in where.iterdir() if entry.name.startswith(".runnerlib-")]


class Unwanted:
    """A report of a preparation that another thread has stopped."""

    def __call__(self, line: str) -> None:
        """Take it."""

    def check(self) -> None:
        """Stop the preparation: nobody wants the result any more."""
        raise Interrupted(15, "SIGTERM")
