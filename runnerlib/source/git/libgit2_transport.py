"""The transport by libgit2.

libgit2 runs no hooks, no filters of the repository and no credential helpers, and no template is copied, so
nothing that comes with a clone is executed. Everything that blocks runs in a thread (`interruptible_thread`).
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from runnerlib.errors import SourceError, one_line
from runnerlib.source import interruptible_thread
from runnerlib.source.git.attributes import asks_for_ident, beyond, is_plain_ident
from runnerlib.source.git.failure import is_network
from runnerlib.source.git.gitdir import read_refs
from runnerlib.source.git.libgit2_settings import any_owner, open_repository, pygit2, server_silent_for
from runnerlib.source.git.relay_limit import RedirectLimit
from runnerlib.source.git.transport import KindError, Listing, MissingRefError, NetworkError
from runnerlib.source.progress import Meter
from runnerlib.source.url import scrub, split, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from runnerlib.source.git.options import GitOptions
    from runnerlib.source.git.remote import Remote
    from runnerlib.source.interruptible_thread import Worker
    from runnerlib.source.spec import Report

T = TypeVar("T")

enums = pygit2.enums

# All that libgit2 raises; the special cases derive from KeyError and ValueError.
_ERRORS = (pygit2.GitError, KeyError, ValueError)

_FORCE = enums.CheckoutStrategy.FORCE | enums.CheckoutStrategy.RECREATE_MISSING
_FILES = {enums.FileMode.BLOB, enums.FileMode.BLOB_EXECUTABLE}
_PACKING = 10  # times the timeout, in which the first objects have to come
_LONGEST = 300  # characters of an error: it may quote the name of a ref

# Settings that the user's own configuration must not override in written files; the git program gets the same ones.
_PLAIN = {"core.autocrlf": "false", "core.eol": "native", "core.attributesFile": "/dev/null"}


class _Way(NamedTuple):
    """The way to a repository: the address that libgit2 asks, at a `relay` to where redirects lead, `served`."""

    remote: Remote
    address: str
    served: Remote
    relay: str = ""


class Libgit2:
    """See `transport.Transport`."""

    def __init__(self, options: GitOptions, report: Report) -> None:
        self._options = options
        self._report = report
        self._limits: dict[str, RedirectLimit] = {}

    def list_refs(self, remote: Remote, names: Sequence[str] = ()) -> Listing:  # noqa: ARG002 - it always lists all
        """See `Transport`; the connection is asked before any store is there."""

        def work(thread: Worker) -> Listing:
            return self._reach(remote, lambda way: _list_refs(way, self._options.ssh_key, thread))

        return self._do(remote, work, self._options.timeout + 5)

    def fetch(self, store: Path, remote: Remote, specs: Sequence[str], depth: int) -> None:
        """See `Transport`."""
        meter = Meter(self._report)
        depth = depth if remote.url is not None else 0  # its local transport has no other

        def work(thread: Worker) -> None:
            with _opened(store) as repository:
                # A remote of the configuration could follow tags on its own; this one fetches only the given refs.
                self._reach(remote, lambda way: fetch(repository, way, thread))

        def fetch(repository: pygit2.Repository, way: _Way, thread: Worker) -> None:
            origin = repository.remotes.create_anonymous(way.address)
            callbacks = _Callbacks(way, thread, meter, self._options.ssh_key)
            origin.fetch(list(specs), callbacks=callbacks, depth=depth)

        # Of what a server says while it counts and packs objects nothing is heard here.
        self._do(remote, work, _PACKING * self._options.timeout)
        meter.sum_up()
        present = read_refs(store)
        for spec in specs:
            source, _, ref = spec.removeprefix("+").partition(":")
            if "*" not in ref and ref not in present:
                raise MissingRefError(f"cannot clone '{remote.shown}': it has no '{source}'")

    def resolve(self, store: Path, text: str) -> str | None:
        """See `Transport`."""
        with _opened(store) as repository:
            try:
                found = repository[text]
            except ValueError:
                raise KindError("ambiguous: several commits start with it") from None
            except KeyError:
                return None
            try:
                return str(found.peel(pygit2.Commit).id)
            except _ERRORS:
                raise KindError(f"a {found.type_str}, not a commit") from None

    def parents(self, store: Path, commits: Collection[str]) -> Mapping[str, Sequence[str]]:
        """See `Transport`."""
        with _opened(store) as repository, _explained("cannot read the history"):
            # The raw text: libgit2 would hide the parents of a commit that a shallow file names.
            return {one: _parents(repository.read(one)[1]) for one in commits}

    def history(self, store: Path, commits: Collection[str]) -> dict[str, Sequence[str]]:
        """See `Transport`."""
        with _opened(store) as repository, _explained("cannot read the history"):
            walk = repository.walk(None, enums.SortMode.TOPOLOGICAL)
            for one in commits:
                walk.push(one)
            return {str(commit.id): [str(above) for above in commit.parent_ids] for commit in walk}

    def present(self, store: Path, objects: Collection[str]) -> frozenset[str]:
        """See `Transport`."""
        with _opened(store) as repository:
            return frozenset(one for one in objects if one in repository)

    def check_out(self, top: Path, commit: str) -> None:
        """See `Transport`."""
        meter = Meter(self._report)

        def work(thread: Worker) -> None:
            with _opened(top / ".git") as repository, _plain(repository):
                tree = repository[commit].peel(pygit2.Tree)
                texts = [found.data for found in _attributes(tree, thread)]
                _check_attributes(texts)
                watch = _Watch(thread, meter, filters=bool(texts))
                # Attributes count for files, too, that are written before those of their directory.
                if not (top / ".git/index").exists():
                    repository.index.read_tree(tree)
                    repository.index.write()
                elif texts:
                    _check_out(repository, commit, watch, [".gitattributes", "*/.gitattributes"])
                _check_out(repository, commit, watch)
                if any(map(asks_for_ident, texts)):
                    _check_ident(repository, thread)

        self._do(None, work)

    def links(self, store: Path, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
        """See `Transport`."""
        found = {}
        with _opened(store) as repository, _explained("cannot read the tree"):
            tree = repository[commit].peel(pygit2.Tree)
            for path in paths or _walk(tree):
                entry = tree[path] if path in tree else None  # noqa: SIM401 - a tree has no get
                if entry is not None and entry.filemode == enums.FileMode.COMMIT:
                    found[path] = str(entry.id)
        return found

    def adopt(self, top: Path, commit: str, *, keep_ignored: bool) -> None:  # noqa: ARG002 - as above
        """See `Transport`: refused, because libgit2 writes every file again, and looks for files behind links."""
        raise SourceError("keeping a checkout needs the git program")

    def merge(self, store: Path, target: str, commit: str, message: str, identity: tuple[str, str]) -> str | None:
        """See `Transport`."""
        raise NotImplementedError("the plan takes the git program")

    def uses_lfs(self, top: Path) -> bool:
        """See `Transport`."""

        def work(thread: Worker) -> bool:
            with _opened(top / ".git") as repository:
                tree = repository.head.peel(pygit2.Tree)
                return any(b"filter=lfs" in found.data for found in _attributes(tree, thread))

        return self._do(None, work)

    def pull_lfs(self, top: Path, remote: Remote, storage: Path | None) -> None:  # noqa: ARG002 - the protocol's signature
        """See `Transport`."""
        raise SourceError("files of Git LFS need the git program")

    def repack(self, store: Path) -> bool:  # noqa: ARG002 - the protocol's signature
        """See `Transport`: libgit2 cannot do it without loading all objects."""
        return False

    def _reach(self, remote: Remote, work: Callable[[_Way], T]) -> T:
        """Have `work` ask a server; one of http by a relay, which bounds where redirects lead. Raises `SourceError`."""
        if remote.url is None or remote.url.scheme not in {"http", "https"}:
            return work(_Way(remote, remote.address, remote))
        limit = self._limits.setdefault(remote.address, RedirectLimit(remote, self._options.timeout))
        return limit.reach(lambda relay, now: work(_Way(remote, relay.address, now, relay.authority)), _ERRORS)

    def _do(self, remote: Remote | None, work: Callable[[Worker], T], patience: float = math.inf) -> T:
        """Run `work` in a thread, and explain its failure; silence for `patience` seconds counts as one.

        libgit2's own limit is for each byte: a server that trickles its answer is never silent.
        """
        action = f"cannot clone '{remote.shown}'" if remote else "cannot check out"
        local = remote is not None and remote.url is None
        with _explained(action, remote), any_owner() if local else server_silent_for(self._options.timeout):
            try:
                return interruptible_thread.run(work, self._report, math.inf if local else patience)
            except TimeoutError:
                raise NetworkError(f"{action}: nothing came for {patience:g} seconds") from None


def _list_refs(way: _Way, ssh_key: str | None, thread: Worker) -> Listing:
    """Ask the remote in a repository that exists in memory only."""
    repository = pygit2.Repository()
    origin = repository.remotes.create_anonymous(way.address)
    origin.connect(callbacks=_Callbacks(way, thread, None, ssh_key))
    heads = {head.name: head for head in origin.list_heads(connect=False) if head.name}
    default = heads["HEAD"].symref_target if "HEAD" in heads else None
    return Listing({name: str(head.oid) for name, head in heads.items()}, default or None)


def _walk(top: pygit2.Tree) -> Iterator[str]:
    """The paths of all submodules in a tree, which may be deeper than the interpreter's stack."""
    waiting = [("", top)]
    while waiting:
        prefix, tree = waiting.pop()
        for entry in tree:
            if entry.filemode == enums.FileMode.COMMIT:
                yield f"{prefix}{entry.name}"
            elif isinstance(entry, pygit2.Tree):
                waiting.append((f"{prefix}{entry.name}/", entry))


