"""Wrong arguments of the classes that programs build jobs of: named by the public class, with what was meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from runnerlib import ConfigError, Job, Retry, Step, Workflow
from runnerlib.pipeline.workflow import Download, Filter, WorkflowJob

BODY = Job("b", [Step("s", "true")])

WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "Step": (lambda: Step("a", "b", tiemout=3), "Step: unknown argument 'tiemout'; did you mean 'timeout'?"),  # type: ignore[call-arg]
    "Step without a command": (lambda: Step("a"), "Step: 'run' is missing"),  # type: ignore[call-arg]
    "Step of nothing": (Step, "Step: 'name' and 'run' are missing"),  # type: ignore[call-arg]
    "Step twice": (lambda: Step("a", "b", name="c"), "Step: 'name' is given twice"),  # type: ignore[misc]
    "Step of too much": (
        lambda: Step(*["x"] * 99),
        f"Step: at most {len(Step._fields)} arguments without a name are expected, got 99",
    ),
    "Retry": (lambda: Retry(max_attempts=3), "Retry: unknown argument 'max_attempts' (max, "),  # type: ignore[call-arg]
    "add_step": (lambda: Job().add_step("a", "b", depend_on="x"), "did you mean 'depends_on'?"),
    "Job": (lambda: Job("x", stepz=[]), "Job: unknown argument 'stepz'"),  # type: ignore[call-arg]
    "Job of too much": (lambda: Job("x", [], {}), "Job: at most 2 arguments without a name"),  # type: ignore[misc]
    "Workflow": (lambda: Workflow(job=[]), "Workflow: unknown argument 'job'"),  # type: ignore[call-arg]
    "WorkflowJob": (lambda: WorkflowJob("x", BODY, dependson="a"), "did you mean 'depends_on'?"),  # type: ignore[call-arg]
    "Download": (lambda: Download(file="x"), "Download: unknown argument 'file'"),  # type: ignore[call-arg]
    "Filter": (lambda: Filter(event=()), "did you mean 'events'?"),  # type: ignore[call-arg]
    "add_job": (
        lambda: Workflow().add_job("a", "b", depend_on="x"),
        "add_job: unknown argument 'depend_on'; did you mean 'depends_on'?",
    ),
    "add_job of a Job": (lambda: Workflow().add_job(BODY, tiemout=1), "did you mean 'timeout'?"),
    "add_job of a WorkflowJob": (
        lambda: Workflow().add_job(WorkflowJob("b", BODY), imgae="x"),
        "did you mean 'image'?",
    ),
}


@pytest.mark.parametrize(("call", "told"), WRONG.values(), ids=WRONG)
def test_they_are_named(call: Callable[[], object], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        call()
    assert told in str(caught.value)
    assert isinstance(caught.value, TypeError), "what Python would raise"
    assert "_" not in str(caught.value).partition(":")[0].replace("add_job", "")


def test_what_is_wrong_inside_is_not_taken_for_an_argument() -> None:
    with pytest.raises(TypeError, match="not iterable") as caught:
        Job("x", 3)  # type: ignore[arg-type]
    assert not isinstance(caught.value, ConfigError)


def test_signatures_are_those_that_are_declared() -> None:
    assert list(inspect.signature(Step).parameters)[:2] == ["name", "run"]
    declared = ["name", "steps", "env", "timeout", "max_parallel", "secrets", "description"]
    assert list(inspect.signature(Job).parameters)[: len(declared)] == declared


def test_a_single_name_is_a_list_of_one() -> None:
    step = Step("deploy", "true", depends_on="build", outputs="digest", retry=3)  # type: ignore[arg-type]
    assert (step.depends_on, step.outputs, step.retry) == (("build",), ("digest",), Retry(3))
    assert type(step) is Step
    job = WorkflowJob("deploy", BODY, depends_on="build", upload="out/**", runs_on="linux", download="build")  # type: ignore[arg-type]
    assert (job.depends_on, job.upload, job.runs_on) == (("build",), ("out/**",), ("linux",))
    assert job.download == (Download("build"),)
