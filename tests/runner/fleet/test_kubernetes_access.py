"""Access to a cluster: kubeconfigs and what is refused in them, a client certificate, the account of a pod."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from runnerlib.errors import ConfigError
from runnerlib.runner.fleet.contract import FleetError
from runnerlib.runner.fleet.kubernetes import access
from runnerlib.runner.fleet.kubernetes.access import access_to
from runnerlib.runner.fleet.kubernetes.address import Cluster
from runnerlib.runner.fleet.kubernetes.client import ApiClient

CLUSTER = Cluster("nats://n", "image")


def config(directory: Path, server: Mapping[str, Any], user: Mapping[str, Any]) -> Path:
    path = directory / "config"
    found = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "ci"}}],
        "clusters": [{"name": "k", "cluster": server}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(json.dumps(found))
    return path


@pytest.mark.parametrize(
    ("server", "user", "said"),
    [
        ({"server": "https://h", "insecure-skip-tls-verify": True}, {}, "does not check the server's certificate"),
        ({"server": "https://h"}, {"exec": {"command": "x"}}, "logs in by 'exec'"),
        ({"server": "what"}, {}, "its server or one of its certificates is none"),
        ({"server": "https://h", "certificate-authority-data": "%"}, {}, "one of its certificates is none"),
        ({"server": "https://h", "certificate-authority": "gone.pem"}, {}, "cannot read .*gone.pem"),
    ],
)
def test_what_is_refused(tmp_path: Path, server: Mapping[str, Any], user: Mapping[str, Any], said: str) -> None:
    path = config(tmp_path, server, user)
    with ExitStack() as held, pytest.raises(ConfigError, match=said):
        access_to(CLUSTER, {"KUBECONFIG": str(path)}, held)


def test_the_account_of_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_ACCOUNT", tmp_path)
    for name, text in {"namespace": "ci\n", "ca.crt": "PEM", "token": "one\n"}.items():
        (tmp_path / name).write_text(text)
    environ = {"KUBERNETES_SERVICE_HOST": "::1", "KUBERNETES_SERVICE_PORT": "6443", "HOME": str(tmp_path)}
    with ExitStack() as held:
        found = access_to(CLUSTER, environ, held)
    assert (str(found.server), found.namespace, found.bearer()) == ("https://[::1]:6443", "ci", "one")
    (tmp_path / "token").write_text("two\n")
    assert found.bearer() == "two"


class _Jobs(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"items": [{"path": self.path}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_client_certificate_in_a_kubeconfig(tmp_path: Path) -> None:
    authority = trustme.CA()
    mine, its = authority.issue_cert("me"), authority.issue_cert("127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    its.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with HTTPServer(("127.0.0.1", 0), _Jobs) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:

            def coded(pem: bytes) -> str:
                return base64.b64encode(pem).decode()

            where = {
                "server": f"https://127.0.0.1:{server.server_port}",
                "certificate-authority-data": coded(authority.cert_pem.bytes()),
            }
            user = {
                "client-certificate-data": coded(mine.cert_chain_pems[0].bytes()),
                "client-key-data": coded(mine.private_key_pem.bytes()),
            }
            path = config(tmp_path, where, user)
            with ExitStack() as held:
                client = ApiClient(access_to(CLUSTER, {"KUBECONFIG": str(path)}, held))
                (found,) = client.listed("apis/batch/v1", "jobs", "a=b")
            assert found["path"] == "/apis/batch/v1/namespaces/ci/jobs?labelSelector=a%3Db"
        finally:
            server.shutdown()
            thread.join()


def test_no_cluster_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runnerlib.runner.fleet.kubernetes.client._PAUSE", 0.0)
    path = config(tmp_path, {"server": "https://127.0.0.1:1"}, {"token": "t"})
    with ExitStack() as held, pytest.raises(FleetError, match=r"cannot reach the cluster at .*: connection refused"):
        ApiClient(access_to(CLUSTER, {"KUBECONFIG": str(path)}, held)).listed("apis/batch/v1", "jobs", "a=b")
