"""Repositories made by git."""

from __future__ import annotations

from pathlib import Path

from tests.source.repository import git


def start(path: Path) -> Path:
    """A repository with one commit on main."""
    path.mkdir(parents=True, exist_ok=True)
    git(path, "init", "-q", "-b", "main")
    write(path, "a", "one")
    return path


def write(path: Path, name: str, content: str | None) -> str:
    """Commit a file with `content`, or without the file; returns the commit id."""
    file = path / name
    if content is None:
        file.unlink(missing_ok=True)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    git(path, "add", "-A")
    git(path, "commit", "-qm", name, "--allow-empty")
    return git(path, "rev-parse", "HEAD")
