"""What the words of git, libgit2, ssh and their servers mean. Pure; texts are in lower case."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.source.git.remote import Remote

_MISSING = ("couldn't find remote ref", "not our ref", "unadvertised object", "no such remote ref")
_REFUSAL = ("authentication failed", "could not read username", "could not read password", "returned error: 401")
_CONNECT = ("failed to connect", "couldn't connect", "connection refused")
_NETWORK = (
    *_CONNECT,
    *("could not resolve", "couldn't resolve", "failed to resolve", "temporary failure in name resolution"),
    *("connection reset", "connection closed", "broken pipe", "socket", "early eof", "unexpected eof"),
    *("timed out", "timeout", "operation too slow", "network is unreachable", "no route to host"),
    *("rpc failed", "unexpected disconnect", "hung up unexpectedly", "empty reply from server"),
    *("gnutls_handshake() failed", "could not read from remote"),
    *("url returned error: 429", "url returned error: 5", "status code: 429", "status code: 5"),
)
_NOT_NETWORK = (
    *("host key verification failed", "permission denied", "certificate", "returned error: 403", "code: 501"),
    *("packed object", "is corrupt", "inflate", "bad object", "unable to read", "no space left"),  # it is our side
)


def is_missing(said: str) -> bool:
    """Tell whether the remote lacks what was asked for, or does not give it away."""
    return any(words in said for words in _MISSING)


def is_refusal(said: str) -> bool:
    """Tell whether the remote asks for credentials, or for better ones."""
    return any(words in said for words in _REFUSAL)


def is_network(said: str, remote: Remote) -> bool:
    """Tell whether the network failed, so that it may be better next time.

    That nothing listens on this machine itself will not change by waiting.
    """
    if any(words in said for words in _NOT_NETWORK) or remote.url is None:
        return False
    here = remote.url.host.rpartition("@")[2].startswith(("127.", "localhost", "[::1]"))
    return any(words in said for words in _NETWORK) and not (here and any(words in said for words in _CONNECT))
