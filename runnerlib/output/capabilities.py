"""Capabilities of the output's reader: colours, Unicode, a terminal, folded groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib._util.system import terminal_size
from runnerlib._util.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARKS = "│…✓✗·»─━"
_PLAIN = str.maketrans({"│": "|", "…": "~", "✓": "+", "✗": "x", "·": ".", "»": ">", "─": "-", "━": "#"})


# The variables that show a CI service, and the dialect of groups it reads.
SERVICES = {"GITHUB_ACTIONS": "github", "GITLAB_CI": "gitlab", "BUILDKITE": "buildkite", "TF_BUILD": "azure"}


class TerminalCapabilities(NamedTuple):
    """Capabilities of the reader of the output; `dialect` names the groups that a CI service folds.

    A `terminal` redraws; one that does not, as with TERM=dumb, has a width all the same (`sized`). `taken` are columns
    at the beginning of each line that something else takes: the time.
    """

    colour: bool = False
    unicode: bool = True
    terminal: bool = False
    dialect: str = "plain"
    sized: bool = False
    taken: int = 0

    def paint(self, text: str, sgr: str) -> str:
        """Return `text` in the colours that the parameters `sgr` select, if colours are wanted."""
        return f"\x1b[{sgr}m{text}\x1b[0m" if self.colour and text else text

    def width(self) -> int:
        """Return the number of columns that a line has now; 0, which means no limit, without a terminal."""
        size = terminal_size(1) if self.terminal or self.sized else None
        return max(size.columns - self.taken, 1) if size else 0

    def plain(self, text: str) -> str:
        """Return `text` with the runner's own drawing characters as ASCII if the encoding lacks them."""
        return text if self.unicode else text.translate(_PLAIN)


def service(environ: Mapping[str, str]) -> str:
    """Return the dialect of the CI service that this process runs in; empty for none or an unknown one."""
    return next((dialect for name, dialect in SERVICES.items() if environ.get(name)), "")


def look(environ: Mapping[str, str], isatty: bool, encoding: str | None) -> TerminalCapabilities:
    """Detect the capabilities of the reader; `isatty` and `encoding` are those of stdout.

    NO_COLOR (https://no-color.org) and FORCE_COLOR are respected, in this order; CI services show colours.
    """
    dialect = service(environ)
    terminal = isatty and environ.get("TERM") != "dumb"
    if environ.get("NO_COLOR"):
        colour = False
    elif environ.get("FORCE_COLOR"):
        colour = environ["FORCE_COLOR"].lower() not in {"0", "false"}
    else:
        colour = terminal or bool(dialect)
    return TerminalCapabilities(colour, _speaks_unicode(encoding), terminal, dialect or "plain", sized=isatty)


def _speaks_unicode(encoding: str | None) -> bool:
    try:
        return bool(_MARKS.encode(encoding or "utf-8"))
    except (UnicodeEncodeError, LookupError):
        return False
