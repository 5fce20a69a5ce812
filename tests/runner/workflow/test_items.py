"""Runs of a job for items with fields."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnerlib.errors import ConfigError
from runnerlib.pipeline.job import Step
from runnerlib.pipeline.workflow import Workflow
from tests.runner.workflow.house import ran


def test_fields_are_variables_and_conditions_ask_for_them(tmp_path: Path) -> None:
    made = Workflow("w")
    items = [{"python": "3.12", "os-name": "linux", "n": [1]}, {"python": "3.13", "os-name": "mac"}, "plain"]
    steps = [
        Step("one", 'echo "$ITEM_PYTHON $ITEM_OS_NAME $ITEM_N $ITEM"'),
        Step("two", "echo mac", condition='item["os-name"] == "mac"'),
    ]
    made.add_job("a", steps=steps, for_each=items)
    made.add_job("b", 'echo "$IT_PYTHON"', for_each=items, item_var="IT", condition="item.python == '3.12'")
    made.add_job("c", "echo $MATRIX_OS", matrix={"os": ["x", "y"]}, condition="matrix.os == 'y'")
    done = ran(made, tmp_path)
    assert done.output("a[0]/one") == '3.12 linux [1] {"python": "3.12", "os-name": "linux", "n": [1]}\n'
    assert [done.output(f"a[{number}]/two") for number in range(3)] == ["", "mac\n", ""]
    assert {name: outcome for name, outcome in done.outcomes.items() if name[0] in "bc"} == {
        "b[0]": "success",
        "b[1]": "skipped",
        "b[2]": "skipped",
        "c[0]": "skipped",
        "c[1]": "success",
    }
    assert done.output("b[0]") == "3.12\n"
    assert [one.label for one in done.plan.instances.values()][:3] == [
        "a (3.12, linux, [1])",
        "a (3.13, mac)",
        "a (plain)",
    ]


def test_fields_that_are_one_in_variables_are_refused() -> None:
    made = Workflow("w")
    made.add_job("a", "true", for_each=[{"a": 1}, {"a-b": 1, "a_b": 2}])
    with pytest.raises(
        ConfigError, match="for_each: item 1: two of its fields are the same in names of variables, or one has no name"
    ):
        made.check()
