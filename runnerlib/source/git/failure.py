"""Classification of the error messages of git, libgit2, ssh and their servers. Pure; texts are in lower case."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.source.git.remote import Remote
    from runnerlib.source.url import Url

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
    *("returned error: 404", "code: 404", "does not appear to be a git repository", "repository not exported"),
    *("packed object", "is corrupt", "inflate", "bad object", "unable to read", "no space left"),  # it is our side
)
_NO_REPOSITORY = re.compile(
    "repository .*not found|(repository|project) (you were looking for )?(not found|could not be found)"
)
_REDIRECT = re.compile("returned error: 30[12378]")
_NO_SHALLOW = ("does not support shallow",)


def is_missing(said: str) -> bool:
    """Return whether the remote lacks the requested object, or refuses it."""
    return any(words in said for words in _MISSING)


def is_refusal(said: str) -> bool:
    """Tell whether the remote asks for credentials, or for better ones."""
    return any(words in said for words in _REFUSAL)


def is_redirect(said: str, remote: Remote) -> bool:
    """Return whether the server of a git program that follows no redirects leads elsewhere."""
    return remote.url is not None and remote.url.scheme in {"http", "https"} and bool(_REDIRECT.search(said))


def is_network(said: str, remote: Remote) -> bool:
    """Return whether the network failed, so that a retry may help.

    Names and addresses in the message are ignored: other people chose them. A refused connection to this machine
    itself does not count, since waiting does not change it.
    """
    if remote.url is None:
        return False
    said = _without_names(said, remote.url)
    if any(words in said for words in _NOT_NETWORK) or _NO_REPOSITORY.search(said):
        return False
    here = remote.url.host.rpartition("@")[2].startswith(("127.", "localhost", "[::1]"))
    return any(words in said for words in _NETWORK) and not (here and any(words in said for words in _CONNECT))


def is_without_shallow(said: str) -> bool:
    """Tell whether the remote serves whole histories only, as a directory of files does."""
    return any(words in said for words in _NO_SHALLOW)


def _without_names(said: str, url: Url) -> str:
    """Remove quoted texts, addresses, and the host and path of `url`, which also occur unquoted."""
    said = re.sub(r"\w+://\S+", " ", re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", " ", said))
    for name in (url.rest.lower().rstrip("/"), url.host.lower().rpartition("@")[2].partition(":")[0]):
        said = said.replace(name, " ") if {"/", "."} & set(name) else said  # a mere word may be one of the message
    return said
