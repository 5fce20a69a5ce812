"""Writes the parts of the documentation that derive from the code: `python docs/generate.py`."""

from __future__ import annotations

import re
from pathlib import Path

from runnerlib.config import SETTINGS, Setting

PAGE = Path(__file__).with_name("configuration.md")
MARKS = re.compile(r"(?<=<!-- settings -->\n).*(?=<!-- end of settings -->)", re.DOTALL)


def settings_table() -> str:
    """One row for every setting, as Markdown."""
    rows = "".join(f"| `{s.name}` | {s.help}{_default(s)} |\n" for s in SETTINGS.values())
    return f"| setting | |\n|---|---|\n{rows}"


def page() -> str:
    """The configuration page with a fresh table."""
    return MARKS.sub(lambda _: settings_table(), PAGE.read_text(encoding="utf-8"))


def _default(setting: Setting) -> str:
    default = setting.default
    if not default:
        return ""
    shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
    return f" (default: `{shown}`)"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
