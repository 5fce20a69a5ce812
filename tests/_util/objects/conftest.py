"""A store of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runnerlib._util.objects.address import open_store
from runnerlib._util.objects.contract import ObjectStore
from tests.s3_server import BUCKET, S3Server, s3_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture(scope="session", params=["directory", "s3"])
def kind(request: pytest.FixtureRequest) -> Callable[[Path], ObjectStore]:
    """Opens a store of one kind that is a test's own."""
    if request.param == "directory":
        return lambda own: open_store(f"file://{own}/a%20store", {})
    server: S3Server = request.getfixturevalue("server")
    return lambda own: open_store(f"s3://{BUCKET}/{own.name}", server.environ)


@pytest.fixture
def store(kind: Callable[[Path], ObjectStore], tmp_path: Path) -> ObjectStore:
    return kind(tmp_path)
