"""The inputs of `workflow_dispatch` and `workflow_call` as those of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib.pipeline.foreign.source import text_of
from runnerlib.pipeline.job.inputs import Input, problems

if TYPE_CHECKING:
    from runnerlib.pipeline.foreign.source import Entries, Source


def inputs(source: Source, on: Entries) -> dict[str, Any]:
    """Return our inputs by name; those that cannot be one are left out."""
    found: dict[str, Any] = {}
    for event in ("workflow_dispatch", "workflow_call"):
        given = source.mapping(source.mapping(on, event), "inputs")
        for name, entry in given.items():
            made = _input(source, source.mapping(given, name))
            options = tuple(made.get("options", ()))
            wrong = next(problems({name: Input(made["type"], made.get("default"), options)}), None)
            if wrong is not None:
                source.lose(entry.key, f"inputs: {name[:100]}: {wrong[1]}")
                continue
            found[name] = made
    return found


def _input(source: Source, given: Entries) -> dict[str, Any]:
    kind = text_of(given, "type") or "string"
    made: dict[str, Any] = {"description": text_of(given, "description") or None}
    made["type"] = kind if kind in {"number", "boolean", "choice"} else "string"
    if made["type"] == "choice":
        made["options"] = source.texts(given, "options")
    usual = {"boolean": "false", "number": "0", "choice": next(iter(made.get("options", ())), None)}
    if "default" in given:
        made["default"] = text_of(given, "default")
    elif text_of(given, "required") != "true":  # an input that nobody gives is empty there, and false or the first
        made["default"] = usual.get(made["type"], "")
    return made
