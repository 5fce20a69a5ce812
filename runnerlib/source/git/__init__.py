"""`git`: the source is a repository, checked out at one commit with a detached HEAD.

The url is https, http, ssh, git or file, scp-like (`git@host:path`) or a local path. The way of the checkout is
chosen from facts (`plan`) and reported: by the git program or by libgit2, with a cache or without. Nothing in
a repository is run: no hook, no filter, no command of its configuration. Credentials come from the url,
then from the worker's credential file, then from the machine's own helpers; for ssh from a key file or the
agent. None of them is left in the checkout, or ever in an argument.

`refs` and `resolve_ref` find the commit, `transport` is the interface of both ways to fetch, `checkout` makes the rest.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError
from runnerlib.source.git.additions import check_refspec
from runnerlib.source.git.address import check_url
from runnerlib.source.git.options import OPTIONS, read
from runnerlib.source.git.refs import check_ref

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.spec import Prepared, Report, SourceSpec

__all__ = ["OPTIONS", "check", "prepare"]


def check(spec: SourceSpec) -> None:
    """Require a URL that git understands, a ref that git allows and options that mean something."""
    if not spec.url:
        raise SourceError("source type 'git' needs a url or the path of a repository")
    check_url(spec.url)
    check_ref(spec.ref or "")
    options = read(spec)
    for name, path in (("ssh-key", options.ssh_key), ("known-hosts", options.known_hosts)):
        if path is not None and not os.path.isfile(path):
            raise SourceError(f"option '{name}' of source type 'git' is '{path}', which is no file")
    if options.merge is not None:
        check_ref(options.merge)
    for refspec in options.fetch:
        check_refspec(refspec)


def prepare(spec: SourceSpec, target: Path, report: Report) -> Prepared:
    """Check out `spec.ref`, or the default branch, of `spec.url` at `target`."""
    from runnerlib.source.git.preparation import prepare

    return prepare(spec, target, report)
