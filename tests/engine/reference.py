"""Expected results of a job, worked out the slow way: whole sets of ancestors, one step at a time."""

from __future__ import annotations

from typing import NamedTuple

from runnerlib.pipeline.job import Job, Step


class Expected(NamedTuple):
    """Outcome, exit code and number of attempts of a step."""

    outcome: str
    exit_code: int
    attempts: int


def waits_for(steps: list[Step]) -> dict[str, set[str]]:
    """All steps that each step waits for, by the words of the documentation."""
    direct: dict[str, set[str]] = {}
    for at, step in enumerate(steps):
        if step.depends_on is not None:
            direct[step.name] = set(step.depends_on)
            continue
        row = at
        while step.parallel and row > 0 and steps[row - 1].parallel and steps[row - 1].depends_on is None:
            row -= 1
        direct[step.name] = {other.name for other in steps[:row]}
    while True:
        wider = {name: found.union(*(direct[other] for other in found)) for name, found in direct.items()}
        if wider == direct:
            return direct
        direct = wider


def expect(job: Job, fails: dict[str, tuple[int, int]]) -> tuple[list[str], dict[str, Expected], int]:
    """The order of the starts with one step at a time, what becomes of each step, and the job's exit code.

    `fails` says for a step with which code its first so many attempts fail.
    """
    before = waits_for(job.steps)
    steps = {step.name: step for step in job.steps}
    done: dict[str, Expected] = {}
    order: list[str] = []
    while len(done) < len(steps):
        name = next(name for name in steps if name not in done and before[name] <= done.keys())
        done[name] = _outcome(steps[name], before[name], steps, done, fails.get(name, (0, 0)))
        if done[name].attempts:
            order.append(name)
    codes = [done[s.name].exit_code for s in job.steps if s.required and done[s.name].outcome == "failure"]
    return order, done, codes[0] if codes else 0


def _outcome(
    step: Step, before: set[str], steps: dict[str, Step], done: dict[str, Expected], fails: tuple[int, int]
) -> Expected:
    failed = any(done[name].outcome == "failure" and steps[name].required for name in before)
    runs = {"on_success": not failed, "on_failure": failed, "always": True}
    # What a step names is needed; what merely stands before it is not.
    lacking = any(done[name].outcome == "skipped" for name in step.depends_on or ())
    runs["on_success"] = not failed and not lacking
    if step.condition is None:
        wanted = runs[step.when or "on_success"]
    else:
        meant, decides = _condition(step.condition, failed, done)
        runs["on_success"] = not failed and (decides or not lacking)
        wanted = meant and runs[step.when or ("always" if decides else "on_success")]
    if not wanted:
        return Expected("skipped", 0, 0)
    code, times = fails
    attempts = min(times, step.retry.max) + 1
    fine = times < attempts
    return Expected("success" if fine else "failure", 0 if fine else code, attempts)


def _condition(text: str, failed: bool, done: dict[str, Expected]) -> tuple[bool, bool]:
    """The truth of the few conditions the tests write, and whether they decide alone."""
    simple = {
        "always()": (True, True),
        "failure()": (failed, True),
        "success()": (not failed, True),
        "env.GO == 'yes'": (True, False),
        "env.GO == 'no'": (False, False),
    }
    if text in simple:
        return simple[text]
    _, name, rest = text.split(".")
    return done[name].outcome == rest.split("'")[1], True
