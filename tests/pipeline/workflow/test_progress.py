"""The jobs that run: random graphs against the reference, however the jobs that run together end."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runnerlib.events.result import StepOutcome, StepResult
from runnerlib.pipeline.surroundings import Surroundings
from runnerlib.pipeline.workflow import (
    Instance,
    JobDecider,
    Progress,
    Workflow,
    WorkflowJob,
    expand,
    workflow_job,
)
from tests.pipeline.workflow.reference import Outcomes, Plain, env_of, final_states, names_of

# A thousand cases of 200 jobs take a minute; the gate looks at some.
VALUES = (1, "b", 2.5, None, True, {"x": ["é", None]}, "with space", [1])


def made(rng: random.Random, count: int) -> list[tuple[Plain, WorkflowJob]]:
    """Jobs of all kinds; conditions look at jobs that are waited for."""
    jobs: list[tuple[Plain, WorkflowJob]] = []
    reach: dict[str, set[str]] = {}
    for number in range(count):
        name = f"job-{number}"
        needs = tuple(rng.sample([job.name for job, _ in jobs[-12:]], k=min(len(jobs), rng.choice([0, 0, 1, 1, 2, 3]))))
        reach[name] = set(needs).union(*(reach[need] for need in needs))
        text, rule, decides = condition(rng, sorted(reach[name]))
        keys: dict[str, Any] = {}
        kind = rng.random()
        if kind < 0.12:
            keys["for_each"] = tuple(rng.choices(VALUES, k=rng.randint(1, 3)))
        elif kind < 0.24:
            keys["matrix"] = {key: tuple(rng.choices(VALUES, k=rng.randint(1, 2))) for key in ("os", "py")}
            keys["matrix"]["include"] = tuple(
                {key: rng.choice(VALUES) for key in rng.sample(("os", "py", "x"), rng.randint(1, 3))}
                for _ in range(rng.choice((0, 0, 1, 2)))
            )
        plain = Plain(name, needs, rule, decides, **keys)
        jobs.append((plain, workflow_job(name, "x", depends_on=needs, condition=text, **keys)))
    rng.shuffle(jobs)  # the written order says nothing about dependencies
    return jobs


def condition(rng: random.Random, known: list[str]) -> tuple[str, str | Callable[[Outcomes], bool], bool]:
    """A condition as it is written, as the reference understands it, and whether it alone decides."""
    words = ["all_success"] * 6 + ["any_failed", "always", "all_success(needs)", "always()", " any_failed "]
    choice = rng.random()
    if choice < 0.7 or not known:
        word = rng.choice(words)
        return word, word.strip().removesuffix("(needs)").removesuffix("()"), False
    if choice < 0.8:
        return "branch == 'main'", lambda _states: True, False
    if choice < 0.85:
        return "branch == 'other' or vars.n == '2'", lambda _states: False, False
    if choice < 0.9:
        return "failure()", lambda states: states[""] == "failure", True
    other, wanted = rng.choice(known), rng.choice(["success", "failure", "skipped", "cancelled"])
    return f"jobs['{other}'].outcome == '{wanted}'", lambda states: states[other] == wanted, True


def walked(workflow: Workflow, ends: dict[str, str], rng: random.Random, capacity: int) -> dict[str, StepResult]:
    """Run it: as many jobs at a time as there is room for, which end in any order."""
    world = Surroundings(variables=lambda: {"branch": "main"})
    progress = Progress(JobDecider(workflow, world), capacity, {}, lambda instance: instance.env)
    running: list[str] = []
    while True:
        while (found := progress.next()) is not None:
            if isinstance(found, Instance):
                running.append(found.name)
        if progress.done:
            return progress.results
        assert 0 < len(running) <= capacity
        name = running.pop(rng.randrange(len(running)))
        progress.ended(StepResult(name, ends[name], 0 if ends[name] == "success" else 7))  # type: ignore[arg-type]


def states(seed: int, count: int, capacity: int) -> tuple[dict[str, str], dict[str, str]]:
    rng = random.Random(seed)
    jobs = made(rng, count)
    workflow = Workflow("w", [job for _, job in jobs], vars={"n": 1})
    workflow.check()
    names = [name for plain, _ in jobs for name in names_of(plain)]
    ends = {name: rng.choices(["success", "failure", "cancelled"], [8, 1.5, 0.5])[0] for name in names}
    found = walked(workflow, ends, rng, capacity)
    return {name: found[name].outcome for name in names}, final_states([plain for plain, _ in jobs], ends)


@settings(max_examples=12, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 7, 500]))
def test_two_hundred_jobs_agree_with_the_reference(seed: int, capacity: int) -> None:
    found, expected = states(seed, 200, capacity)
    assert found == expected


@pytest.mark.slow
@settings(max_examples=1000, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 7, 500]))
def test_many_more_of_two_hundred_jobs_agree_with_the_reference(seed: int, capacity: int) -> None:
    found, expected = states(seed, 200, capacity)
    assert found == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8), st.sampled_from([1, 2, 9]))
def test_small_graphs_agree_with_the_reference(seed: int, count: int, capacity: int) -> None:
    found, expected = states(seed, count, capacity)
    assert found == expected


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_expansion_agrees_with_the_reference(seed: int) -> None:
    for plain, job in made(random.Random(seed), 20):
        expected = [(name, env_of(plain, number, "TARGET")) for number, name in enumerate(names_of(plain))]
        assert [(instance.name, instance.env) for instance in expand(job._replace(item_var="TARGET"))] == expected


def result(name: str, outcome: str = "success", **keys: Any) -> StepResult:
    return StepResult(name, outcome, 0 if outcome == "success" else 3, **keys)  # type: ignore[arg-type]


def judge(workflow: Workflow, **keys: Any) -> JobDecider:
    workflow.check()
    return JobDecider(workflow, **keys)


def test_conditions_see_outputs_of_instances_and_of_all() -> None:
    workflow = Workflow("w")
    workflow.add_job("build", "x", for_each=["a", "b"])
    conditions = {
        "one": "jobs['build[0]'].outputs.v == '1'",
        "last": "needs.build.outputs.v == '2'",
        "code": "jobs.build.exit_code == 3",
        "vars": "vars.v == '9' and success() == false",
    }
    for name, text in conditions.items():
        workflow.add_job(name, "x", depends_on="build", condition=text)
    judged = judge(workflow)
    judged.ended(result("build[0]", outputs={"v": "1"}))
    judged.ended(result("build[1]", "failure", outputs={"v": "2"}), {"v": 9})
    assert {name: judged.verdict(name, {}) for name in conditions} == dict.fromkeys(conditions)


def test_an_instance_can_be_left_out_by_what_it_is_for() -> None:
    workflow = Workflow("w")
    workflow.add_job("build", "x", for_each=["a", "b"], condition="env.ITEM == 'b'")
    judged = judge(workflow)
    told = [judged.verdict(name, instance.env) for name, instance in judged.instances.items()]
    assert told == [StepOutcome(0, "its condition is false: env.ITEM == 'b' (env.ITEM is 'a')", "condition"), None]


def test_why_a_job_does_not_run() -> None:
    workflow = Workflow("w")
    workflow.add_job("a", "x")
    for name, text in (("b", "all_success"), ("c", "any_failed"), ("d", "always"), ("e", "branch == 'x'")):
        workflow.add_job(name, "x", depends_on="a", condition=text)
    failed, fine = judge(workflow), judge(workflow, excluded=["d"])
    failed.ended(result("a", "failure"))
    fine.ended(result("a"))
    reasons = {name: (failed.verdict(name, {}), fine.verdict(name, {})) for name in "bcde"}
    assert {name: tuple(v and (v.reason, v.cause) for v in both) for name, both in reasons.items()} == {
        "b": (("job 'a' did not succeed", "dependency"), None),
        "c": (None, ("no job it needs failed", "condition")),
        "d": (None, ("left out by the command line", "excluded")),
        "e": (
            ("job 'a' did not succeed", "dependency"),
            ("its condition is false: branch == 'x' (branch is not known)", "condition"),
        ),
    }


@pytest.mark.parametrize(
    ("condition", "runs"),
    [("always", True), ("always()", True), ("cancelled()", True), ("failure()", False), ("all_success", False)],
)
def test_a_stopped_workflow_runs_only_what_tidies_up(condition: str, runs: bool) -> None:
    workflow = Workflow("w")
    workflow.add_job("a", "x")
    workflow.add_job("b", "x", depends_on="a", condition=condition)
    progress = Progress(judge(workflow), 2, {}, lambda _instance: {})
    assert isinstance(progress.next(), Instance)
    stopped = StepOutcome(143, "stopped by SIGTERM", "cancelled")
    progress.ended(result("a", "cancelled"))
    found = progress.next(stopped)
    assert isinstance(found, Instance) is runs
    if isinstance(found, StepResult):
        assert (found.outcome, found.reason) == ("cancelled", "stopped by SIGTERM")


def test_a_success_of_an_earlier_run_is_taken_over() -> None:
    workflow = Workflow("w")
    workflow.add_job("a", "x")
    workflow.add_job("b", "x", depends_on="a", condition="jobs.a.outputs.v == '1'")
    progress = Progress(judge(workflow), 1, {"a": result("a", outputs={"v": "1"})}, lambda _instance: {})
    first = progress.next()
    assert isinstance(first, StepResult)
    assert (first.outcome, first.cause) == ("success", "restored")
    following = progress.next()
    assert isinstance(following, Instance)
    assert following.name == "b"
