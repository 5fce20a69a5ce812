"""Findings as the report that GitLab shows in merge requests (Code Quality, a part of Code Climate's format)."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from runnerlib.events import Annotated
from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.output.findings_summary import described
from runnerlib.output.report.whole_file import ReportFile

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.events import Event
    from runnerlib.events.findings import Finding

_MOST = 10_000
_SEVERITIES = {"error": "major", "warning": "minor", "notice": "info"}


class CodeQuality(UnbufferedObserver):
    """Writes the file when the run has ended. Raises OutputError when it cannot be written."""

    def __init__(self, path: str, base: Path) -> None:
        self._file = ReportFile(path, base, "code quality report")
        self._file.remove()
        self._found: dict[str, dict[str, Any]] = {}

    def observe(self, event: Event) -> None:
        """Record a finding in a file; GitLab has no place for others."""
        if isinstance(event, Annotated) and event.finding.path and len(self._found) < _MOST:
            entry = _entry(event.finding)
            self._found.setdefault(entry["fingerprint"], entry)

    def close(self) -> None:
        """Write the file."""
        try:
            self._file.write([json.dumps(list(self._found.values()), indent=1).encode() + b"\n"])
        finally:
            self._file.close()


def _entry(found: Finding) -> dict[str, Any]:
    whole = "\0".join((found.source, found.title, found.path, str(found.line), found.text))
    return {
        "description": described(found._replace(path="")),
        "check_name": found.title or found.source or "finding",
        "fingerprint": sha256(whole.encode(errors="backslashreplace")).hexdigest(),
        "severity": _SEVERITIES[found.level],
        "location": {"path": found.path, "lines": {"begin": max(found.line, 1)}},
    }
