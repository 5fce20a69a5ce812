"""Observers: console modes, logs and reports, made from the typed events of a job.

An output mode is a module of `modes` named as the mode (`json` is `json_lines`) with a function `console`, and an entry
in `MODES`; or what a plugin adds. `console` chooses one. A run adds further observers to it: `summary` and
`workflow_summary`, `log.step_logs`, `log.events_file`, `log.json_observer`, those in `report`. `truncate` shortens what
a console gets, `labelled` renames steps for people, `filter` is their base class, and `fanout` passes each event to
several observers.
All text in an event is masked; no observer sees a secret.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MODES", "Mode", "chosen_format", "mode_of"]


class Mode(NamedTuple):
    """Properties of an output mode that decide what stands beside it; all are false for the mode of a plugin.

    `needs_terminal`: it redraws, so it is `prefixed` without a terminal and beside a log on stderr. `timed`: its lines
    have a time, so `timestamps` has no meaning. `stamps`: it shows lines later than they come, or moves what it has
    shown, so it begins them with the time itself. `for_programs`: its lines are read by programs and have everything,
    the runner's messages too, so no log, summary or cut is added. `verbatim`: it passes bytes on as they are, so steps
    run one at a time and nothing frames them.
    """

    module: str = ""
    needs_terminal: bool = False
    timed: bool = False
    stamps: bool = False
    for_programs: bool = False
    verbatim: bool = False


MODES: Mapping[str, Mode] = MappingProxyType(
    {
        "raw": Mode("raw", verbatim=True),
        "prefixed": Mode("prefixed"),
        "grouped": Mode("grouped", stamps=True),
        "json": Mode("json_lines", timed=True, for_programs=True),
        "live": Mode("live", stamps=True, needs_terminal=True),
    }
)
"""Each is the module `modes.MODULE`, loaded when a run has the mode."""

_OF_A_PLUGIN = Mode()


def mode_of(name: str | None) -> Mode:
    """Return the properties of the output mode `name`; of one that is unknown here, or not chosen, the defaults."""
    return MODES.get(name or "", _OF_A_PLUGIN)


def chosen_format(environ: Mapping[str, str], setting: str | None = None) -> str:
    """Return the format of the runner's log: `setting` or, without one, LOG_FORMAT.

    It is text for any other value, as that may be meant for the job.
    """
    named = setting or environ.get("LOG_FORMAT", "").lower()
    return "json" if named == "json" else "text"
