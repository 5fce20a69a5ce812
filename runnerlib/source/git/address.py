"""Rules for the URLs of repositories and submodules. Pure text, no I/O."""

from __future__ import annotations

import re

from runnerlib.errors import SourceError, one_line, unknown
from runnerlib.source.url import split, without_credentials

SCHEMES = ("https", "http", "ssh", "git", "file")


def check_url(url: str) -> None:
    """Refuse schemes other than ours, `ext::sh -c ...` among them, and URLs without a host."""
    helper = re.match(r"(\w+)::", url)
    found = split(url)
    scheme = helper[1] if helper else found.scheme if found else ""
    if scheme and scheme not in SCHEMES:
        raise SourceError(f"{unknown('git url scheme', scheme, SCHEMES)} in '{without_credentials(url)}'")
    if found is None or helper:
        return
    if scheme == "file" and found.host not in {"", "localhost"}:
        raise SourceError(f"git url '{url}' names a file on host '{found.host}', not on this one")
    if scheme != "file" and (not found.host or found.host.startswith("-")):
        raise SourceError(f"git url '{without_credentials(url)}' has no valid host")


def submodule_url(name: str, url: str, parent: str) -> str:
    """Return the URL of a submodule: `url` from `.gitmodules`, in a repository that came from `parent`.

    Raises `SourceError` for one on this machine, as git does: a repository from elsewhere must not choose
    which of our directories is read.
    """
    shown = one_line(without_credentials(url))
    if url.startswith("-") or not url.isprintable() or not url:
        raise SourceError(f"submodule '{name}' has the url '{shown}', which is none")
    if url.startswith(("./", "../")):
        url = _joined(name, url, parent)
    check_url(url)
    found = split(url)
    if found is None or found.scheme == "file":
        raise SourceError(f"submodule '{name}' has the url '{shown}' on this machine, which is not allowed")
    if "-" in {found.user[:1], found.rest.lstrip("/")[:1]}:
        raise SourceError(f"submodule '{name}' has the url '{shown}', which could be taken for an option")
    return url


def over_https(url: str) -> str:
    """Return `git@host:path` or `ssh://host/path` as `https://host/path`, without its port; any other as it is."""
    found = split(url)
    if found is None or found.scheme not in {"", "ssh"}:
        return url
    return f"https://{found.host.partition(':')[0]}/{found.rest.lstrip('/')}"


def _joined(name: str, url: str, parent: str) -> str:
    """`url`, which is relative to `parent`."""
    found = split(parent)
    if found is None:
        raise SourceError(f"submodule '{name}' has the url '{url}' on this machine, which is not allowed")
    path = found.rest.rstrip("/").split("/")
    least = 1 if found.scheme else 0
    for part in url.rstrip("/").split("/"):
        if part == ".." and len(path) <= least:
            raise SourceError(f"submodule '{name}' has the url '{url}', which leads out of its host")
        if part == "..":
            path.pop()
        elif part not in {"", "."}:
            path.append(part)
    return found._replace(rest="/".join(path)).clean()
