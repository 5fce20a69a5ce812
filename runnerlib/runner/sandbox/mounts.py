"""Other paths of a tree: a file system may be mounted several times, and each mount shows the same files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runnerlib._util.proc import Mount


def other_paths(path: str, known: Sequence[Mount]) -> Iterator[str]:
    """Yield the other paths at which (a part of) what is at the real path `path` can be reached. Pure."""
    own = None
    for mount in known:  # the last of two at the same point hides the first
        if _is_below(path, mount.point) and (own is None or len(mount.point) >= len(own.point)):
            own = mount
    if own is None:
        return
    inside = _joined(own.root, path[len(own.point.rstrip("/")) :])
    for mount in known:
        if mount.device != own.device or mount == own:
            continue
        if _is_below(inside, mount.root):
            yield _joined(mount.point, inside[len(mount.root.rstrip("/")) :])
        elif _is_below(mount.root, inside):
            yield mount.point


def _is_below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _joined(directory: str, rest: str) -> str:
    return f"{directory.rstrip('/')}/{rest.strip('/')}".rstrip("/") or "/"
