"""The level of each step: its own key over the setting, never wider for a file of the untrusted source."""

from __future__ import annotations

import pytest

from runnerlib.config import RunnerConfig
from runnerlib.pipeline.job import Step
from runnerlib.runner.sandbox.level import Bounds, bounds_of

USUAL = RunnerConfig()


def bounds(config: RunnerConfig = USUAL, *, trusted: bool = False, foreign: bool = False, **keys: object) -> Bounds:
    return bounds_of(Step("s", "true", **keys), config, trusted=trusted, foreign=foreign)  # type: ignore[arg-type]


def test_auto_bounds_steps_beside_a_ci_source() -> None:
    assert bounds() == Bounds("off")
    assert bounds(trusted=True) == Bounds("source", True)
    assert bounds(RunnerConfig(sandbox="off"), trusted=True, sandbox="auto") == Bounds("source", True)


def test_strict_has_no_network_by_default() -> None:
    assert bounds(untrusted=True) == bounds(RunnerConfig(sandbox="off"), trusted=True, untrusted=True)
    assert bounds(untrusted=True) == bounds(sandbox="strict")._replace(untrusted=True)
    assert bounds(sandbox="strict") == Bounds("strict", False)
    assert bounds(sandbox="strict", network=[80, 443]) == Bounds("strict", (80, 443))
    assert bounds(RunnerConfig(sandbox="strict", network=True)) == Bounds("strict", True)
    assert bounds(RunnerConfig(network=(22,)), sandbox="source") == Bounds("source", (22,))


WIDER = [
    ({"sandbox": "off"}, Bounds("source", True, "sandbox 'off'")),
    ({"sandbox": "strict"}, Bounds("strict", False)),
    ({"sandbox": "strict", "network": True}, Bounds("strict", False, "network 'true'")),
    ({"sandbox": "source", "network": False}, Bounds("source", False)),
]


@pytest.mark.parametrize(("keys", "expected"), WIDER)
def test_a_foreign_file_can_only_narrow(keys: dict[str, object], expected: Bounds) -> None:
    assert bounds(trusted=True, foreign=True, **keys) == expected


def test_a_foreign_file_stays_within_the_ports_of_the_settings() -> None:
    config = RunnerConfig(sandbox="strict", network=(80, 443))
    assert bounds(config, trusted=True, foreign=True, network=[443]) == Bounds("strict", (443,))
    assert bounds(config, trusted=True, foreign=True, network=[22]) == Bounds("strict", (80, 443), "network '22'")
