"""Both transports: what holds for one must hold for the other."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def no_git(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where no git program is installed; the tests' own git is found all the same."""
    directory = tmp_path_factory.mktemp("bin")
    openssl = shutil.which("openssl")
    if openssl is not None:
        (directory / "openssl").symlink_to(openssl)
    monkeypatch.setenv("PATH", str(directory))


@pytest.fixture(autouse=True)
def no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's git configuration or agent reaches the tests."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SSH_AUTH_SOCK", "GIT_SSH", "GIT_SSH_COMMAND"):
        monkeypatch.delenv(name, raising=False)
    for name in ("PR_NUMBER", "BASE_URL", "BASE_REF", "PR_BASE_REF", "DIFF_BASE", "EVENT_TYPE"):
        monkeypatch.delenv(f"REACTORCIDE_{name}", raising=False)


@pytest.fixture(params=["git", "libgit2"])
def engine(request: pytest.FixtureRequest) -> str:
    """The transport of a test."""
    if request.param == "libgit2":
        request.getfixturevalue("no_git")
    return str(request.param)
