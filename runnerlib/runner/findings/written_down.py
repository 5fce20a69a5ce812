"""Annotations of a step: lines of JSON, `{"level": "warning", "text": "…", "path": "a.c", "line": 3}`. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from runnerlib.events.findings import LEVELS, Finding
from runnerlib.runner.findings import parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "annotate"
KEYS = ("level", "text", "path", "line", "column", "title")


def read(text: str) -> tuple[list[Finding], list[str]]:
    """Return the findings of a file, and what is wrong with lines that are none; a problem has none of its line."""
    findings: list[Finding] = []
    problems: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                findings.append(_finding(json.loads(line)))
            except (ValueError, RecursionError) as error:
                why = "it is no JSON" if not isinstance(error, WrongAnnotationError) else str(error)
                problems.append(f"line {number} is no annotation: {why}")
    return findings, problems


class WrongAnnotationError(ValueError):
    """A line of JSON is no annotation; the text says why."""


def _finding(given: Any) -> Finding:
    if not isinstance(given, dict):
        raise WrongAnnotationError("an object is expected")
    if unknown := [key for key in given if key not in KEYS]:
        raise WrongAnnotationError(f"{len(unknown)} keys are none of {', '.join(KEYS)}")
    if given.get("level", "error") not in LEVELS:
        raise WrongAnnotationError(f"'level' is none of {', '.join(LEVELS)}")
    if not _text(given, "text"):
        raise WrongAnnotationError("'text' is missing")
    line = parsed.number(given.get("line", 0))
    column = parsed.number(given.get("column", 0)) if line else 0
    title = parsed.name(_text(given, "title"))
    return Finding(
        given.get("level", "error"), parsed.text(given["text"]), _text(given, "path"), line, column, title, SOURCE
    )


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key, "")
    if not isinstance(value, str):
        raise WrongAnnotationError(f"'{key}' is no text")
    return value
