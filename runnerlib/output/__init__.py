"""Observers: console modes, logs and reports, made from the typed events of a job.

An output mode is a module of `modes` named as the mode (`json` is `json_lines`) with a function `console`, and an entry
in `MODES`; or what a plugin adds. A run adds further observers to the console: `summary` and `workflow_summary`,
`log.step_logs`, `log.events_file`, `log.json_observer`. `truncate` shortens what a console gets, `filter` is its base
class, and `fanout` passes each event to several observers. All text in an event is masked; no observer sees a secret.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING

from runnerlib.errors import ConfigError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.output.capabilities import Look
    from runnerlib.output.protocol import Console, MakeConsole
    from runnerlib.output.streams import Streams

__all__ = ["MODES", "TIMED", "automatic_mode", "console"]

MODES = ("raw", "prefixed", "grouped", "json", "live")
# Modes whose lines need no further time: they have it, a service adds it, or they are redrawn.
TIMED = ("json", "grouped", "live")

# The variables that show a CI service, and the dialect of groups it reads.
SERVICES = {"GITHUB_ACTIONS": "github", "GITLAB_CI": "gitlab", "BUILDKITE": "buildkite", "TF_BUILD": "azure"}


def automatic_mode(environ: Mapping[str, str], isatty: bool, step_count: int) -> str:
    """Return the output mode that fits the job; `isatty` says whether stdout is a terminal."""
    if step_count <= 1:
        return "raw"
    if service(environ):
        return "grouped"
    return "live" if isatty and environ.get("TERM") != "dumb" else "prefixed"


def service(environ: Mapping[str, str]) -> str:
    """Return the dialect of the CI service that this process runs in; empty for none or an unknown one."""
    return next((dialect for name, dialect in SERVICES.items() if environ.get(name)), "")


_NO_MODES: Mapping[str, MakeConsole] = MappingProxyType({})


def console(mode: str, streams: Streams, look: Look, added: Mapping[str, MakeConsole] = _NO_MODES) -> Console:
    """Return the console of `mode`; its module is loaded on first use, since a run needs only one.

    `live` needs a terminal and is `prefixed` elsewhere. `added` are modes that are not built in. Raises
    ConfigError for an unknown mode.
    """
    if mode in added:
        return added[mode](streams, look)
    if mode not in MODES:
        raise ConfigError(unknown("output mode", mode, (*MODES, *added)))
    if mode == "live" and not look.terminal:
        mode = "prefixed"
    name = {"json": "json_lines"}.get(mode, mode)
    make: MakeConsole = importlib.import_module(f"{__name__}.modes.{name}").console
    return make(streams, look)
