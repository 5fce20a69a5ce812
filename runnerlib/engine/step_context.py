"""The things that all steps of a job share, and what has a say before and after each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from runnerlib._util.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

    from runnerlib.engine.attempt import Limits
    from runnerlib.engine.boundary import Boundary
    from runnerlib.engine.step_cache import StepCache
    from runnerlib.engine.step_findings import Annotate, StepFindings
    from runnerlib.events import Observer
    from runnerlib.events.result import StepResult
    from runnerlib.executor.process_spec import ProcessSpec
    from runnerlib.executor.protocol import Executor
    from runnerlib.masking import SecretMasker
    from runnerlib.pipeline.job import Step


class StepHooks(Protocol):
    """Hooks before and after each step that runs; they must not block the loop.

    What it raises as RunnerError is how the step ends. A step that is stopped cancels `before`.
    """

    def before(self, step: Step, env: Mapping[str, str]) -> Coroutine[None, None, Mapping[str, str]]:
        """Return the environment for the step instead of `env`."""

    def after(self, step: Step, result: StepResult) -> Coroutine[None, None, None]:
        """Take the result of the step."""


class Inspect(Protocol):
    """Takes a step that has failed before its result is known: `spec` is the process of its last attempt.

    It must not block the loop. A step that is stopped cancels it.
    """

    def __call__(self, context: StepContext, spec: ProcessSpec, step: str) -> Coroutine[None, None, None]:
        """Inspect the step of that name, as events carry it."""


class StepContext(NamedTuple):
    """Context that all steps of a job share. `scratch` is a private directory for files of exports."""

    executor: Executor
    masker: SecretMasker
    observer: Observer
    limits: Limits
    scratch: Path
    around: StepHooks | None = None
    boundary: Boundary | None = None
    inspect: Inspect | None = None
    cache: StepCache | None = None
    findings: StepFindings | None = None
    trace: Callable[[str, str, int], Mapping[str, str]] | None = None
    annotate: Annotate | None = None


SHARED = StepContext._fields[3:]
"""The fields that are those of the execution of a job."""
