"""Other paths of a tree: a file system may be mounted several times, and each mount shows the same files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_OCTAL = r"\\([0-7]{3})"


class Mount(NamedTuple):
    """A mount: the device of its file system, the directory of that which it shows, and where it shows it."""

    device: str
    root: str
    point: str


def mounts() -> list[Mount]:
    """Return the mounts that this process sees; none where there is no /proc."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return [Mount(words[2], _plain(words[3]), _plain(words[4])) for words in map(str.split, file)]
    except OSError:
        return []


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


def _plain(text: str) -> str:
    return re.sub(_OCTAL, lambda found: chr(int(found[1], 8)), text) if "\\" in text else text
