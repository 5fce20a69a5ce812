"""Transport that retries after network failures, and only these, with growing delays."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from runnerlib.source.git.transport import Listing, NetworkError
from runnerlib.source.retry import retried

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from runnerlib.source.git.remote import Remote
    from runnerlib.source.git.transport import Transport
    from runnerlib.source.spec import Report

T = TypeVar("T")


class RetryingTransport:
    """Wrapper of `transport` that retries network operations up to `retries` times."""

    def __init__(self, transport: Transport, retries: int, report: Report) -> None:
        self._transport = transport
        self._retries = retries
        self._report = report

    def list_refs(self, remote: Remote, names: Sequence[str] = ()) -> Listing:
        """See `Transport`."""
        return self._again(lambda: self._transport.list_refs(remote, names))

    def fetch(self, store: Path, remote: Remote, specs: Sequence[str], depth: int) -> None:
        """See `Transport`; git cannot resume a pack, but objects in the store are not fetched again."""
        self._again(lambda: self._transport.fetch(store, remote, specs, depth))

    def resolve(self, store: Path, text: str) -> str | None:
        """See `Transport`."""
        return self._transport.resolve(store, text)

    def parents(self, store: Path, commits: Collection[str]) -> Mapping[str, Sequence[str]]:
        """See `Transport`."""
        return self._transport.parents(store, commits)

    def history(self, store: Path, commits: Collection[str]) -> dict[str, Sequence[str]]:
        """See `Transport`."""
        return self._transport.history(store, commits)

    def present(self, store: Path, objects: Collection[str]) -> frozenset[str]:
        """See `Transport`."""
        return self._transport.present(store, objects)

    def check_out(self, top: Path, commit: str) -> None:
        """See `Transport`."""
        self._transport.check_out(top, commit)

    def links(self, store: Path, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
        """See `Transport`."""
        return self._transport.links(store, commit, paths)

    def adopt(self, top: Path, commit: str, *, keep_ignored: bool) -> None:
        """See `Transport`."""
        self._transport.adopt(top, commit, keep_ignored=keep_ignored)

    def merge(self, store: Path, target: str, commit: str, message: str, identity: tuple[str, str]) -> str | None:
        """See `Transport`."""
        return self._transport.merge(store, target, commit, message, identity)

    def uses_lfs(self, top: Path) -> bool:
        """See `Transport`."""
        return self._transport.uses_lfs(top)

    def pull_lfs(self, top: Path, remote: Remote, storage: Path | None) -> None:
        """See `Transport`."""
        self._again(lambda: self._transport.pull_lfs(top, remote, storage))

    def repack(self, store: Path) -> bool:
        """See `Transport`."""
        return self._transport.repack(store)

    def _again(self, work: Callable[[], T]) -> T:
        return retried(work, NetworkError, self._retries, self._report)
