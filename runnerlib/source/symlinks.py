"""Targets of symbolic links, computed from their texts alone: no I/O, so no race."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_HOPS = 40  # as the kernel; a link that takes more leads nowhere at all
_MOST_STEPS = 1000  # of one link; a link without bad intent takes far fewer


def leads_out(link: str, links: Mapping[str, str]) -> bool:
    """Tell whether following `link` ever leaves the tree whose links are `links`.

    Names are relative to the tree's root ("a/b"), values are the links' texts; every name that is no
    link counts as a directory. An absolute text leads out, wherever it points: even inside the source
    it would tie the copy to the original. A loop stays inside. A link that takes endless steps counts as one that
    leads out: its author decides how long it takes to follow.
    """
    here = link.split("/")[:-1]
    todo = links[link].split("/")[::-1]
    if links[link].startswith("/"):
        return True
    hops = steps = 0
    while todo and hops < _MOST_HOPS:
        steps += 1
        if steps > _MOST_STEPS:
            return True
        name = todo.pop()
        if name == ".." and not here:
            return True
        if name == "..":
            here.pop()
        elif name not in {"", "."}:
            here.append(name)
        text = links.get("/".join(here)) if name not in {"", ".", ".."} else None
        if text is not None and text.startswith("/"):
            return True
        if text is not None:
            hops += 1
            here.pop()
            todo.extend(text.split("/")[::-1])
    return False
