"""The source trees that the evaluation of an event needs, and the checkouts for those that are missing.

A coordinator starts an evaluation in an empty workspace and only names the sources. A tree that was prepared before,
by hand or by an earlier evaluation, is used as it is.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.config import read
from runnerlib.errors import SourceError, one_line
from runnerlib.pipeline.workflow.file import LAYOUT
from runnerlib.runner.checkouts import Checkout, wanted
from runnerlib.source import SourceSpec
from runnerlib.source.atomic_replace import is_holder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from runnerlib.config import Resolved
    from runnerlib.source import Sources
    from runnerlib.triggers.evaluate.event import Event

# The settings of sources that an event carries, and the variables it carries them in.
_TOLD = {
    "ci_source_url": "REACTORCIDE_CI_SOURCE_URL",
    "ci_source_ref": "REACTORCIDE_CI_SOURCE_REF",
    "source_url": "REACTORCIDE_SOURCE_URL",
    "source_ref": "REACTORCIDE_SHA",
}


class Trees(NamedTuple):
    """The evaluated trusted source (`root`), and the trees to fetch (`missing`), the trusted one first."""

    root: Path
    missing: tuple[Checkout, ...]


def source_settings(event: Event, environ: Mapping[str, str]) -> Resolved:
    """Return the configuration with the sources of the event, by default of type git.

    Raises ConfigError.
    """
    given = {name: event.variables[variable] for name, variable in _TOLD.items() if event.variables.get(variable)}
    config = read(given, environ).config
    if config.ci_source_url and not config.ci_source_type:
        given["ci_source_type"] = "git"
    if config.source_url and not config.source_type:
        given["source_type"] = "git"
    if config.source_url and not config.source_ref and event.variables.get("REACTORCIDE_BRANCH"):
        given["source_ref"] = event.variables["REACTORCIDE_BRANCH"]
    return read(given, environ)


def find_trees(
    event: Event,
    resolved: Resolved,
    sources: Sources,
    places: tuple[Path, Path],
    note: Callable[[str], object],
    *,
    compared: bool,
) -> Trees:
    """Find the trees to fetch; `places` are the directories of the trusted source and of the source.

    For a pull request the trusted source is `base` in its directory, and `head` beside it is the branch to be merged,
    unless the directory itself holds a trusted source. Without `compared` the source is not needed. Raises
    SourceError when the directory of the trusted source holds something else, ConfigError for a wrong setting.
    """
    ci, source = places
    missing: list[Checkout | None] = []
    root = ci
    if not _is_there(ci):
        root = ci / "base" if event.is_pull_request or _is_there(ci / "base") else ci
        missing.append(_trusted(resolved, sources, root))
        if missing == [None] and not os.path.lexists(root):
            note(f"the CI source is not known (REACTORCIDE_CI_SOURCE_URL), and '{one_line(str(root))}' is not there")
        if event.is_pull_request:
            missing.append(_head(event, resolved, sources, ci / "head"))
    if compared:
        missing.append(_compared(resolved, sources, source, note))
    return Trees(root, tuple(filter(None, missing)))


def _is_there(tree: Path) -> bool:
    """Return whether `tree` holds a trusted source; one without any workflow counts as well."""
    return os.path.lexists(tree / LAYOUT) or os.path.lexists(tree / ".git")


def _trusted(resolved: Resolved, sources: Sources, root: Path) -> Checkout | None:
    found = wanted(resolved, sources, "ci source", "ci_source_", root)
    if found is None or _is_there(root):
        return None
    other = _first_in(root)
    if other is not None:
        problem = f"the ci source is not put into '{one_line(str(root))}', which holds something else: '{other}'"
        raise SourceError(f"{problem}; empty it, or name another directory by --ci-source-dir")
    return found


def _head(event: Event, resolved: Resolved, sources: Sources, head: Path) -> Checkout | None:
    """Return the checkout of the pull request's head; it is for comparison only and never evaluated."""
    url, ref = event.variables.get("REACTORCIDE_HEAD_URL"), event.variables.get("REACTORCIDE_SHA")
    if not url or _first_in(head) is not None:
        return None
    options = resolved.config.source_options if resolved.config.source_type == "git" else ()
    spec = SourceSpec("git", url, ref, options, for_change=False)
    sources.check(spec)
    return Checkout("head of the pull request", spec, head)


def _compared(resolved: Resolved, sources: Sources, source: Path, note: Callable[[str], object]) -> Checkout | None:
    """Return the checkout of the source whose changes count; None when its directory already holds something."""
    found = wanted(resolved, sources, "source", "source_", source)
    if found is None or os.path.lexists(source / ".git"):
        return None
    other = _first_in(source)
    if other is not None:
        where = one_line(str(source))
        note(f"'{where}' holds something else than a checkout ('{other}'), which stays; the source is not fetched")
        return None
    return found


def _first_in(directory: Path) -> str | None:
    """Return the first entry of a directory, or the name of a non-directory there; None when the path is free."""
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        return one_line(directory.name)
    if not directory.is_dir():
        return None
    held = sorted(entry.name for entry in directory.iterdir() if not is_holder(entry.name))
    return one_line(held[0]) if held else None
