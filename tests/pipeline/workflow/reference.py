"""The rules of a workflow once more, as plainly as possible: look at every job again and again until nothing changes.

Written from the description of Reactorcide's workflow engine, and for expressions from docs/conditions.md;
it shares no code with the library. A state is one of success, failure, cancelled, skipped.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Outcomes = Mapping[str, str]


class Plain(NamedTuple):
    """A job as the reference sees it; `rule` is a word, or says by the outcomes of whole jobs whether it runs."""

    name: str
    needs: tuple[str, ...]
    rule: str | Callable[[Outcomes], bool]
    decides: bool = False
    for_each: tuple[Any, ...] | None = None
    matrix: Mapping[str, tuple[Any, ...]] = {}


def combinations(matrix: Mapping[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    """The combinations of a matrix, sentence by sentence as the manual of GitHub Actions describes them."""

    def same(one: Any, other: Any) -> bool:
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

    keys = [key for key in matrix if key not in {"include", "exclude"}]
    every = [dict(zip(keys, values, strict=True)) for values in itertools.product(*(matrix[key] for key in keys))]
    kept = []
    for combination in every if keys else []:
        excluded = False
        for entry in matrix.get("exclude", ()):
            # It only has to be a partial match.
            if all(key in combination and same(combination[key], value) for key, value in entry.items()):
                excluded = True
        if not excluded:
            kept.append(combination)
    # "All include combinations are processed after exclude."
    result = [dict(combination) for combination in kept]
    created = []
    for entry in matrix.get("include", ()):
        added = False
        for number, original in enumerate(kept):
            # "... if none of the key:value pairs overwrite any of the original matrix values."
            if not any(key in original and not same(original[key], value) for key, value in entry.items()):
                result[number] = {**result[number], **entry}  # "added matrix values can be overwritten"
                added = True
        if not added:
            created.append(dict(entry))  # "a new matrix combination will be created instead"
    return result + created


def names_of(job: Plain) -> list[str]:
    """The names of its instances."""
    if job.for_each is not None:
        return [f"{job.name}[{number}]" for number, _ in enumerate(job.for_each)]
    if job.matrix:
        return [f"{job.name}[{number}]" for number, _ in enumerate(combinations(job.matrix))]
    return [job.name]


def env_of(job: Plain, number: int, item_var: str) -> dict[str, str]:
    """Return the variables that tell an instance for which item it runs."""

    def text(value: Any) -> str:
        return value if type(value) is str else json.dumps(value, ensure_ascii=False)

    if job.for_each is not None:
        item = job.for_each[number]
        fields = item.items() if isinstance(item, dict) else ()
        of_fields = {f"{of}_{key.upper()}": text(value) for of in (item_var, "ITEM") for key, value in fields}
        return {item_var: text(item), **of_fields}
    if job.matrix:
        return {f"MATRIX_{key.upper()}": text(value) for key, value in combinations(job.matrix)[number].items()}
    return {}


def whole(states: list[str]) -> str:
    """The state of a job from those of its instances."""
    for state in ("failure", "cancelled", "success"):
        if state in states:
            return state
    return "skipped"


def final_states(jobs: list[Plain], ends: Mapping[str, str]) -> dict[str, str]:
    """Return the final state of every instance when each that runs ends as `ends` says."""
    by_name = {job.name: job for job in jobs}
    states: dict[str, str] = {}
    changed = True
    while changed:
        changed = False
        for job in jobs:
            for name in names_of(job):
                needed = [other for need in job.needs for other in names_of(by_name[need])]
                if name in states or any(other not in states for other in needed):
                    continue
                states[name] = ends[name] if runs(job, [states[n] for n in needed], by_name, states) else "skipped"
                changed = True
    return states


def runs(job: Plain, needed: list[str], by_name: Mapping[str, Plain], states: Outcomes) -> bool:
    """Return whether a job runs whose needs have the states `needed`."""
    all_success = all(state == "success" for state in needed)
    if job.rule == "all_success":
        return all_success
    if job.rule == "any_failed":
        return any(state in {"failure", "cancelled"} for state in needed)
    if job.rule == "always":
        return True
    assert callable(job.rule)
    ended = {
        name: whole([states[one] for one in names_of(other)])
        for name, other in by_name.items()
        if all(one in states for one in names_of(other))
    }
    holds = job.rule({**ended, "": "failure" if any(s in {"failure", "cancelled"} for s in needed) else "success"})
    return holds and (job.decides or all_success)
