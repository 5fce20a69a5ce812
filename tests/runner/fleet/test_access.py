"""Access to the server of a fleet: user, token, nkey, TLS and client certificates; refusals are one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nkeys
import pytest
import trustme

from runnerlib.errors import RunnerError
from tests.runner.fleet.machines import Broker, dispatched, working

JOB = "jobs: [{name: a, command: 'echo here'}]"


@contextmanager
def served(directory: Path, *options: str, **form: str) -> Iterator[Broker]:
    made = Broker(directory, *options, **form)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.kill()


def works(broker: Broker, key: Path, directory: Path) -> None:
    """A job runs there; what lets the worker in is in nothing that it says."""
    with working(broker, key, "w1") as worker:
        run = dispatched(JOB, directory, broker, key)
        assert (run.outcomes, run.output("a")) == ({"a": "success"}, "here\n")
        assert "correct-horse" not in worker.said + run.everything


def refused(broker: Broker, key: Path, directory: Path, old: str, new: str) -> str:
    """The error with another address."""
    whole = broker.form
    broker.form = whole.replace(old, new)
    try:
        with pytest.raises(RunnerError) as caught:
            dispatched(JOB, directory, broker, key)
    finally:
        broker.form = whole
    text = str(caught.value)
    assert "correct-horse" not in text
    assert "\n" not in text
    return text.replace(str(broker.port), "PORT")


def test_a_user_with_a_password(key: Path, tmp_path: Path) -> None:
    options = ("--user", "fleet", "--pass", "correct-horse")
    with served(tmp_path / "b", *options, user="fleet:correct-horse@") as broker:
        works(broker, key, tmp_path / "run")
        for old, new in (("correct-horse", "wrong"), ("fleet:correct-horse@", "")):
            told = refused(broker, key, tmp_path / "r", old, new)
            assert told == "cannot reach the fleet at 'nats://127.0.0.1:PORT': authorization violation"


def test_a_token(key: Path, tmp_path: Path) -> None:
    with served(tmp_path / "b", "--auth", "correct-horse", user="correct-horse@") as broker:
        works(broker, key, tmp_path / "run")
        told = refused(broker, key, tmp_path / "r", "correct-horse", "wrong")
        assert told == "cannot reach the fleet at 'nats://127.0.0.1:PORT': authorization violation"


def test_an_nkey(key: Path, tmp_path: Path) -> None:
    seeds = [nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER) for _ in range(2)]
    files = [tmp_path / f"seed{number}" for number in range(2)]
    for file, seed in zip(files, seeds, strict=True):
        file.write_bytes(seed)
    public = nkeys.from_seed(bytearray(seeds[0])).public_key.decode()
    config = tmp_path / "nats.conf"
    config.write_text(f'authorization: {{users: [{{nkey: "{public}"}}]}}\n')
    with served(tmp_path / "b", "--config", str(config), query=f"?nkey={files[0]}") as broker:
        works(broker, key, tmp_path / "run")
        told = refused(broker, key, tmp_path / "r", "seed0", "seed1")
        assert told == "cannot reach the fleet at 'nats://127.0.0.1:PORT': authorization violation"
        assert "No such file" in refused(broker, key, tmp_path / "r", "seed0", "none")
        (tmp_path / "bad").write_text("no seed")
        told = refused(broker, key, tmp_path / "r", "seed0", "bad")
        assert told == f"'{tmp_path}/bad' (nkey of 'nats://127.0.0.1:PORT') is no seed of an nkey"


class Certificates:
    """A CA, another one, and certificates for the server and a client, as files."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        ca, other = trustme.CA(), trustme.CA()
        server, client = ca.issue_cert("127.0.0.1"), ca.issue_cert("client.example")
        stranger = other.issue_cert("client.example")
        self.ca, self.other = directory / "ca.pem", directory / "other.pem"
        ca.cert_pem.write_to_path(str(self.ca))
        other.cert_pem.write_to_path(str(self.other))
        for name, one in (("server", server), ("client", client), ("stranger", stranger)):
            one.cert_chain_pems[0].write_to_path(str(directory / f"{name}.pem"))
            one.private_key_pem.write_to_path(str(directory / f"{name}.key"))
        self.directory = directory
        self.server = ("--tls", "--tlscert", f"{directory}/server.pem", "--tlskey", f"{directory}/server.key")
        self.client = f"&cert={directory}/client.pem&key={directory}/client.key"


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "certificates")


def test_tls(key: Path, tmp_path: Path, certificates: Certificates) -> None:
    with served(tmp_path / "b", *certificates.server, scheme="tls", query=f"?ca={certificates.ca}") as broker:
        works(broker, key, tmp_path / "run")
        for old, new, why in (
            (str(certificates.ca), str(certificates.other), "certificate verify failed"),
            (f"?ca={certificates.ca}", "", "certificate verify failed"),
        ):
            told = refused(broker, key, tmp_path / "r", old, new)
            assert told.startswith("cannot reach the fleet at 'tls://127.0.0.1:PORT': ")
            assert why in told
        assert "No such file" in refused(broker, key, tmp_path / "r", str(certificates.ca), "/none")
        told = refused(broker, key, tmp_path / "r", str(certificates.ca), str(key))
        assert told.startswith("the certificates for 'tls://127.0.0.1:PORT' cannot be used: ")


def test_client_certificates(key: Path, tmp_path: Path, certificates: Certificates) -> None:
    options = (*certificates.server, "--tlsverify", "--tlscacert", str(certificates.ca))
    query = f"?ca={certificates.ca}{certificates.client}"
    with served(tmp_path / "b", *options, scheme="tls", query=query) as broker:
        works(broker, key, tmp_path / "run")
        for old, new in ((certificates.client, ""), ("/client.", "/stranger.")):
            told = refused(broker, key, tmp_path / "r", old, new)
            assert told.startswith("cannot reach the fleet at 'tls://127.0.0.1:PORT': "), told
            assert "tls" in told.partition("PORT")[2] or "certificate" in told, told


def test_tls_that_only_one_side_has(key: Path, tmp_path: Path, certificates: Certificates, own_broker: Broker) -> None:
    told = refused(own_broker, key, tmp_path / "r", "nats://", "tls://fleet:correct-horse@")
    assert told == "cannot reach the fleet at 'tls://127.0.0.1:PORT': the server has no tls"
    with served(tmp_path / "b", *certificates.server, scheme="tls", query=f"?ca={certificates.ca}") as broker:
        broker.form = "nats://127.0.0.1:{}"
        told = refused(broker, key, tmp_path / "r", "", "")
        assert told.startswith("cannot reach the fleet at 'nats://127.0.0.1:PORT': tls: certificate verify"), told
