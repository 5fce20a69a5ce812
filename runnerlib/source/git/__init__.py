"""`git`: the source is a repository, cloned in full and checked out at one commit with a detached HEAD.

The url is https, http, ssh, git or file, scp-like (`git@host:path`) or a local path. Submodules are left
alone, filters such as LFS are not run, no hook ever runs. Credentials come from the url, then from the
worker's credential file, for ssh from the agent; none of them is left in the clone. Which commit a ref
means is in `refs`; the transport is `libgit2`, the only module that imports pygit2.
"""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError, unknown
from runnerlib.source import worker
from runnerlib.source.place import replacing
from runnerlib.source.git.refs import check_ref
from runnerlib.source.git.remote import locate
from runnerlib.source.spec import Prepared
from runnerlib.source.url import split, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib.source.git.remote import Remote
    from runnerlib.source.spec import Report, SourceSpec

_SCHEMES = ("https", "http", "ssh", "git", "file")

OPTIONS: tuple[str, ...] = ()


def check(spec: SourceSpec) -> None:
    """Require a URL that git understands and a ref that git allows."""
    if not spec.url:
        raise SourceError("source type 'git' needs a url or the path of a repository")
    _check_url(spec.url)
    check_ref(spec.ref or "")


def prepare(spec: SourceSpec, target: Path, report: Report) -> Prepared:
    """Clone `spec.url` to `target`, at `spec.ref` or the default branch."""
    transport = importlib.import_module("runnerlib.source.git.libgit2")  # not before: pygit2 takes 60 ms
    clone: Callable[[Remote, str | None, Path, worker.Worker], str] = transport.clone
    remote = locate(spec.url or "")
    with replacing(target) as made:
        report(f"cloning '{remote.shown}'")
        commit = worker.run(lambda thread: clone(remote, spec.ref or None, made, thread), report)
    report(f"checked out {commit}")
    return Prepared(target.resolve(), commit)


def _check_url(url: str) -> None:
    """Refuse schemes other than ours, `ext::sh -c ...` among them, and URLs without a host."""
    helper = re.match(r"(\w+)::", url)
    found = split(url)
    scheme = helper[1] if helper else found.scheme if found else ""
    if scheme and scheme not in _SCHEMES:
        raise SourceError(f"{unknown('git url scheme', scheme, _SCHEMES)} in '{without_credentials(url)}'")
    if found is None or helper:
        return
    if scheme == "file" and found.host not in {"", "localhost"}:
        raise SourceError(f"git url '{url}' names a file on host '{found.host}', not on this one")
    if scheme != "file" and (not found.host or found.host.startswith("-")):
        raise SourceError(f"git url '{without_credentials(url)}' has no valid host")