def _attributes(top: pygit2.Tree, thread: Worker) -> Iterator[pygit2.Blob]:
    """The files of attributes in a tree, in all directories."""
    seen, waiting = {top.id}, [top]
    while waiting:
        thread.check()
        for entry in waiting.pop():
            if entry.name == ".gitattributes" and isinstance(entry, pygit2.Blob):
                yield entry
            if isinstance(entry, pygit2.Tree) and entry.id not in seen:
                seen.add(entry.id)
                waiting.append(entry)


def _check_out(repository: pygit2.Repository, commit: str, watch: _Watch, paths: Sequence[str] = ()) -> None:
    repository.checkout_tree(  # type: ignore[no-untyped-call]
        repository[commit], strategy=_FORCE, callbacks=watch, paths=list(paths) or None
    )


def _check_attributes(texts: Iterable[bytes]) -> None:
    """Raise `SourceError` for attributes that libgit2 does not follow as git does."""
    for text in texts:
        odd = beyond(text)
        if odd is not None:
            raise SourceError(f"'.gitattributes' has {odd}, which needs the git program")


def _check_ident(repository: pygit2.Repository, thread: Worker) -> None:
    """Raise `SourceError` for files in which libgit2 has not written the identifiers that git would."""
    for entry in repository.index:
        thread.check()
        found = repository[entry.id] if entry.mode in _FILES else None
        odd = isinstance(found, pygit2.Blob) and not is_plain_ident(found.data)
        if odd and repository.get_attr(entry.path, "ident") is True:
            raise SourceError(f"'{one_line(entry.path)}' has several identifiers ($Id$), which needs the git program")


