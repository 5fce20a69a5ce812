"""Runs of a job for items with fields."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnerlib import Input
from runnerlib.errors import ConfigError
from runnerlib.pipeline.job import Step
from runnerlib.pipeline.workflow import Workflow
from runnerlib.runner.workflow import picture
from tests.runner.workflow.house import planned, ran


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


def test_the_name_of_an_image_has_values_of_the_run(tmp_path: Path) -> None:
    made = Workflow("w", inputs={"v": Input(default="1")})
    made.add_job("a", "true", for_each=[{"py": "3.12"}, {"py": "3.13"}], image="python:${item.py}")
    made.add_job("b", "true", matrix={"os": ["alpine", "debian"]}, image="${matrix.os}:${inputs.v}")
    made.add_job("c", "true", image="x:${inputs.v}")
    plan = planned(made, tmp_path, None, REACTORCIDE_CONTAINER_ENGINE="none")
    images = [one.job.image for one in plan.instances.values()]
    assert images == ["python:3.12", "python:3.13", "alpine:1", "debian:1", "x:1"]
    assert [one.resolved.config.runner_image for one in plan.requests.values()] == images
    with pytest.raises(ConfigError, match=r"job 'b \(alpine\)': image: .*, got 'alpine:--privileged y'"):
        planned(made, tmp_path, None, REACTORCIDE_CONTAINER_ENGINE="none", REACTORCIDE_INPUTS="v=--privileged y")


def test_values_that_there_are_not_in_the_name_of_an_image() -> None:
    made = Workflow("w")
    made.add_job("a", "true", for_each=[{"py": 1}], image="x:${item.pi}")
    made.add_job("b", "true", image="x:${matrix.os}")
    made.add_job("c", "true", image="x:${env.HOME}")
    with pytest.raises(ConfigError) as caught:
        made.check()
    assert [line.partition(": image: ")[2] for line in str(caught.value).splitlines()] == [
        "unknown name 'item.pi'; did you mean 'item.py'?",
        "'${matrix.os}' is nothing here: there is no matrix with names",
        "the name of an image is expected, as python:3.12 or registry/group/image@sha256:…",
    ]


def test_a_picture_tells_of_questions_and_attempts(tmp_path: Path) -> None:
    made = Workflow("w")
    made.add_job("a", "true", approve='"sure" <b>?', retry=1)
    made.add_job("b", "true", depends_on="a")
    drawn = picture(planned(made, tmp_path), "mermaid")
    note = "when somebody approves it: &quot;sure&quot; &lt;b&gt;?<br>up to 2 attempts"
    assert drawn.splitlines()[1:3] == [f'  j0["a<br>{note}"]', '  j1["b"]']
