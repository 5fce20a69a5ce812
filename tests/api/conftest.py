"""Delivery is tested against the coordinators of the tests of triggers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.triggers.conftest import authority, authority_file, plain_server, server, tls
from tests.triggers.server import JOB, TOKEN, FakeCoordinator

__all__ = ["authority", "authority_file", "plain_server", "server", "tls"]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "job"


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeCoordinator], None]:
    """Configures a coordinator by the variables that a worker sets."""

    def configure(server: FakeCoordinator) -> None:
        monkeypatch.setenv("REACTORCIDE_COORDINATOR_URL", server.url)
        monkeypatch.setenv("REACTORCIDE_API_TOKEN", TOKEN)
        monkeypatch.setenv("REACTORCIDE_JOB_ID", JOB)

    return configure