def _parents(commit: bytes) -> list[str]:
    """The parents that the text of a commit names."""
    header = commit.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")
    return [line[7:] for line in header if line.startswith("parent ")]


@contextmanager
def _opened(store: Path) -> Iterator[pygit2.Repository]:
    """The repository whose git directory is `store`."""
    try:
        repository = open_repository(store)
    except _ERRORS as error:
        raise SourceError(f"cannot open the git repository '{store}': {error}") from None
    try:
        yield repository
    finally:
        repository.free()


@contextmanager
def _explained(action: str, remote: Remote | None = None) -> Iterator[None]:
    """Turn libgit2's errors into ours; its texts may hold the URL, so they are scrubbed."""
    try:
        yield
    except _ERRORS as error:
        said = scrub(str(error.args[0] if error.args else error), [remote.password if remote else ""])
        if remote is not None and said.startswith("invalid content-type"):
            said = f"no git server answers ({said}); a directory of files is served to the git program only"
        text = said.strip().rstrip(".").lower()[:_LONGEST]
        kind = NetworkError if remote is not None and is_network(text, remote) else SourceError
        raise kind(f"{action}: {text}") from None


@contextmanager
def _plain(repository: pygit2.Repository) -> Iterator[None]:
    """Write files as they were committed, whatever the user's configuration; no setting stays in the repository."""
    config = repository.config
    for name, value in _PLAIN.items():
        config[name] = value
    try:
        yield
    finally:
        for name in _PLAIN:
            del config[name]


