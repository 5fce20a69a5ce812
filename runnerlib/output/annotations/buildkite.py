"""Findings as an annotation of Buildkite, which its agent makes: `buildkite-agent annotate`."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from runnerlib.events import Annotated, JobFinished, WorkflowFinished
from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.output.annotations.service import MOST
from runnerlib.output.annotations.step_summary import markdown
from runnerlib.output.findings_summary import described

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.events import Event
    from runnerlib.events.findings import Finding

_AGENT = "buildkite-agent"
_SECONDS = 10
_STYLES = {"error": "error", "warning": "warning", "notice": "info"}


class BuildkiteAnnotations(UnbufferedObserver):
    """Has the agent show the first findings when all steps have ended; `warn` tells that it cannot."""

    def __init__(self, environ: Mapping[str, str], warn: Callable[[str], None]) -> None:
        self._environ = environ
        self._warn = warn
        self._found: list[Finding] = []

    def observe(self, event: Event) -> None:
        """Record a finding; show all of them at the end."""
        match event:
            case Annotated() if len(self._found) < MOST:
                self._found.append(event.finding)
            case JobFinished() | WorkflowFinished() if self._found:
                self._show()
                self._found = []

    def _show(self) -> None:
        agent = shutil.which(_AGENT, path=self._environ.get("PATH"))
        if agent is None:
            self._warn(f"findings are not annotated: '{_AGENT}' is not found")
            return
        worst = next(level for level in _STYLES if any(one.level == level for one in self._found))
        text = "".join(f"- {one.level}: {markdown(described(one))}\n" for one in self._found)
        words = [agent, "annotate", "--style", _STYLES[worst], "--context", "runnerlib"]
        given = text.encode(errors="backslashreplace")
        try:
            done = subprocess.run(
                words, input=given, env=dict(self._environ), capture_output=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self._warn(f"findings are not annotated: '{_AGENT}': {type(error).__name__}")
            return
        if done.returncode:
            self._warn(f"findings are not annotated: '{_AGENT}' ended with exit code {done.returncode}")
