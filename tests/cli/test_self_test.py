"""`runnerlib self-test`: everything works here, and what does not is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runnerlib.cli import _self_test
from runnerlib.errors import SourceError
from tests.integration.cli import program


def test_everything_works_here(tmp_path: Path) -> None:
    done = program("self-test", "--json", cwd=tmp_path)
    report = json.loads(done.out)
    assert {result["name"]: result["state"] for result in report["results"]} == dict.fromkeys(_self_test.CHECKS, "ok")
    assert report["works"]
    assert done.code == 0


def test_what_does_not_work_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_place: Path) -> str:
        raise SourceError("no\nsuch thing")

    def wrong(_place: Path) -> str:
        _self_test._expect(right=False, otherwise="it is wrong")
        return ""

    def absent(_place: Path) -> str:
        raise _self_test._Skipped("this machine has none")

    monkeypatch.setattr(_self_test, "CHECKS", {"a": broken, "b": wrong, "c": absent, "d": lambda _: "fine"})
    assert [tuple(result) for result in _self_test.run_checks(tmp_path)] == [
        ("a", "failed", "no such thing"),
        ("b", "failed", "it is wrong"),
        ("c", "skipped", "this machine has none"),
        ("d", "ok", "fine"),
    ]
