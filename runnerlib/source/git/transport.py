"""Interface between a checkout and its implementations: the git program, or libgit2.

Both work on repositories that `gitdir` made, leave the same objects and the same work tree, and write no
configuration. A store is a git directory; for a work tree it is `<top>/.git`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from runnerlib.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from runnerlib.source.git.remote import Remote

INFINITE = 0x7FFFFFFF
"""The depth that stands for the whole history, also of a store that is shallow."""


class RefError(SourceError):
    """The ref that was asked for leads to no commit: neither the network is to blame, nor what is kept here."""


class MissingRefError(RefError):
    """The remote does not have the ref or the commit that was asked for, or does not give it away."""


class FormatError(SourceError):
    """The remote names its objects by another algorithm than the store does."""


class KindError(RefError):
    """The name means no single commit; the text says what it is: `a blob, not a commit`."""


class NetworkError(SourceError):
    """The connection failed, or broke: it may be better next time."""


class WholeError(SourceError):
    """The remote serves whole histories only."""


class Listing(NamedTuple):
    """Refs that a remote advertises: full names ("HEAD" too) → object ids, and the name HEAD points to."""

    refs: Mapping[str, str]
    default: str | None = None


class Transport(Protocol):
    """Interface for fetching and checking out. Every method raises `SourceError`, without credentials in its text."""

    def list_refs(self, remote: Remote, names: Sequence[str] = ()) -> Listing:
        """List the refs that `remote` advertises: at least `names`, or all if there are none."""

    def fetch(self, store: Path, remote: Remote, specs: Sequence[str], depth: int) -> None:
        """Fetch `specs` (`+<full name or commit id>:<ref to write>`), `depth` commits deep, without other tags.

        Depth 0 leaves history as it is. Raises `MissingRefError` and `NetworkError` for what these say.
        """

    def resolve(self, store: Path, text: str) -> str | None:
        """The commit that a full or abbreviated object id means, through annotated tags; None if it is not there.

        Raises `KindError` when it means something else, or several things.
        """

    def parents(self, store: Path, commits: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Return the parents of each of `commits` as recorded in it, whether they are present or not."""

    def history(self, store: Path, commits: Collection[str]) -> dict[str, Sequence[str]]:
        """Map all commits reachable from `commits` to their parents, children first, up to the boundary in `store`."""

    def present(self, store: Path, objects: Collection[str]) -> frozenset[str]:
        """Return the subset of `objects` that are in the store."""

    def check_out(self, top: Path, commit: str) -> None:
        """Make the work tree and the index of `top` those of `commit`; files that no commit knows stay.

        What the index says is unchanged is not read again; a sparse checkout is as the store says.
        """

    def links(self, store: Path, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
        """Map each submodule of `commit` among `paths` (all if there are none) to the submodule's commit."""

    def adopt(self, top: Path, commit: str, *, keep_ignored: bool) -> None:
        """Bring an existing, untrusted work tree `top` of an older checkout to `commit`.

        There is no index: every file is compared by its content, and unchanged files keep their times. Files that the
        commit does not know are removed, or with `keep_ignored` only those that it does not ignore. The git program
        alone can do it.
        """

    def merge(self, store: Path, target: str, commit: str, message: str, identity: tuple[str, str]) -> str | None:
        """Make the commit that merges `commit` into `target`; None if that is part of it already.

        `identity` is a name and an address. Raises `SourceError` for conflicts. The git program alone can do it.
        """

    def uses_lfs(self, top: Path) -> bool:
        """Tell whether attributes anywhere in the commit that is checked out send files to Git LFS."""

    def pull_lfs(self, top: Path, remote: Remote, storage: Path | None) -> None:
        """Fetch the files of Git LFS that the checkout needs, and write them in the place of their pointers.

        What is in `storage` is not fetched, and what is fetched stays there. The git program alone can do it.
        """

    def repack(self, store: Path) -> bool:
        """Make one pack of all that the refs of `store` reach; False if this transport cannot."""
