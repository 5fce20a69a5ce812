"""A broker, a key and a worker for the tests that kill none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.fleet.machines import Broker, Worker, new_key, working


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_key(tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    made = Broker(tmp_path_factory.mktemp("broker"))
    yield made
    made.kill()


@pytest.fixture(scope="session")
def worker(broker: Broker, key: Path) -> Iterator[Worker]:
    with working(broker, key, "w1", "--labels", "gpu,small", slots=4) as made:
        yield made


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that the test may kill."""
    made = Broker(tmp_path / "broker")
    yield made
    made.kill()
