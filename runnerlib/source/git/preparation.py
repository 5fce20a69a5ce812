"""From a spec to a checkout at its target: facts, plan, transport, and the swap."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from runnerlib._util.safe_tree import remove_tree
from runnerlib.errors import SourceError
from runnerlib.source.atomic_replace import replacing
from runnerlib.source.git import cache, cli_transport, reuse, upstream
from runnerlib.source.git.checkout import Work, make
from runnerlib.source.git.compare_base import FIRST, Comparison
from runnerlib.source.git.local import is_sha256, stored_bytes
from runnerlib.source.git.options import GitOptions, read
from runnerlib.source.git.plan import Facts, Plan, choose
from runnerlib.source.git.refs import guess
from runnerlib.source.git.remote import Remote, locate
from runnerlib.source.git.retrying_transport import RetryingTransport
from runnerlib.source.git.transport import FormatError, NetworkError, RefError, Transport
from runnerlib.source.spec import Prepared, limited

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.spec import Cache, Report, SourceSpec


def prepare(spec: SourceSpec, target: Path, report: Report) -> Prepared:
    """Check out `spec` at `target`. Raises `SourceError` and leaves the target as it was."""
    compared, least = _compared(spec)
    options = _at_least(read(spec), least)
    remote = locate(spec.url or "")
    ref = spec.ref or None
    kept = options.keep != "none" and reuse.can_keep(target)
    report(f"cloning '{remote.shown}'")
    report = limited(report, options.time_limit) if options.time_limit else report
    spec = spec._replace(cache=_usable(spec.cache, report))
    plan = choose(_facts(spec, options, remote, kept=kept))
    report(f"plan: {plan.reason}")
    # A full id means the same commit everywhere; a name must not be resolved to a pull request's head by mistake.
    change = _change() if spec.for_change or guess(ref).commit else None
    sha256 = remote.url is None and is_sha256(remote)
    work = Work(_transport(plan, options, report), options, plan, spec.cache, report, change, compared, sha256)
    with replacing(target, report) as made:
        try:
            commit = _made(work, remote, ref, target, made)
        except FormatError as error:
            report(f"{error}; beginning again")
            remove_tree(made)
            remove_tree(made.with_name("git"))
            commit = _made(work._replace(sha256=True), remote, ref, target, made)
    report(f"checked out {commit}")
    return Prepared(target.resolve(), commit)


def _made(work: Work, remote: Remote, ref: str | None, target: Path, made: Path) -> str:
    """Make the checkout, from the one that stands there if the plan says so; return its commit."""
    return _update(work, remote, ref, target, made) if work.plan.keep else make(work, remote, ref, made)


def _compared(spec: SourceSpec) -> tuple[Comparison, int]:
    """Return the base that the source is compared with, and the least number of commits that this needs."""
    asked = read(spec).tags
    event = os.environ.get("REACTORCIDE_EVENT_TYPE", "") if spec.for_change else ""
    tags = "option 'tags' asks for them" if asked == "yes" else None
    if asked == "auto" and event == "tag_created":
        tags = "a tag was made"
    base = upstream.described() if spec.for_change else None
    before = upstream.before(os.environ) if spec.for_change else None
    found = Comparison(base, before, tags)
    if base is not None or before is not None:
        return found, FIRST
    return found, 2 if event == "push" else 1


def _at_least(options: GitOptions, depth: int) -> GitOptions:
    return options._replace(depth=max(options.depth, depth)) if options.depth else options


def _usable(kept: Cache | None, report: Report) -> Cache | None:
    """Return the cache, or None if it cannot be used: a job does not fail for that reason."""
    why = cache.why_not(kept) if kept is not None else None
    if why is not None:
        report(f"going on without a cache: {why}")
    return None if why is not None else kept


def _facts(spec: SourceSpec, options: GitOptions, remote: Remote, *, kept: bool) -> Facts:
    """Collect the facts that the plan is chosen from."""
    git = cli_transport.find()
    local = remote.url is None
    return Facts(
        git=git[1] if git else None,
        local=local,
        cached=spec.cache is not None,
        depth=options.depth,
        stored=stored_bytes(remote) if local else 0,
        needs=_needs(options, remote),
        kept=kept,
        bundle=remote.is_bundle,
    )


def _needs(options: GitOptions, remote: Remote) -> str:
    """Say what libgit2 cannot do of what is asked for; empty for nothing."""
    if remote.is_bundle:
        return "a bundle needs"
    if options.sparse:
        return "sparse directories need"
    option = "merge" if options.merge else "known-hosts" if options.known_hosts else ""
    return f"option '{option}' needs" if option else ""


def transport_for(spec: SourceSpec, report: Report) -> Transport:
    """Return the transport that would fetch `spec`, for queries to its repository."""
    options = read(spec)
    return _transport(choose(_facts(spec, options, locate(spec.url or ""), kept=False)), options, report)


def _transport(plan: Plan, options: GitOptions, report: Report) -> Transport:
    """Return the transport selected by the plan."""
    git = cli_transport.find()
    if plan.transport == "git" and git is not None:
        return RetryingTransport(cli_transport.Program(git[0], options, report), options.retries, report)
    from runnerlib.source.git import libgit2_transport

    return RetryingTransport(cast("Transport", libgit2_transport.Libgit2(options, report)), options.retries, report)


def _update(work: Work, remote: Remote, ref: str | None, target: Path, made: Path) -> str:
    """Update the reused checkout; make a new one if that is impossible and nothing was touched yet."""
    try:
        return reuse.update(work, remote, ref, target, made)
    except (RefError, NetworkError, FormatError):
        raise
    except SourceError as error:
        if made.exists():
            raise
        work.report(f"the checkout that stands there cannot be used ({error}); it is made anew")
        remove_tree(made.with_name("git"))
        return make(work, remote, ref, made)


def _change() -> str | None:
    """Return the number of the pull or merge request that the job is for, from Reactorcide's variables."""
    number = os.environ.get("REACTORCIDE_PR_NUMBER", "")
    return number if number.isascii() and number.isdigit() else None
