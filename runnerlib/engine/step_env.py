"""Environments of steps: the variables of the job, and the exports of the steps they wait for. Pure.

Only steps that a step waits for, directly or through others, reach it, always in written order: what
runs beside it may or may not have ended and must make no difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.pipeline.job import variable_part

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from runnerlib.engine.step_secrets import Grant
    from runnerlib.events.result import Exports


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