class _Watch(pygit2.CheckoutCallbacks):
    """Shows how far a checkout is, and ends it when the caller has gone.

    Without `filters` libgit2 does not look for attributes, beside each file and in all directories above it.
    """

    def __init__(self, thread: Worker, meter: Meter, *, filters: bool) -> None:
        super().__init__()
        self._thread = thread
        self._meter = meter
        self._filters = filters
        self._options: Any = None

    @property
    def checkout_options(self) -> Any:
        """The library's own options, which pygit2 keeps here and does not let its callers set."""
        return self._options

    @checkout_options.setter
    def checkout_options(self, options: Any) -> None:
        options.disable_filters = not self._filters
        self._options = options

    def checkout_progress(self, _path: str, completed_steps: int, total_steps: int) -> None:
        """Called for each file."""
        self._thread.check()
        self._meter.step("updating files", completed_steps, total_steps)


class _Callbacks(pygit2.RemoteCallbacks):
    """Gives each credential once, lets no bad certificate pass and stops when the caller has gone."""

    # Left out on purpose: pygit2 decodes the server's progress text strictly before it calls us.
    sideband_progress = None  # type: ignore[assignment]

    def __init__(self, way: _Way, worker: Worker, meter: Meter | None, ssh_key: str | None = None) -> None:
        super().__init__()
        remote, self.relay, self.served = way.remote, way.relay, way.served
        self.source = remote  # `remote` is an attribute of pygit2's
        self.worker = worker
        self.meter = meter
        self.untried: list[pygit2.Username | pygit2.Keypair | pygit2.UserPass] = []
        if remote.url is not None and remote.url.scheme in {"", "ssh"}:
            user = remote.user or "git"
            key = pygit2.Keypair(user, None, ssh_key, "") if ssh_key else pygit2.KeypairFromAgent(user)
            self.untried += [pygit2.Username(user), key]
        if way.served.user or way.served.password:
            self.untried.append(pygit2.UserPass(way.served.user, way.served.password))

    def credentials(
        self, url: str, _username: str | None, allowed_types: pygit2.enums.CredentialType
    ) -> pygit2.Username | pygit2.Keypair | pygit2.UserPass:
        """Return the next credential that the server accepts in kind; raise `SourceError` after the last."""
        self.worker.check()
        asking, asked = split(url), self.source.url
        if asking is not None and asking.host == self.relay:  # it passes on what this server says only
            url, asking = self.served.address, self.served.url
        if asked is None or asking is None or (asking.scheme, asking.host) != (asked.scheme, asked.host):
            elsewhere = without_credentials(url)
            raise SourceError(f"'{self.source.shown}' leads to '{elsewhere}', which gets no credentials")
        for credential in self.untried:
            if credential.credential_type & allowed_types:
                self.untried.remove(credential)
                return credential
        if asked.scheme in {"", "ssh"}:
            raise SourceError(f"'{self.source.shown}' accepts no key that was offered")
        if self.source.user or self.source.password:
            raise SourceError(f"'{self.source.shown}' refused the credentials given for it")
        raise SourceError(f"'{self.source.shown}' asks for credentials and none were given")

    def certificate_check(self, _certificate: None, valid: bool, _host: bytes) -> bool:
        """Accept only what the library found valid: pygit2's default accepts every ssh host key."""
        return valid

    def transfer_progress(self, stats: pygit2.remotes.TransferProgress) -> None:
        """Stop when the caller has gone; show how much has come."""
        self.worker.check()
        if self.meter is not None and stats.total_objects:
            size = f"{stats.received_bytes / (1 << 20):.2f} MiB"
            self.meter.step("receiving objects", stats.received_objects, stats.total_objects, size)

    def update_tips(self, _refname: str, _old: pygit2.Oid, _new: pygit2.Oid) -> None:
        """Stop when the caller has gone."""
        self.worker.check()
