"""Surroundings of a job as conditions see them: for steps, jobs of a workflow and follow-up jobs alike.

Apart from `conditions`, because a job without conditions does not load their parser.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.events.result import StepResult
    from runnerlib.pipeline.conditions import Facts

# A condition that calls one of these means to run when the job or workflow is being stopped.
TIDYING = frozenset({"always", "cancelled"})


def _no_variables() -> Mapping[str, str]:
    return {}


def _everything_changed(_glob: str) -> bool:
    """Return True: the changes are not known, and nothing may be skipped for that."""
    return True


class Surroundings(NamedTuple):
    """Context of conditions besides what runs: variables by name (`branch`), a test for changed files, and inputs."""

    variables: Callable[[], Mapping[str, str]] = _no_variables
    changed: Callable[[str], bool] = _everything_changed
    inputs: Mapping[str, str] = MappingProxyType({})

    def facts(
        self,
        env: Mapping[str, str],
        steps: Mapping[str, StepResult],
        *,
        failed: bool = False,
        cancelled: bool = False,
        job: str = "",
        workflow_vars: Mapping[str, str] | None = None,
    ) -> Facts:
        """Make the facts for one condition; `steps` are those, or the jobs, that have ended. Raises what they raise."""
        from runnerlib.pipeline.conditions import Facts

        known = self.variables()
        return Facts(
            branch=known.get("branch", ""),
            variables={**known, "job": job} if job else known,
            env=env,
            steps=steps,
            failed=failed,
            cancelled=cancelled,
            changed=self.changed,
            vars=workflow_vars or {},
            inputs=self.inputs,
        )
