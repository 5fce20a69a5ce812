"""Decision whether a job of a workflow runs, once every job it needs has ended. Pure.

The rules for `all_success`, `any_failed` and `always` are those of Reactorcide's workflow engine: only the
jobs that a job names count, each instance by itself, and a skipped one is no failure and no success.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.events.result import StepOutcome, StepResult
from runnerlib.pipeline.surroundings import TIDYING, Surroundings
from runnerlib.pipeline.workflow.checks import condition_of, plain_condition
from runnerlib.pipeline.workflow.expansion import Instance, as_text, instance_graph, instances

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from runnerlib.pipeline.conditions import Condition, Facts
    from runnerlib.pipeline.workflow.model import Workflow

_BAD = frozenset({"failure", "cancelled"})


UNKNOWN = Surroundings()


class JobDecider:
    """Decides whether an instance runs, from the results recorded with `ended`. The workflow was checked."""

    def __init__(
        self,
        workflow: Workflow,
        surroundings: Surroundings = UNKNOWN,
        excluded: Collection[str] = (),
        forced: Collection[str] = (),
    ) -> None:
        """`excluded` jobs do not run, `forced` ones run without regard to their conditions."""
        self.instances: dict[str, Instance] = instances(workflow)
        self.graph: dict[str, tuple[str, ...]] = instance_graph(workflow)
        self._surroundings = surroundings
        self._excluded = frozenset(excluded)
        self._forced = frozenset(forced)
        self._numbers = {name: number for number, name in enumerate(self.instances)}
        self._conditions = {job.name: condition_of(job) for job in workflow.jobs}
        self._left = {job.name: 0 for job in workflow.jobs}
        for instance in self.instances.values():
            self._left[instance.job.name] += 1
        self._results: dict[str, StepResult] = {}
        self._of_job: dict[str, list[StepResult]] = {name: [] for name in self._left}
        self._failed_fast: dict[str, str] = {}  # the run that has failed, by its job
        self.hopeless = False  # a workflow that was stopped has no time left: nothing runs any more
        self.vars = {name: as_text(value) for name, value in workflow.vars.items()}

    def ended(self, result: StepResult, new_vars: Mapping[str, object] | None = None) -> None:
        """Record the result of an instance; `new_vars` are the variables it adds to those of the workflow."""
        one = self.instances[result.name]
        job = one.job.name
        if result.required and result.outcome == "failure" and one.job.fail_fast:
            self._failed_fast.setdefault(job, one.label)
        self._results[result.name] = result
        self._of_job[job].append(result)
        self._left[job] -= 1
        if not self._left[job] and result.name != job:
            self._results[job] = combined(job, sorted(self._of_job[job], key=lambda one: self._numbers[one.name]))
        self.vars.update((name, as_text(value)) for name, value in (new_vars or {}).items())

    def tidies_up(self, name: str) -> bool:
        """Return whether an instance is meant to run even when the workflow has been stopped."""
        if self.hopeless:
            return False
        job = self.instances[name].job
        condition = self._conditions[job.name]
        if condition is None:
            return plain_condition(job.condition) == "always"
        return not TIDYING.isdisjoint(condition.functions)

    def verdict(self, name: str, env: Mapping[str, str], ending: StepOutcome | None = None) -> StepOutcome | None:
        """Return why an instance does not run, or None when it runs.

        `ending` is that of a workflow that was stopped.

        `env` are its variables, for conditions. Raises what `Surroundings.changed` raises.
        """
        instance = self.instances[name]
        if refused := self._refused(instance, ending):
            return refused
        condition = self._conditions[instance.job.name]
        if instance.job.name in self._forced:
            return None
        if condition is None:
            return self._by_word(name, plain_condition(instance.job.condition))
        unmet = None if condition.decides else self._unmet(name)
        if unmet:
            return StepOutcome(0, unmet, "dependency")
        facts = self._facts(name, condition, env, ending)
        return None if condition.evaluate(facts) else StepOutcome(0, condition.why_false(facts), "condition")

    def _refused(self, instance: Instance, ending: StepOutcome | None) -> StepOutcome | None:
        """Return why an instance must not run, whatever its condition says."""
        if instance.job.name in self._excluded or instance.name in self._excluded:
            return StepOutcome(0, "left out by the command line", "excluded")
        if ending is not None and not self.tidies_up(instance.name):
            return StepOutcome(0, ending.reason, "cancelled")
        if first := self._failed_fast.get(instance.job.name):
            return StepOutcome(0, f"'{first}' has failed, and the job has fail_fast", "cancelled")
        return None

    def _by_word(self, name: str, word: str) -> StepOutcome | None:
        if word == "any_failed":
            return None if self._failed(name) else StepOutcome(0, "no job it needs failed", "condition")
        unmet = self._unmet(name) if word == "all_success" else ""
        return StepOutcome(0, unmet, "dependency") if unmet else None

    def _failed(self, name: str) -> bool:
        return any(self._results[other].outcome in _BAD and self._counts(other) for other in self.graph[name])

    def _counts(self, name: str) -> bool:
        """Return whether a failure of an instance is one for those that wait for it.

        What may fail is the job; one that was stopped, or that nobody has approved in time, did not run.
        """
        result = self._results[name]
        unanswered = result.cause == "timeout" and not result.started
        return not self.instances[name].job.allow_failure or result.outcome == "cancelled" or unanswered

    def _unmet(self, name: str) -> str:
        """Return why a job that an instance needs has not succeeded; empty when all have."""
        for other in self.graph[name]:
            outcome = self._results[other].outcome
            if outcome != "success" and (outcome == "skipped" or self._counts(other)):
                return f"job '{self.instances[other].label}' " + (
                    "was skipped" if outcome == "skipped" else "did not succeed"
                )
        return ""

    def _facts(self, name: str, condition: Condition, env: Mapping[str, str], ending: StepOutcome | None) -> Facts:
        inputs = self.instances[name].job.body.input_values or {}
        return self._surroundings._replace(inputs=inputs).facts(
            env,
            {other: self._results[other] for other in condition.steps if other in self._results},
            failed=self._failed(name),
            cancelled=ending is not None,
            job=name,
            workflow_vars=self.vars,
        )


def combined(job: str, results: Iterable[StepResult]) -> StepResult:
    """The instances of a job as one: failed if one failed, succeeded if none failed and one ran; outputs of the last.

    Exit code, cause and reason are those of the first that has the outcome.
    """
    found = list(results)
    outcomes = [result.outcome for result in found]
    outcome = next(which for which in ("failure", "cancelled", "success", "skipped") if which in outcomes)
    first = found[outcomes.index(outcome)]
    outputs = {name: value for result in found for name, value in result.outputs.items()}
    times = [result for result in found if result.started]
    return first._replace(
        name=job,
        attempts=sum(result.attempts for result in found),
        started=min((result.started for result in times), default=0.0),
        ended=max((result.ended for result in times), default=0.0),
        outputs=outputs,
    )


def first_failed(results: Iterable[StepResult]) -> StepResult | None:
    """The first job in written order that makes its workflow fail, if one does."""
    return next((result for result in results if result.required and result.outcome in _BAD), None)


def outcome_of_all(results: Iterable[StepResult]) -> StepOutcome:
    """Return the ending of a workflow: that of the first job in written order that failed, else 0."""
    failed = first_failed(results)
    if failed is None:
        return StepOutcome(0)
    return StepOutcome(failed.exit_code or 1, f"job '{failed.name}': {failed.reason}", failed.cause)
