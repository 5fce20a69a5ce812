"""Targets of symbolic links, computed from their texts alone: no I/O, so no race."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MOST_HOPS = 40  # as the kernel; a link that takes more leads nowhere at all
_MOST_STEPS = 1000  # of one link; a link without bad intent takes far fewer


def leads_out(link: str, links: Mapping[str, str], roots: Collection[str] = ()) -> bool:
    """Tell whether following `link` ever leaves the tree whose links are `links`.

    Names are relative to the tree's root ("a/b"), values are the links' texts; every name that is no
    link counts as a directory. An absolute text leads out, unless it begins with one of `roots`, the paths where the
    tree is going to be: inside of a directory that is copied, it would tie the copy to the original. A loop stays
    inside. A link that takes endless steps counts as one that leads out: its author decides how long that is.
    """
    here = link.split("/")[:-1]
    todo: list[str] = []
    text: str | None = links[link]
    hops = steps = 0
    while hops < _MOST_HOPS:
        if text is not None:
            inside = _below(text, roots)
            if inside is None:
                return True
            here = [] if inside is not text else here
            todo.extend(inside.split("/")[::-1])
        if not todo:
            break
        steps += 1
        if steps > _MOST_STEPS:
            return True
        name = todo.pop()
        text = None
        if name == ".." and not here:
            return True
        if name == "..":
            here.pop()
        elif name not in {"", "."}:
            here.append(name)
            text = links.get("/".join(here))
        if text is not None:
            hops += 1
            here.pop()
    return False


def _below(text: str, roots: Collection[str]) -> str | None:
    """A relative text as it is, an absolute one relative to the root that it begins with; None without one."""
    if not text.startswith("/"):
        return text
    return next((text[len(root) :] for root in roots if text == root or text.startswith(f"{root}/")), None)
