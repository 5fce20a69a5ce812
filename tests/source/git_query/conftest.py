"""Fixtures that every test of a repository needs."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest
from pygit2.enums import ConfigLevel

from tests.source.git_query.made import start
from tests.tools import tool


@pytest.fixture(scope="module", autouse=True)
def no_configuration(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the configuration of the developer away from the tests."""
    tool("git")
    root = tmp_path_factory.mktemp("none")
    for level in (ConfigLevel.GLOBAL, ConfigLevel.XDG, ConfigLevel.SYSTEM):
        pygit2.settings.search_path[level] = str(root / "no-config")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return start(tmp_path / "repo")
