"""Progress of a workflow: the next jobs, and those that do not run. Pure: the caller reports results."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.graph import Schedule
from runnerlib.events.result import StepOutcome, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.pipeline.workflow.decision import JobDecider
    from runnerlib.pipeline.workflow.expansion import Instance


class ToApprove(NamedTuple):
    """An instance that could start, and waits for somebody's yes; it takes no room meanwhile."""

    instance: Instance


class Progress:
    """Order of instances: ready when all they wait for has ended, and taken in written order."""

    def __init__(
        self,
        judge: JobDecider,
        capacity: int,
        kept: Mapping[str, StepResult],
        env: Callable[[Instance], Mapping[str, str]],
        *,
        asks: bool = False,
    ) -> None:
        """`capacity` is the number of parallel jobs; `kept` are reused successes of an earlier run.

        With `asks` jobs with a question are returned as `ToApprove` first.

        `env` gives the variables that the condition of an instance can ask for.
        """
        self.judge = judge
        self.results: dict[str, StepResult] = {}
        self._kept = kept
        self._env = env
        self._runs: dict[str, int] = {}  # the runs that go on now, of jobs that limit them
        self._aside: dict[str, list[str]] = {}  # those that wait for one of them to end
        self._asks = asks
        self._answers: dict[str, StepOutcome | None] = {}  # None: somebody has said yes
        self._schedule = Schedule(judge.graph, dict.fromkeys(judge.graph, 1), capacity)

    @property
    def done(self) -> bool:
        """True if every instance has ended."""
        return self._schedule.done

    def next(self, ending: StepOutcome | None = None) -> Instance | StepResult | ToApprove | None:
        """Return the instance to start now, one to ask about, or the result of one that does not run.

        None means that there is nothing, or no room.

        `ending` is that of a workflow that was stopped. A returned result counts as recorded.
        """
        name = self._head()
        if name is None:
            return None
        result = self._known(name, ending)
        if result is not None:
            self._schedule.skip_head()
            self._record(result)
            return result
        if self._asks and name not in self._answers and self.judge.instances[name].job.approve is not None:
            self._schedule.put_aside()
            return ToApprove(self.judge.instances[name])
        if not self._schedule.start_head():
            return None
        instance = self.judge.instances[name]
        if instance.job.max_runs is not None:
            self._runs[instance.job.name] = self._runs.get(instance.job.name, 0) + 1
        return instance

    def answered(self, name: str, refusal: StepOutcome | None) -> None:
        """Record the answer about an instance that was asked about; None lets it start when there is room."""
        self._answers[name] = refusal
        self._schedule.put_back((name,))

    def ended(self, result: StepResult, new_vars: Mapping[str, object] | None = None) -> None:
        """Record the end of an instance that was started."""
        self._schedule.end(result.name)
        job = self.judge.instances[result.name].job
        if job.max_runs is not None:
            self._runs[job.name] -= 1
            self._schedule.put_back(self._aside.pop(job.name, ()))
        self._record(result, new_vars)

    def _head(self) -> str | None:
        """Return the next instance whose job has no more runs than it may; the others are put aside."""
        while (name := self._schedule.head()) is not None:
            job = self.judge.instances[name].job
            if job.max_runs is None or self._runs.get(job.name, 0) < job.max_runs:
                return name
            self._aside.setdefault(job.name, []).append(self._schedule.put_aside())
        return None

    def in_order(self) -> tuple[StepResult, ...]:
        """The results so far, in written order."""
        return tuple(self.results[name] for name in self.judge.graph if name in self.results)

    def _known(self, name: str, ending: StepOutcome | None) -> StepResult | None:
        kept = self._kept.get(name)
        if kept is not None:
            return kept._replace(cause="restored", reason="done in an earlier run")
        verdict = self._answers.get(name) or self.judge.verdict(name, self._env(self.judge.instances[name]), ending)
        if verdict is None:
            return None
        return StepResult(
            name,
            outcome=verdict.outcome,
            exit_code=verdict.exit_code,
            reason=verdict.reason,
            cause=verdict.cause,
        )

    def _record(self, result: StepResult, new_vars: Mapping[str, object] | None = None) -> None:
        self.results[result.name] = result
        self.judge.ended(result, new_vars)
