"""Selection of the workflows and jobs that are meant for an event; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib._util.path_glob import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from runnerlib.pipeline.workflow import Filter
    from runnerlib.triggers.evaluate.event import Event

    Changes = Callable[[], Collection[str] | None]
    """Returns the changed files, None when they are not known."""


def mismatch(wanted: Filter, event: Event, changes: Changes) -> str:
    """Return why `wanted` is not meant for `event`, in a few words; empty when it is.

    A filter without events is meant for none. A filter of branches counts where a branch is known, one of paths where
    the changed files are known: nothing is left out because of an unknown value.
    """
    if event.kind not in wanted.events:
        return f"it is meant for {', '.join(wanted.events)}" if wanted.events else "it is meant for no event"
    branch = event.branch
    if wanted.branches and branch and not any(matches(branch, glob) for glob in wanted.branches):
        return f"it is meant for the branches {', '.join(wanted.branches)}"
    if wanted.include or wanted.exclude:
        changed = changes()
        if changed is not None and not any(_passes(path, wanted) for path in changed):
            return "no file that it is meant for has changed"
    return ""


def _passes(path: str, wanted: Filter) -> bool:
    included = not wanted.include or any(matches(path, glob) for glob in wanted.include)
    return included and not any(matches(path, glob) for glob in wanted.exclude)
