"""The address of a fleet in Kubernetes: `kubernetes+nats://HOST:4222?image=IMAGE&namespace=NAME`."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from runnerlib.errors import ConfigError, printable, unknown

_SCHEME = "kubernetes"
_SERVERS = ("nats", "tls")
_FORM = "give it as kubernetes+nats://HOST:4222?image=IMAGE"
_SERVERS_OWN = ("ca", "cert", "key", "creds", "nkey")


class Cluster(NamedTuple):
    """A cluster, and what its pods are made of.

    `server` is the address of the NATS server as this machine reaches it; pods have theirs, and the key of the fleet,
    from the Secret `secret`. `deadline` is the time in seconds that a job may have, waiting included.
    """

    server: str
    image: str
    namespace: str = ""
    kubeconfig: str = ""
    context: str = ""
    secret: str = "runnerlib-fleet"  # noqa: S105 - the name of one
    account: str = ""
    cpu: str = ""
    memory: str = ""
    gpu: str = ""
    deadline: int = 86400


def is_cluster(address: str) -> bool:
    """Return whether an address is that of a fleet in Kubernetes."""
    return re.match(rf"{_SCHEME}(?![\w.])", address) is not None


def cluster_of(address: str) -> Cluster:
    """Take an address apart. Raises ConfigError."""
    scheme, _, rest = address.partition("://")
    server = scheme.partition("+")[2]
    if server not in _SERVERS or not rest:
        raise ConfigError(f"a fleet in Kubernetes needs a NATS server for what its jobs say; {_FORM}")
    place, _, query = rest.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    theirs = {name: given.pop(name) for name in _SERVERS_OWN if name in given}
    own = [name for name in Cluster._fields if name != "server"]
    for name, value in given.items():
        if name not in own:
            told = unknown("parameter", printable(name)[:100], [*own, *_SERVERS_OWN])
            raise ConfigError(f"the address of a fleet in Kubernetes: {told}")
        if not value.isprintable() or not value:
            raise ConfigError(f"the address of a fleet in Kubernetes: '{name}' is empty, or not printable")
    if "image" not in given:
        raise ConfigError(f"a fleet in Kubernetes needs the image of its workers; {_FORM}")
    kept: dict[str, str] = {name: value for name, value in given.items() if name != "deadline"}
    try:
        deadline = int(given.get("deadline", "86400"))
    except ValueError:
        deadline = 0
    if deadline <= 0:
        raise ConfigError("the address of a fleet in Kubernetes: 'deadline' is a number of seconds")
    full = f"{server}://{place}" + (f"?{urlencode(theirs)}" if theirs else "")
    return Cluster(full, **kept, deadline=deadline)
