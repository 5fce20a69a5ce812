"""A real control plane of Kubernetes, and a node whose kubelet is played: pods run as processes of this machine."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until

_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
PROGRAM = _CACHE / "runnerlib-tests/kubernetes-1.34.4/kubernetes"  # where tests/kubernetes/build.sh puts it


def program() -> str:
    """The control plane; a test is skipped where nobody has built it, which the gate says loudly."""
    if not PROGRAM.exists():
        pytest.skip("the control plane of Kubernetes is missing: tests/kubernetes/build.sh")
    return str(PROGRAM)


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Api:
    """An API server, as tests ask it."""

    port: int
    token: str
    authority: Path

    def ask(self, method: str, path: str, content: object = None, kind: str = "application/json") -> tuple[int, Any]:
        """The answer of the API server."""
        body = None if content is None else json.dumps(content).encode()
        asked = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", body, method=method)
        asked.add_header("Authorization", f"Bearer {self.token}")
        asked.add_header("Content-Type", kind)
        trust = ssl.create_default_context(cafile=str(self.authority))
        trust.check_hostname = False
        try:
            with urllib.request.urlopen(asked, timeout=60, context=trust) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text[:1] == b"{" else text
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def objects(self, kind: str, group: str = "api/v1") -> list[dict[str, Any]]:
        """The objects of a kind in the namespace."""
        return list(self.ask("GET", f"/{group}/namespaces/default/{kind}")[1]["items"])


class ControlPlane(Api):
    """etcd, API server, controllers and scheduler."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.token = secrets.token_hex(16)
        client, peer, self.port, controllers, scheduler = _free_ports(5)
        (directory / "tokens.csv").write_text(f"{self.token},admin,1,system:masters\n")
        key, certificates = directory / "sa.key", directory / "certs"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        self.etcd = directory / "etcd"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.kubeconfig = directory / "kubeconfig"
        self.authority = certificates / "apiserver.crt"
        try:
            self._run(client, peer, controllers, scheduler, key, certificates)
        except BaseException:
            self.close()
            raise

    def _run(self, client: int, peer: int, controllers: int, scheduler: int, key: Path, certificates: Path) -> None:
        self._start("etcd", str(self.etcd), f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}")
        until(lambda: _answers(client))
        directory = self.directory
        self._start(
            "apiserver",
            f"--etcd-servers=http://127.0.0.1:{client}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={certificates}",
            f"--token-auth-file={directory / 'tokens.csv'}",
            "--authorization-mode=AlwaysAllow",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
        )
        until(lambda: self._ready(certificates))
        known = {"port": self.port, "token": self.token, "authority": str(self.authority)}
        (directory / "api.json").write_text(json.dumps(known))
        self.kubeconfig.write_text(json.dumps(self._config()))
        shared = [f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1"]
        self._start(
            "controllers",
            *shared,
            f"--secure-port={controllers}",
            "--controllers=job,garbagecollector,ttl-after-finished,namespace",
            f"--cert-dir={directory / 'c1'}",
        )
        self._start("scheduler", *shared, f"--secure-port={scheduler}", f"--cert-dir={directory / 'c2'}")
        until(lambda: self.ask("GET", "/api/v1/namespaces/default")[0] == 200)

    def _start(self, part: str, *words: str) -> None:
        with (self.directory / f"{part}.log").open("wb") as log:
            self._processes.append(subprocess.Popen([program(), part, *words], stdout=log, stderr=log))

    def _ready(self, certificates: Path) -> bool:
        if not (certificates / "apiserver.crt").exists():
            return False
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def _config(self) -> dict[str, object]:
        data = base64.b64encode(self.authority.read_bytes()).decode()
        server = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority-data": data}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": server}],
            "users": [{"name": "u", "user": {"token": self.token}}],
        }

    def close(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Node:
    """A node whose kubelet is a process of its own; files in its directory say what happens to pods."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.directory = directory
        words = [sys.executable, "-m", "tests.kubernetes.kubelet", str(plane.directory / "api.json"), str(directory)]
        with (directory / "log").open("wb") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, cwd=Path(__file__).parents[2])
        until(lambda: self._process.poll() is not None or "ready" in (directory / "log").read_text())
        assert self._process.poll() is None, (directory / "log").read_text()

    def misses(self, image: str) -> None:
        """Let an image be one that cannot be had."""
        (self.directory / "missing").write_text(image)

    def kills(self, pod: Mapping[str, Any]) -> None:
        """Kill the container of a pod, as the kernel does when memory has run out."""
        (self.directory / "oom").write_text(pod["metadata"]["name"])
        os.kill(int((self.directory / pod["metadata"]["uid"] / "pid").read_text()), signal.SIGKILL)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
