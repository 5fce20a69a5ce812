"""Cobertura XML, as coverage.py, gcovr, JaCoCo's converters and others write it: how many lines are covered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.runner.findings.parsed import Parsed, WrongReportError, number
from runnerlib.runner.findings.xml import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a rate is of where the number of lines is not told.
_PARTS = 10_000


def read(data: bytes) -> Parsed:
    """Return how many lines are covered. Raises WrongReportError."""
    root: dict[str, str] = {}
    lines: dict[tuple[str, str], bool] = {}
    file = ""

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        nonlocal file
        if not root:
            if tag != "coverage":
                raise WrongReportError("it is XML, but not of Cobertura")
            root.update(attributes, _=tag)
        elif tag == "class":
            file = attributes.get("filename", "")
        elif tag == "line" and "lines-valid" not in root:
            key = (file, attributes.get("number", ""))
            lines[key] = lines.get(key, False) or number(attributes.get("hits", 0)) > 0

    parse(data, start, lambda _tag: None)
    if "lines-valid" in root:
        covered, valid = number(root.get("lines-covered", 0)), number(root["lines-valid"])
    elif lines:
        covered, valid = sum(lines.values()), len(lines)
    else:
        covered, valid = round(_rate(root.get("line-rate", "")) * _PARTS), _PARTS
    if covered > valid:
        raise WrongReportError("more lines are covered than there are")
    return Parsed(covered=covered, lines=valid)


def _rate(given: str) -> float:
    try:
        rate = float(given)
    except ValueError:
        raise WrongReportError("it does not say how many lines are covered") from None
    if not 0 <= rate <= 1:
        raise WrongReportError("its share of covered lines is none from 0 to 1")
    return rate
