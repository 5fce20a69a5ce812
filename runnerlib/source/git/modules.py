"""Read `.gitmodules`, a file that strangers write. Pure text, no I/O."""

from __future__ import annotations

import re
from typing import NamedTuple

from runnerlib.errors import SourceError, one_line

_SECTION = re.compile(
    r'\s*\[\s*submodule(?:\s+"(?P<quoted>(?:[^"\\]|\\.)*)"|\.(?P<plain>[a-z0-9.-]+))\s*\]\s*(?P<rest>.*)', re.IGNORECASE
)
_OTHER = re.compile(r"\s*\[")
_SETTING = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*(.*))?")
_MOST = 1000


class Module(NamedTuple):
    """A submodule: its name, its directory, its url as written, and whether it is requested."""

    name: str
    path: str
    url: str
    wanted: bool = True


def read_modules(text: str) -> list[Module]:
    """The submodules that `text` declares, in order. Raises `SourceError` for names and paths that are tricks."""
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    for line in text.removeprefix("\ufeff").replace("\\\n", "").splitlines():
        section = _SECTION.fullmatch(line)
        if section is not None:
            # In the older form `[submodule.name]` upper and lower case are one.
            name = section["plain"].lower() if section["plain"] else re.sub(r"\\(.)", r"\1", section["quoted"])
            current = found.setdefault(name, {})
        elif _OTHER.match(line):
            current = None
        setting = _SETTING.fullmatch(section["rest"] if section is not None else line)
        if setting is not None and current is not None and setting[2] is not None:
            current[setting[1].lower()] = _value(setting[2])
    if len(found) > _MOST:
        raise SourceError(f"the repository declares {len(found)} submodules, more than {_MOST}")
    modules = [
        Module(name, keys["path"], keys["url"], keys.get("update") != "none")
        for name, keys in found.items()
        if {"path", "url"} <= set(keys)
    ]
    for module in modules:
        _check(module)
    return modules


def _value(text: str) -> str:
    """A value without its quotes and comments, escapes resolved."""
    made, quoted, position = "", False, 0
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            position += 1
            made += {"n": "\n", "t": "\t", "b": "\b"}.get(text[position], text[position])
        elif char == '"':
            quoted = not quoted
        elif char in "#;" and not quoted:
            break
        else:
            made += char
        position += 1
    return made.strip() if '"' not in text else made.rstrip()


def _check(module: Module) -> None:
    """Refuse names and paths that leave their place, hide in a git directory, or look like options."""
    for kind, text in (("name", module.name), ("path", module.path)):
        parts = text.split("/")
        tricky = text.startswith(("-", "/")) or "\\" in text or not text.isprintable()
        if not text or tricky or {"", ".", ".."} & set(parts) or any(map(_is_git, parts)):
            raise SourceError(
                f"the repository declares a submodule with the {kind} '{one_line(text)}', which is a trick"
            )


def _is_git(part: str) -> bool:
    """Tell whether some file system could take `part` for `.git`."""
    plain = re.sub("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]", "", part).lower().rstrip(" .")
    return plain.partition(":")[0] in {".git", "git~1"}
