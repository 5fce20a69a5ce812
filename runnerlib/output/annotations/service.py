"""Findings as commands of GitHub and Azure, which their logs turn into annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import one_line
from runnerlib.events import Annotated, JobFinished, WorkflowFinished
from runnerlib.events.forwarding import UnbufferedObserver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.events import Event
    from runnerlib.events.findings import Finding

MOST = 50
"""Annotations of a run; GitHub shows ten of a kind."""
_AZURE_TYPES = {"error": "error", "warning": "warning", "notice": "warning"}


def github(found: Finding) -> str:
    """Return the command of GitHub for a finding; no text in it can end the command, or begin another."""
    values = {"file": found.path, "line": found.line, "col": found.column, "title": found.title}
    given = ",".join(f"{key}={_property(str(value))}" for key, value in values.items() if value)
    return f"::{found.level}{' ' if given else ''}{given}::{_data(found.text)}"


def azure(found: Finding) -> str:
    """Return the command of Azure for a finding."""
    values = {"sourcepath": found.path, "linenumber": found.line, "columnnumber": found.column, "code": found.title}
    given = "".join(f"{key}={_azure(str(value))};" for key, value in values.items() if value)
    return f"##vso[task.logissue type={_AZURE_TYPES[found.level]};{given}]{_azure(found.text)}"


COMMANDS: Mapping[str, Callable[[Finding], str]] = {"github": github, "azure": azure}
"""The services that take annotations from the log, by their dialect."""


class ServiceAnnotations(UnbufferedObserver):
    """Shows the first findings with `put` when all steps have ended: what stands between marks of a step is no command.

    Each is one line, and errors come first.
    """

    def __init__(self, dialect: str, put: Callable[[bytes], None]) -> None:
        self._command = COMMANDS[dialect]
        self._put = put
        self._found: dict[str, list[Finding]] = {"error": [], "warning": [], "notice": []}

    def observe(self, event: Event) -> None:
        """Record a finding; show all of them at the end."""
        match event:
            case Annotated() if len(self._found[event.finding.level]) < MOST:
                self._found[event.finding.level].append(event.finding)
            case JobFinished() | WorkflowFinished():
                self._show()

    def _show(self) -> None:
        found = [finding for of_level in self._found.values() for finding in of_level][:MOST]
        lines = [one_line(self._command(finding)) for finding in found]
        if lines:
            self._put("".join(f"{line}\n" for line in lines).encode(errors="backslashreplace"))
        self._found = {level: [] for level in self._found}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _azure(text: str) -> str:
    escaped = text.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")
    return escaped.replace("]", "%5D").replace(";", "%3B").replace("##", "# #")
