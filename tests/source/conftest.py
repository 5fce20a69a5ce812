"""Fixtures: a repository, a server for it, a target full of somebody's work."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pygit2
import pytest
from pygit2.enums import ConfigLevel

from tests.source.repository import Origin, git, make
from tests.source.smart_http import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def threads_given_up_end() -> Iterator[None]:
    """Wait, when a test has ended, for a thread in a library that was given up, as one is on a slow machine."""
    yield
    for thread in threading.enumerate():
        if thread.name == "runnerlib-source":
            thread.join(60)


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    """Return a repository with every kind of ref, and beside it a bare copy, `bare.git`; read it only."""
    root = tmp_path_factory.mktemp("origin")
    for level in (ConfigLevel.GLOBAL, ConfigLevel.XDG, ConfigLevel.SYSTEM):
        pygit2.settings.search_path[level] = str(root / "no-config")
    made = make(root / "repo")
    git(root, "clone", "-q", "--mirror", "repo", "bare.git")
    return made


@pytest.fixture
def server(origin: Origin) -> Iterator[Server]:
    """Serve the repository."""
    with serving(origin.path.parent) as server:
        yield server


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """Return a target full of nested, read-only and linked things."""
    target = tmp_path / "job" / "src"
    (target / "deep" / "er").mkdir(parents=True)
    (target / "deep" / "er" / "work").write_text("precious")
    (target / "out").symlink_to("/etc")
    (target / "deep" / "er").chmod(0o555)
    return target


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide proxies and credentials of whoever runs the tests."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("REACTORCIDE_VCS_AUTH_DIR", raising=False)
