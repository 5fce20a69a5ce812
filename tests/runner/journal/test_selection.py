"""The selection of steps when a job goes on where it ended, against a few lines that define it."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from runnerlib.events.result import NO_EXPORTS, StepResult
from runnerlib.pipeline.job import Job, Step
from runnerlib.runner.journal import Entry, Selection, select, signatures

ENDINGS = {
    "success": ("success", 0, "", True),
    "minded": ("failure", 1, "exit", True),
    "not minded": ("failure", 1, "exit", False),
    "condition": ("skipped", 0, "condition", True),
    "dependency": ("skipped", 0, "dependency", True),
    "excluded": ("skipped", 0, "excluded", True),
    "cancelled": ("cancelled", 0, "cancelled", False),
}


class Past(NamedTuple):
    """A step of an earlier run: what it waits for, how it ended, whether it is still defined and known as it was."""

    waits_for: frozenset[int]
    ending: str
    same: bool
    known: bool


@st.composite
def pasts(draw: st.DrawFn) -> list[Past]:
    def past(number: int) -> Past:
        waits_for = draw(st.frozensets(st.integers(0, number - 1), max_size=3)) if number else frozenset()
        usually = st.sampled_from([True, True, True, False])
        return Past(waits_for, draw(st.sampled_from(sorted(ENDINGS))), draw(usually), draw(usually))

    return [past(number) for number in range(draw(st.integers(1, 8)))]


def meant(steps: list[Past]) -> set[int]:
    """Taken over is what need not run: nothing before it has to, and it is done."""
    holds: set[int] = set()
    kept: set[int] = set()
    for number, step in enumerate(steps):
        unchanged = step.same and all(steps[other].same for other in ancestors(steps, number))
        done = step.ending in {"success", "not minded"} and step.known
        if unchanged and step.waits_for <= holds and (done or step.ending in {"condition", "dependency"}):
            holds.add(number)
            if done:
                kept.add(number)
    return kept


def ancestors(steps: list[Past], number: int) -> set[int]:
    return set(steps[number].waits_for).union(*(ancestors(steps, other) for other in steps[number].waits_for))


@given(pasts())
def test_what_is_taken_over(steps: list[Past]) -> None:
    def job(marker: str) -> Job:
        made = Job("j")
        for number, step in enumerate(steps):
            text = "true" if step.same else f"true {marker}"
            made.add_step(f"s{number}", text, depends_on=[f"s{other}" for other in step.waits_for])
        return made

    signed = signatures(job("before"))
    entries = {}
    for number, step in enumerate(steps):
        outcome, code, cause, required = ENDINGS[step.ending]
        result = StepResult(f"s{number}", outcome, code, "", cause, required=required)  # type: ignore[arg-type]
        entries[result.name] = Entry(signed[result.name], result, NO_EXPORTS if step.known else None)
    kept, left_out = select(job("now"), Selection(resume=True), entries)
    assert kept.keys() == {f"s{number}" for number in meant(steps)}
    assert left_out == set()


def test_steps_that_were_named_take_over_successes_only() -> None:
    job = Job("j")
    for step in (Step("lint", "false", required=False), Step("build", "true"), Step("test", "true")):
        job.steps.append(step)
    signed = signatures(job)
    failed = StepResult("lint", "failure", 1, "exit code 1", "exit", required=False)
    entries = {
        "lint": Entry(signed["lint"], failed, NO_EXPORTS),
        "build": Entry(signed["build"], StepResult("build", "success", 0), NO_EXPORTS),
    }
    kept, left_out = select(job, Selection(only=("test",)), entries)
    assert (kept.keys(), left_out) == ({"build"}, {"lint"})
