"""Additions to a checkout that options ask for: further refs, a branch, an identity, a merge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError
from runnerlib.source.git import gitdir
from runnerlib.source.git.compare_base import Comparison, Reach, fetch_deeper
from runnerlib.source.git.refs import check_ref, full_name, kept_as
from runnerlib.source.git.transport import INFINITE
from runnerlib.source.git.upstream import Base

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.git.options import GitOptions
    from runnerlib.source.git.remote import Remote
    from runnerlib.source.git.resolve_ref import Found
    from runnerlib.source.git.transport import Transport
    from runnerlib.source.spec import Report

_TAGS = "+refs/tags/*:refs/tags/*"
IDENTITY = ("runnerlib", "runnerlib@localhost")
"""Name and address of who merges, unless options give others."""


def check_refspec(spec: str) -> str:
    """Return a refspec in full, of `main`, `refs/notes/*` or `refs/pull/7/head:refs/remotes/origin/pr` for instance.

    Raises `SourceError`.
    """
    source, colon, target = spec.removeprefix("+").partition(":")
    source = full_name(source)
    target = target if colon else kept_as(source)
    for part in (source, target):
        plain = re.sub(r"(?<=/)\*(?=/|$)", "x", part, count=1)
        if not re.fullmatch(r"refs/[^/].*", part) or (part != plain) != ("*" in source):
            raise SourceError(f"option 'fetch' of source type 'git' is '{spec}'; a branch or SOURCE:refs/… is expected")
        check_ref(plain)
    return f"+{source}:{target}"


def add_refs(transport: Transport, remote: Remote, store: Path, options: GitOptions, report: Report) -> None:
    """Fetch the refs that options name, no deeper than the checkout. Raises `SourceError` for one that is not there."""
    specs = [check_refspec(spec) for spec in options.fetch]
    if options.tags == "short" and options.depth:
        specs.append(_TAGS)
    if specs:
        fetch_deeper(transport, store, remote, specs, options.depth or INFINITE)
        names = ", ".join(spec.removeprefix("+").partition(":")[0] for spec in specs)
        report(f"fetched {names} besides")


def merge(
    transport: Transport, remote: Remote, store: Path, found: Found, options: GitOptions, report: Report
) -> str | None:
    """Merge the branch `options.merge` and the commit, as a pull request would be; None where nothing is to merge.

    The commit of the merge is the same wherever it is made: its time is that of the later parent. Raises `SourceError`
    for conflicts, which are named.
    """
    branch = options.merge or ""
    Reach(transport, remote, store, found, report).bring(Comparison(Base(None, branch)))
    refs = gitdir.read_refs(store)
    target = refs.get(f"refs/remotes/origin/{branch.removeprefix('refs/heads/')}")
    if target is None:
        raise SourceError(f"option 'merge' is '{branch}', a branch that '{remote.shown}' does not have")
    merged = transport.merge(store, target, found.commit, f"Merge {found.commit} into {branch}", identity(options))
    report(f"merged into '{branch}'" if merged else f"'{branch}' is part of the commit already: nothing to merge")
    return merged


def identity(options: GitOptions) -> tuple[str, str]:
    """Return the name and the address that options give to commits of the job."""
    return options.user_name or IDENTITY[0], options.user_email or IDENTITY[1]


def settle(store: Path, commit: str, ref: str | None, options: GitOptions, report: Report) -> None:
    """Put HEAD on a local branch and write down who commits, if options say so."""
    lines = []
    if options.user_name or options.user_email:
        name, address = identity(options)
        lines += ["[user]", f"name = {gitdir.quoted(name)}", f"email = {gitdir.quoted(address)}"]
    branch = (ref or "").removeprefix("refs/heads/")
    if options.branch and branch == (ref or ""):
        report("HEAD stays detached: only a branch can become a local one (option branch)")
    elif options.branch:
        gitdir.attach(store, branch, commit)
        lines += [f"[branch {gitdir.quoted(branch)}]", "remote = origin", f"merge = {gitdir.quoted(ref or '')}"]
    gitdir.add_settings(store, lines)
