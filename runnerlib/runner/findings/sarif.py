"""SARIF 2.1.0, the format of findings of linters and security scanners."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from runnerlib.events.findings import Finding, Level
from runnerlib.runner.findings.parsed import MOST, Parsed, WrongReportError, name, number, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LEVELS: Mapping[str, Level] = {"error": "error", "warning": "warning", "note": "notice"}
_NO_FAULT = {"pass", "notApplicable", "open", "informational"}


def read(data: bytes) -> Parsed:
    """Return the findings of a file, without those that it says are suppressed. Raises WrongReportError."""
    try:
        whole = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise WrongReportError("it is no JSON") from None
    if not isinstance(whole, dict) or not isinstance(whole.get("runs"), list):
        raise WrongReportError("it is JSON, but not of SARIF: 'runs' is missing")
    return Parsed(tuple(_findings(whole["runs"])))


def _findings(runs: list[Any]) -> Iterator[Finding]:
    left = MOST
    for run in filter(_is_mapping, runs):
        tool = _text(_at(run, "tool", "driver", "name"))
        for result in filter(_is_mapping, _listed(run.get("results"))):
            level = str(result.get("level", "warning"))
            if result.get("suppressions") or str(result.get("kind", "fail")) in _NO_FAULT or level == "none":
                continue
            if left == 0:
                return
            left -= 1
            yield _finding(result, tool, _LEVELS.get(level, "warning"))


def _finding(result: dict[str, Any], tool: str, level: Level) -> Finding:
    place: dict[str, Any] = next(filter(_is_mapping, _listed(result.get("locations"))), {})
    where = _at(place, "physicalLocation", "artifactLocation", "uri")
    region = _at(place, "physicalLocation", "region") or {}
    line, column = (number(_at(region, key)) for key in ("startLine", "startColumn"))
    rule = _text(result.get("ruleId")) or _text(_at(result, "rule", "id"))
    said = _text(_at(result, "message", "text")) or _text(_at(result, "message", "markdown")) or rule or "a finding"
    return Finding(level, text(said), _path(_text(where)), line, column, name(rule), name(tool or "sarif"))


def _path(uri: str) -> str:
    return unquote(uri.removeprefix("file://")) if "://" not in uri.removeprefix("file://") else ""


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict)
