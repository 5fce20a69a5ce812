"""Access to a cluster: of the pod that this process runs in, or by a kubeconfig."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.http.connection import Trust
from runnerlib._util.http.target import Target, UrlError, parse
from runnerlib._util.yaml_nodes import DocumentError, compose, plain
from runnerlib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack

    from runnerlib.runner.fleet.kubernetes.address import Cluster

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_OTHERS = ("exec", "auth-provider", "username", "as")


class Access(NamedTuple):
    """The way to an API server: `token` is read again from `token_file` for each request, since it changes."""

    server: Target
    namespace: str
    trust: Trust
    token: str = ""
    token_file: str = ""

    def bearer(self) -> str:
        """Return the token; '' where a certificate does. Raises ConfigError."""
        return _text(Path(self.token_file)).strip() if self.token_file else self.token


def access_to(cluster: Cluster, environ: Mapping[str, str], held: ExitStack) -> Access:
    """Return how to reach a cluster; keys in a kubeconfig are in memory while `held`. Raises ConfigError."""
    named = cluster.kubeconfig or environ.get("KUBECONFIG", "")
    usual = Path(environ.get("HOME", "/nonexistent")) / ".kube/config"
    if not named and "KUBERNETES_SERVICE_HOST" in environ and not usual.is_file():
        return _of_pod(cluster, environ)
    path = Path(named) if named else usual
    if named and os.pathsep in named:
        raise ConfigError("KUBECONFIG names several files; name one by kubeconfig= in the address of the fleet")
    return _of_file(path, cluster, held)


def _of_pod(cluster: Cluster, environ: Mapping[str, str]) -> Access:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    server = parse(f"https://{f'[{host}]' if ':' in host else host}:{port}")
    namespace = cluster.namespace or _text(_ACCOUNT / "namespace").strip()
    return Access(server, namespace, Trust(_text(_ACCOUNT / "ca.crt")), token_file=str(_ACCOUNT / "token"))


def _of_file(path: Path, cluster: Cluster, held: ExitStack) -> Access:
    shown = f"kubeconfig '{one_line(str(path))}'"
    try:
        root = compose(_text(path))
        found = plain(root) if root is not None else None
        if not isinstance(found, dict):
            raise DocumentError("it is empty")  # noqa: TRY301 - one place says which file it is
        name = cluster.context or found.get("current-context")
        if not name:
            raise ConfigError(f"{shown} has no current context; name one by context= in the address of the fleet")
        context = _named(found, "context", str(name))
        server = _named(found, "cluster", str(context.get("cluster")))
        user = _named(found, "user", str(context["user"])) if context.get("user") else {}
        return _made(path, cluster.namespace or str(context.get("namespace") or "default"), server, user, held)
    except DocumentError as error:
        raise ConfigError(f"{shown} cannot be used: {error}") from None
    except (UrlError, binascii.Error, UnicodeDecodeError):
        raise ConfigError(f"{shown} cannot be used: its server or one of its certificates is none") from None


def _named(found: Mapping[str, Any], kind: str, name: str) -> dict[str, Any]:
    """Return a context, cluster or user of a kubeconfig. Raises DocumentError."""
    entries = found.get(f"{kind}s") or []
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(kind), dict):
            return dict(entry[kind])
    raise DocumentError(f"it has no {kind} '{one_line(name)}'")


def _made(path: Path, namespace: str, server: Mapping[str, Any], user: Mapping[str, Any], held: ExitStack) -> Access:
    if server.get("insecure-skip-tls-verify"):
        raise DocumentError("it does not check the server's certificate, which would show it every token")
    for way in _OTHERS:
        if way in user:
            raise DocumentError(f"its user logs in by '{way}'; use a token or a client certificate")

    def file_of(named: object) -> str:
        return str(path.parent / str(named)) if named else ""

    authorities = ""
    if server.get("certificate-authority-data"):
        authorities = _decoded(server["certificate-authority-data"]).decode()
    elif server.get("certificate-authority"):
        authorities = _text(Path(file_of(server["certificate-authority"])))
    certificate, key = (
        _in_memory(_decoded(user[f"{kind}-data"]), held) if user.get(f"{kind}-data") else file_of(user.get(kind))
        for kind in ("client-certificate", "client-key")
    )
    trust = Trust(authorities, certificate, key)
    target = parse(str(server.get("server") or ""))
    return Access(target, namespace, trust, str(user.get("token") or ""), file_of(user.get("tokenFile")))


def _decoded(text: object) -> bytes:
    """Return what base64 stands for; without the check an authority that is none would be left out. Raises Error."""
    return base64.b64decode("".join(str(text).split()), validate=True)


def _in_memory(data: bytes, held: ExitStack) -> str:
    """Return the path of a file that no disk has: TLS takes keys from files only."""
    number = os.memfd_create("runnerlib-kubernetes", os.MFD_CLOEXEC)
    held.callback(os.close, number)
    os.write(number, data)
    return f"/proc/self/fd/{number}"


def _text(path: Path) -> str:
    """Return a file's text. Raises ConfigError."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read '{one_line(str(path))}': {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"cannot read '{one_line(str(path))}': it is no text") from None
