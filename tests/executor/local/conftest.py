"""A supervisor for each test, with control groups where the system has them, and without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.local.cgroup import new_groups


def delegated() -> bool:
    """Return whether this system lets the tests make control groups."""
    groups = new_groups()
    if groups is not None:
        groups.remove()
    return groups is not None


@pytest.fixture(params=["cgroup", "plain"])
def supervisor(request: pytest.FixtureRequest) -> Iterator[ProcessSupervisor]:
    if request.param == "cgroup" and not delegated():
        pytest.skip("no control group is delegated here")
    with ProcessSupervisor(cgroups=request.param == "cgroup") as made:
        yield made
    assert made.orphans() == []
