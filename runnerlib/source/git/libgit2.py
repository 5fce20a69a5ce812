"""git's transport by libgit2; this module alone imports pygit2.

libgit2 runs no hooks, no filters of the repository and no credential helpers, and no template is copied, so
nothing that comes with a clone is executed.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pygit2
from pygit2.enums import CheckoutStrategy, CredentialType, RepositoryOpenFlag

from runnerlib.errors import SourceError
from runnerlib.source.git.objects import copy_objects
from runnerlib.source.git.refs import Wanted, find, not_found
from runnerlib.source.tree import remove_tree
from runnerlib.source.url import scrub, split, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.source.git.remote import Remote
    from runnerlib.source.worker import Worker

# All that libgit2 raises; the special cases derive from KeyError and ValueError.
_ERRORS = (pygit2.GitError, KeyError, ValueError)
_BRANCHES = "+refs/heads/*:refs/remotes/origin/*"
_TAGS = "+refs/tags/*:refs/tags/*"

# The library's defaults wait for ever. Milliseconds; the second is for one read or write, not for the whole.
pygit2.settings.server_connect_timeout = 30_000
pygit2.settings.server_timeout = 300_000

_OWNERS = threading.Lock()  # the ownership check is one switch for the whole process


def clone(remote: Remote, ref: str | None, made: Path, worker: Worker) -> str:
    """Clone `remote` with its full history into the new directory `made` and check out `ref`, detached.

    Returns the full commit id. Raises `SourceError`, without credentials in its text.
    """
    with _explained(remote), _any_owner(remote):
        repository = pygit2.init_repository(made)
        try:
            if remote.url is None:
                _take_objects(Path(remote.address), Path(repository.path), worker)
            commit = _fetch(repository, remote, ref, worker)
            _check_out(repository, commit, worker)
        finally:
            repository.free()
    return str(commit.id)


@contextmanager
def _explained(remote: Remote) -> Iterator[None]:
    """Turn libgit2's errors into ours; its texts may hold the URL, so they are scrubbed."""
    try:
        yield
    except _ERRORS as error:
        said = scrub(str(error.args[0] if error.args else error), [remote.password])
        raise SourceError(f"cannot clone '{remote.shown}': {said.strip().rstrip('.').lower()}") from None


@contextmanager
def _any_owner(remote: Remote) -> Iterator[None]:
    """Let libgit2 open a local repository of another owner: the user named it, and nothing in it is run."""
    if remote.url is not None:
        yield
        return
    with _OWNERS:
        before = pygit2.settings.owner_validation
        pygit2.settings.owner_validation = False
        try:
            yield
        finally:
            pygit2.settings.owner_validation = before


def _take_objects(source: Path, made: Path, worker: Worker) -> None:
    """Copy the objects of a local repository; if that fails half way, leave none and let libgit2 fetch."""
    try:
        opened = pygit2.Repository(str(source), RepositoryOpenFlag.NO_SEARCH)
    except _ERRORS:
        raise SourceError(f"'{source}' is not a git repository") from None
    common = Path(opened.path)
    opened.free()
    if (common / "commondir").exists():  # a linked work tree
        common = common / (common / "commondir").read_text().strip()
    if copy_objects(common / "objects", made / "objects", worker.check):
        if (common / "shallow").exists():
            (made / "shallow").write_bytes((common / "shallow").read_bytes())
        return
    remove_tree(made / "objects")
    for name in ("objects", "objects/pack", "objects/info"):
        (made / name).mkdir()


def _fetch(repository: pygit2.Repository, remote: Remote, ref: str | None, worker: Worker) -> pygit2.Commit:
    """Fetch all branches and tags, and what `ref` needs beyond them; return the commit that it means."""
    origin = repository.remotes.create("origin", remote.address, _BRANCHES)
    callbacks = _Callbacks(remote, worker)
    origin.connect(callbacks=callbacks, proxy=True)
    heads = {head.name: head for head in origin.list_heads(connect=False) if head.name}
    wanted = find(ref, [name for name in heads if not name.endswith("^{}")])
    worker.check()
    stats = origin.fetch(_specs(wanted), callbacks=callbacks, proxy=True)
    if stats.received_objects:
        worker.report(f"received {stats.received_objects} objects, {stats.received_bytes / 1e6:.1f} MB")
    default = heads["HEAD"].symref_target if "HEAD" in heads else None
    _note_default(repository, default)
    commit = str(heads[wanted.name].oid) if wanted.name else wanted.commit or ""
    if len(commit) == 40 and commit not in repository:
        _fetch_exactly(origin, commit, callbacks)
    return _commit(repository, wanted, commit, ref, list(heads))


