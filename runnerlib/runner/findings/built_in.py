"""Problem matchers that are built in, in GitHub's form: what compilers, linters and tests print about lines."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ARROW = {"regexp": r"^\s*--> (.+?):([0-9]+):([0-9]+)$", "file": 1, "line": 2, "column": 3}


def _one(owner: str, *patterns: dict[str, Any], severity: str = "error") -> dict[str, Any]:
    return {"owner": owner, "severity": severity, "pattern": list(patterns)}


def _line(regexp: str, **groups: int) -> dict[str, Any]:
    return {"regexp": regexp, **groups}


_GCC = r"^(.+?):([0-9]+):(?:([0-9]+):)? +(?:fatal )?(warning|error): +(.*?)(?: +\[(-W[^\]]+)\])?$"
_GO = r"^\s*(?:vet: )?(\S+\.go):([0-9]+)(?::([0-9]+))?: +(.+)$"
_RUSTC = r"^(warning|error)(?:\[([A-Za-z0-9_:]+)\])?: (.+)$"
_COMPACT = r"^(.+?): line ([0-9]+), col ([0-9]+), (Error|Warning|Info) - (.+?)(?: \(([^()]+)\))?$"
_STYLISH = r"^\s+([0-9]+):([0-9]+)\s+(error|warning|info)\s+(.+?)(?:\s\s+(\S+))?$"
_MYPY = r"^(.+?\.pyi?):([0-9]+):(?:([0-9]+):)? (error|warning): (.+?)(?: +\[([\w-]+)\])?$"
_PYTEST = r"^([^\s:]+\.py):([0-9]+): ((?:\w+\.)*\w*(?:Error|Exception|Failed|Warning|Exit)\b.*)$"
_RUFF = r"^(.+?):([0-9]+):([0-9]+): ([A-Z]+[0-9]+|SyntaxError|invalid-syntax):? +(?:\[\*\] +)?(.+)$"
_RUFF_FULL = r"^([A-Z]+[0-9]+|invalid-syntax):? +(?:\[\*\] +)?(.+)$"
_TSC = r"^(.+?)\(([0-9]+),([0-9]+)\): +(error|warning) +(TS[0-9]+): +(.+)$"
_TSC_PRETTY = r"^(.+?):([0-9]+):([0-9]+) +- +(error|warning) +(TS[0-9]+): +(.+)$"

BUILT_IN: Mapping[str, Sequence[dict[str, Any]]] = MappingProxyType(
    {
        "gcc": [_one("gcc", _line(_GCC, file=1, line=2, column=3, severity=4, message=5, code=6))],
        "go": [_one("go", _line(_GO, file=1, line=2, column=3, message=4))],
        "rustc": [_one("rustc", _line(_RUSTC, severity=1, code=2, message=3), _ARROW)],
        "eslint": [
            _one("eslint", _line(_COMPACT, file=1, line=2, column=3, severity=4, message=5, code=6)),
            _one(
                "eslint",
                _line(r"^(\S.*\.\w+)$", file=1),
                {**_line(_STYLISH, line=1, column=2, severity=3, message=4, code=5), "loop": True},
            ),
        ],
        "mypy": [_one("mypy", _line(_MYPY, file=1, line=2, column=3, severity=4, message=5, code=6))],
        "pytest": [_one("pytest", _line(_PYTEST, file=1, line=2, message=3))],
        "ruff": [
            _one("ruff", _line(_RUFF, file=1, line=2, column=3, code=4, message=5)),
            _one("ruff", _line(_RUFF_FULL, code=1, message=2), _ARROW),
        ],
        "tsc": [
            _one("tsc", _line(_TSC, file=1, line=2, column=3, severity=4, code=5, message=6)),
            _one("tsc", _line(_TSC_PRETTY, file=1, line=2, column=3, severity=4, code=5, message=6)),
        ],
    }
)
