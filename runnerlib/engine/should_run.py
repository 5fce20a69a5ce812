"""Decisions about a step once everything it waits for has ended: whether it runs, and with which environment. Pure.

Only steps that a step waits for, directly or through others, reach it, always in written order: what
runs beside it may or may not have ended and must make no difference. A skipped step skips those that name it in
`depends_on`, as a skipped job does; written order alone is no need of what stands before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.events.result import NO_EXPORTS, Exports, StepOutcome, StepResult
from runnerlib.pipeline.job import variable_part
from runnerlib.pipeline.surroundings import TIDYING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from runnerlib.engine.step_secrets import Grant
    from runnerlib.events.result import Exports
    from runnerlib.pipeline.conditions import Condition
    from runnerlib.pipeline.job import Step
    from runnerlib.pipeline.surroundings import Surroundings


class Decider:
    """Decides whether a step runs, from the results recorded with `ended`."""

    def __init__(
        self,
        steps: Mapping[str, Step],
        graph: Mapping[str, Collection[str]],
        conditions: Mapping[str, Condition],
        excluded: Collection[str],
        surroundings: Surroundings,
    ) -> None:
        self._steps = steps
        self._graph = graph
        self._conditions = conditions
        self._excluded = excluded
        self._surroundings = surroundings
        self._results: dict[str, StepResult] = {}
        # For each step that ended: the first failure that concerns its dependents, or "".
        self._failure: dict[str, str] = {}

    def ended(self, result: StepResult) -> None:
        """Record the result of a step that ended or is not going to run."""
        self._results[result.name] = result
        own = result.name if result.required and result.outcome in {"failure", "cancelled"} else ""
        self._failure[result.name] = own or self._failed_before(result.name)

    def tidies_up(self, name: str) -> bool:
        """Return whether a step is meant to run even when the job has to end."""
        if self._steps[name].when is not None:
            return self._steps[name].when == "always"
        condition = self._conditions.get(name)
        return condition is not None and not TIDYING.isdisjoint(condition.functions)

    def verdict(
        self, name: str, env: Callable[[], Mapping[str, str]], ending: StepOutcome | None
    ) -> StepOutcome | None:
        """Return why the step does not run, or None when it runs.

        `ending` is that of a job that has to end early.

        `env` gives the step's variables; only a condition asks for them.
        """
        if name in self._excluded:
            return StepOutcome(0, "left out by the command line", "excluded")
        step, condition = self._steps[name], self._conditions.get(name)
        if ending is not None and not self._runs_late(name, ending):
            return StepOutcome(0, ending.reason, "cancelled")
        failed = self._failed_before(name)
        decides = condition is not None and condition.decides
        when = step.when or ("always" if decides else "on_success")
        if when == "on_success" and (unmet := self._unmet(step, failed, decides=decides)):
            return StepOutcome(0, unmet, "dependency")
        if when == "on_failure" and not failed:
            return StepOutcome(0, "no step it waits for failed", "condition")
        if condition is None:
            return None
        cancelled = ending is not None and ending.cause == "cancelled"
        facts = self._surroundings.facts(env(), self._results, failed=bool(failed), cancelled=cancelled)
        return None if condition.evaluate(facts) else StepOutcome(0, condition.why_false(facts), "condition")

    def _runs_late(self, name: str, ending: StepOutcome) -> bool:
        """Return whether the step runs in a job that ends early.

        After a time limit the steps that deal with failures run; after a stop, only those that clean up.
        """
        return self.tidies_up(name) or (ending.cause == "timeout" and self._steps[name].when == "on_failure")

    def _unmet(self, step: Step, failed: str, *, decides: bool) -> str:
        """Return why a step that needs others to succeed does not run; one that the command line left out is no reason.

        With a condition that `decides`, what was skipped is its matter.
        """
        if failed:
            return f"step '{failed}' did not succeed"
        for name in () if decides else step.depends_on or ():
            if self._results[name].outcome == "skipped" and self._results[name].cause != "excluded":
                return f"step '{name}' was skipped"
        return ""

    def _failed_before(self, name: str) -> str:
        return next((self._failure[other] for other in self._graph[name] if self._failure[other]), "")


class ReusedResult(NamedTuple):
    """A reused result of an earlier run: a success, or a failure of a step that is not required."""

    result: StepResult
    exports: Exports = NO_EXPORTS


def restored(result: StepResult) -> StepResult:
    """Return the result of an earlier run as that of a step that is not run again."""
    reason = "done in an earlier run" if result.success else "failed in an earlier run"
    return result._replace(cause="restored", reason=reason)


def not_run(step: Step, ending: StepOutcome) -> StepResult:
    """Return the result of a step that does not run, and ends so."""
    return StepResult(
        step.name,
        outcome=ending.outcome,
        exit_code=ending.exit_code,
        reason=ending.reason,
        cause=ending.cause,
        required=step.required,
    )


class Inheritance:
    """Records the exports of steps, and computes the environment that dependent steps inherit."""

    def __init__(self, graph: Mapping[str, Collection[str]], env: Mapping[str, str]) -> None:
        self._graph = graph
        self._env = env
        self._numbers = {name: number for number, name in enumerate(graph)}
        self._exports: dict[int, tuple[str, Exports]] = {}
        # The numbers of the steps whose exports the dependents of a step inherit; mostly none.
        self._givers: dict[str, tuple[int, ...]] = {}

    def add(self, name: str, exports: Exports) -> None:
        """Record the `exports` of a step that ended."""
        inherited = self._inherited(name)
        if any(exports):
            number = self._numbers[name]
            self._exports[number] = name, exports
            inherited = tuple(sorted((*inherited, number)))
        self._givers[name] = inherited

    def environment(self, name: str, own: Mapping[str, str], grant: Grant | None = None) -> dict[str, str]:
        """Return the variables of a step: its `own` ones, which win, and those it is granted; None for all."""
        env = dict(self._env) if grant is None else grant.of_job(self._env)
        for giver, exports in (self._exports[number] for number in self._inherited(name)):
            given = {**exports.env, **_output_variables(giver, exports.outputs)}
            env.update(given if grant is None else grant.exported(given))
            path = exports.path if grant is None else grant.directories(exports.path)
            if path:
                env["PATH"] = ":".join((*reversed(path), *filter(None, (env.get("PATH"),))))
        env.update(own)
        return env

    def _inherited(self, name: str) -> tuple[int, ...]:
        givers = {self._givers[other] for other in self._graph[name]}
        if len(givers) < 2:
            return givers.pop() if givers else ()
        return tuple(sorted(set().union(*givers)))


def _output_variables(step: str, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return variables for outputs: `digest` of the step `build` is RUNNERLIB_OUTPUT_BUILD_DIGEST."""
    return {f"RUNNERLIB_OUTPUT_{variable_part(step)}_{variable_part(name)}": value for name, value in outputs.items()}
