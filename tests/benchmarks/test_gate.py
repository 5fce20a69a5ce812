from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from benchmarks import gate, gate_case
from benchmarks.gate import Result, Rounds

EXPECTED = {"mask": "right", "start": "well"}


def rounds(mask: float | None = 1.0, start: float = 1.0, *, digest: str = "right", count: int = 3) -> Rounds:
    results = {"start": Result(start, "well")}
    if mask is not None:
        results["mask"] = Result(mask, digest)
    return [results] * count


def failures(a: Rounds, b: Rounds, limit: float = 0.1) -> dict[str, str]:
    return {verdict.name: verdict.text for verdict in gate.judge(a, b, EXPECTED, limit) if verdict.failed}


def test_equal_builds_pass() -> None:
    assert failures(rounds(), rounds()) == {}


@pytest.mark.parametrize(("seconds", "failed"), [(0.5, False), (1.09, False), (1.12, True), (3.0, True)])
def test_a_loss_of_more_than_a_tenth_fails(seconds: float, failed: bool) -> None:
    assert ("mask" in failures(rounds(1.0), rounds(seconds))) == failed


def test_a_loss_is_told_in_one_line() -> None:
    found = failures(rounds(0.001), rounds(0.002))
    assert found == {"mask": "B has 50.0% of A's speed (1 ms, 2 ms)"}


def test_medians_are_compared() -> None:
    noisy = [*rounds(1.0, count=3), *rounds(90.0, count=2)]
    assert failures(rounds(), noisy) == {}


def test_a_missing_benchmark_fails() -> None:
    assert failures(rounds(), rounds(None)) == {"mask": "is missing: it did not run in B"}


def test_a_benchmark_that_raises_fails() -> None:
    broken = [{**results, "mask": Result(error="TypeError: no")} for results in rounds()]
    assert failures(rounds(), broken) == {"mask": "is missing: TypeError: no in B"}


def test_a_renamed_benchmark_fails_twice() -> None:
    renamed = [{"start": results["start"], "masking": results["mask"]} for results in rounds()]
    assert failures(rounds(), renamed) == {
        "mask": "is missing: it did not run in B",
        "masking": "has no recorded answer: it is new or renamed",
    }


def test_a_wrong_answer_fails_in_whatever_round() -> None:
    assert failures(rounds(), [*rounds(), *rounds(digest="wrong")]) == {"mask": "gives a wrong answer in B"}


@pytest.mark.parametrize("a", [rounds(None), rounds(digest="wrong")], ids=["missing", "wrong"])
def test_a_benchmark_that_b_repairs_passes_uncompared(a: Rounds) -> None:
    assert failures(a, rounds(9.0)) == {}


def chosen(rounds: Rounds, names: Collection[str]) -> Rounds:
    return [{name: results[name] for name in names or results} for results in rounds]


class Machine:
    """Gives measurements one after the other, and notes what was asked for."""

    def __init__(self, *pairs: tuple[Rounds, Rounds]) -> None:
        self.pairs = list(pairs)
        self.asked: list[tuple[set[str], int]] = []

    def measure(self, names: Collection[str], count: int) -> tuple[Rounds, Rounds]:
        self.asked.append((set(names), count))
        a, b = self.pairs.pop(0)
        return chosen(a, names), chosen(b, names)


def test_a_loss_that_does_not_come_again_was_noise() -> None:
    machine = Machine((rounds(), rounds(2.0)), (rounds(), rounds(1.0)))
    verdicts = gate.decide(machine.measure, EXPECTED, 3, 0.1)
    assert [verdict.failed for verdict in verdicts] == [False, False]
    assert machine.asked == [(set(), 3), ({"mask"}, 6)]


def test_a_loss_that_comes_again_fails() -> None:
    machine = Machine((rounds(), rounds(2.0)), (rounds(), rounds(1.3)))
    verdicts = gate.decide(machine.measure, EXPECTED, 3, 0.1)
    assert [verdict.name for verdict in verdicts if verdict.failed] == ["mask"]
    assert "76.9%" in verdicts[0].text


def test_a_wrong_answer_is_not_measured_again() -> None:
    machine = Machine((rounds(), rounds(digest="wrong")))
    assert any(verdict.failed for verdict in gate.decide(machine.measure, EXPECTED, 3, 0.1))
    assert len(machine.asked) == 1


def test_builds_take_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    order = []

    def probe(python: str, directory: Path, names: Collection[str]) -> dict[str, Result]:
        order.append(python)
        return {"start": Result(float(len(order)))}

    monkeypatch.setattr(gate, "probe", probe)
    a, b = gate.measure({"a": "old", "b": "new"}, tmp_path, (), 3)
    assert order == ["old", "new", "new", "old", "old", "new"]
    assert [results["start"].seconds for results in (*a, *b)] == [1, 4, 5, 2, 3, 6]


def test_a_python_without_runnerlib_is_told(tmp_path: Path) -> None:
    (tmp_path / "cases.json").write_text("[]")
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nshift\nexec "{sys.executable}" -S -I "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(SystemExit, match=r"gate: '.*python' cannot be measured: ModuleNotFoundError"):
        gate.probe(str(bare), tmp_path, ())


def test_every_benchmark_has_a_recorded_answer() -> None:
    assert list(gate_case.expected()) == [case.name for case in gate_case.CASES]


@pytest.mark.parametrize("case", [case for case in gate_case.CASES if case.kind != "start"], ids=lambda case: case.name)
def test_recorded_answers_are_right(case: gate_case.GateCase) -> None:
    """Compare with the answers of the masker; the recorded ones are another engine's."""
    masked = gate_case.engine.digest(gate_case.engine.Runnerlib(case.secrets), gate_case.Text(case.bytes()))
    assert gate_case.expected()[case.name] == masked


def test_inputs_are_what_a_build_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gate_case, "CASES", [case for case in gate_case.CASES if case.size <= gate_case.MIB])
    gate_case.write_inputs(tmp_path)
    listed = json.loads((tmp_path / "cases.json").read_text())
    assert [case["name"] for case in listed] == [case.name for case in gate_case.CASES]
    assert [(tmp_path / case["text"]).read_bytes() for case in listed] == [case.bytes() for case in gate_case.CASES]
