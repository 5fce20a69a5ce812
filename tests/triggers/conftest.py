"""The coordinators that tests talk to, and the authority that vouches for the one with TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.triggers.server import FakeCoordinator, coordinator


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def authority_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def server(tls: ssl.SSLContext, authority_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCoordinator]:
    """A coordinator behind TLS whose authority this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority_file))
    with coordinator(tls) as running:
        yield running


@pytest.fixture
def plain_server() -> Iterator[FakeCoordinator]:
    """A coordinator behind plain http."""
    with coordinator() as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the proxies of the one who runs the tests."""
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
