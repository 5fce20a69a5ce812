"""Concurrency groups: of the jobs and workflows that name a group, one runs at a time. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple, checked

if TYPE_CHECKING:
    from collections.abc import Iterator


@checked
class Concurrency(NamedTuple):
    """A group of which one run goes on at a time on this machine, the others in the order in which they came.

    `group` is a text with facts, as `deploy-${branch}`. With `cancel` this run stops those of the group before it.
    """

    group: str
    cancel: bool = False


def wrong_group(concurrency: Concurrency) -> Iterator[str]:
    """Yield what is wrong with a group."""
    from runnerlib.pipeline.template import problems  # for the few jobs that are in a group

    yield from (f"group: {text}" for text in problems(concurrency.group, files=False))