def _specs(wanted: Wanted) -> list[str]:
    """Return what to fetch: all branches, all tags, and the wanted ref if it is neither."""
    name = wanted.name or "HEAD"
    if name == "HEAD" or name.startswith(("refs/heads/", "refs/tags/")):
        return [_BRANCHES, _TAGS]
    return [_BRANCHES, _TAGS, f"+{name}:refs/remotes/origin/{name.removeprefix('refs/')}"]


def _note_default(repository: pygit2.Repository, default: str | None) -> None:
    """Remember the remote's default branch as `origin/HEAD`, as git does."""
    branch = (default or "").removeprefix("refs/heads/")
    if f"refs/remotes/origin/{branch}" in repository.references:
        repository.references.create("refs/remotes/origin/HEAD", f"refs/remotes/origin/{branch}", force=True)


def _fetch_exactly(origin: pygit2.Remote, commit: str, callbacks: _Callbacks) -> None:
    """Fetch a commit that no branch and no tag reaches; many servers allow it, the others say no."""
    callbacks.start()
    try:
        origin.fetch([commit], callbacks=callbacks, proxy=True)
    except _ERRORS:
        # What the server answers is "unexpected EOF" or worse; that the commit is missing says more.
        return


def _commit(
    repository: pygit2.Repository, wanted: Wanted, commit: str, ref: str | None, advertised: list[str]
) -> pygit2.Commit:
    """Look up a full or abbreviated id, through an annotated tag; raise `SourceError` if it is no commit."""
    try:
        found = repository[commit]
    except ValueError:
        raise SourceError(f"ref '{ref}' is ambiguous: several commits start with it") from None
    except KeyError:
        if wanted.name:
            raise SourceError(f"ref '{wanted.name}' is at {commit}, which the repository lacks") from None
        raise not_found(ref or commit, advertised) from None
    try:
        return found.peel(pygit2.Commit)
    except _ERRORS:
        raise SourceError(f"ref '{ref}' is a {found.type_str}, not a commit") from None


def _check_out(repository: pygit2.Repository, commit: pygit2.Commit, worker: Worker) -> None:
    """Write the work tree of `commit` and detach HEAD there."""
    worker.check()
    repository.checkout_tree(  # type: ignore[no-untyped-call]
        commit, strategy=CheckoutStrategy.FORCE
    )
    repository.set_head(commit.id)
    if not repository.head_is_detached or repository.head.target != commit.id:
        raise SourceError(f"HEAD of the clone is not at {commit.id}")


class _Callbacks(pygit2.RemoteCallbacks):
    """Gives each credential once, lets no bad certificate pass and stops when the caller has gone."""

    # Left out on purpose: pygit2 decodes the server's progress text strictly before it calls us.
    sideband_progress = None  # type: ignore[assignment]

    def __init__(self, remote: Remote, worker: Worker) -> None:
        super().__init__()
        self.source = remote  # `remote` is an attribute of pygit2's
        self.worker = worker
        self.start()

    def start(self) -> None:
        """Make all credentials available (again): one connection asks for each of them once."""
        remote = self.source
        self.untried: list[pygit2.Username | pygit2.KeypairFromAgent | pygit2.UserPass] = []
        if remote.url is not None and remote.url.scheme in {"", "ssh"}:
            user = remote.user or "git"
            self.untried += [pygit2.Username(user), pygit2.KeypairFromAgent(user)]
        if remote.user or remote.password:
            self.untried.append(pygit2.UserPass(remote.user, remote.password))

    def credentials(
        self, url: str, _username: str | None, allowed_types: CredentialType
    ) -> pygit2.Username | pygit2.KeypairFromAgent | pygit2.UserPass:
        """Return the next credential that the server accepts in kind; raise `SourceError` after the last."""
        self.worker.check()
        asking, asked = split(url), self.source.url
        if asked is None or asking is None or (asking.scheme, asking.host) != (asked.scheme, asked.host):
            elsewhere = without_credentials(url)
            raise SourceError(f"'{self.source.shown}' leads to '{elsewhere}', which gets no credentials")
        for credential in self.untried:
            if credential.credential_type & allowed_types:
                self.untried.remove(credential)
                return credential
        if asked.scheme in {"", "ssh"}:
            raise SourceError(f"'{self.source.shown}' accepts no key of the ssh agent")
        if self.source.user or self.source.password:
            raise SourceError(f"'{self.source.shown}' refused the credentials given for it")
        raise SourceError(f"'{self.source.shown}' asks for credentials and none were given")

    def certificate_check(self, _certificate: None, valid: bool, _host: bytes) -> bool:
        """Accept what the library found valid, no more: pygit2's default lets every ssh host key pass."""
        return valid

    def transfer_progress(self, _stats: object) -> None:
        """Stop when the caller has gone."""
        self.worker.check()

    def update_tips(self, _refname: str, _old: pygit2.Oid, _new: pygit2.Oid) -> None:
        """Stop when the caller has gone."""
        self.worker.check()
