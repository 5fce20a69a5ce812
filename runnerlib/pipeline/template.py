"""Texts with facts in them, as `pip-${checksum('requirements.txt')}` or `deploy-${branch}`: keys and names of groups.

Pure. A fact is a name, `env.NAME`, or a call of `checksum` with globs of files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import unknown
from runnerlib.pipeline.conditions.context import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NAMES = (*VARIABLES, "os", "arch")
CHECKSUM = "checksum"
_ENV = "env."
_LONGEST = 512
_FACT = re.compile(r"\$\{(.*?)\}", re.DOTALL)
_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_GLOBS = re.compile(r"""\s*(?:'[^']+'|"[^"]+")(?:\s*,\s*(?:'[^']+'|"[^"]+"))*\s*""")
_GLOB = re.compile(r"""'([^']+)'|"([^"]+)\"""")


class Facts(NamedTuple):
    """Facts that a text can name: `names` by name, variables, and the checksum of the files that match some globs."""

    names: Mapping[str, str]
    env: Mapping[str, str]
    checksum: Callable[[Sequence[str]], str]


def problems(text: str, *, files: bool = True) -> Iterator[str]:
    """Yield what is wrong with a text; with `files` it may have checksums of files."""
    if not text.strip() or len(text) > _LONGEST or not text.isprintable():
        yield f"a text of 1 to {_LONGEST} printable characters is expected"
        return
    for fact in _FACT.findall(text):
        if wrong := _wrong(fact, files=files):
            yield wrong
    if "${" in _FACT.sub("", text):
        yield "a '${' has no '}'"


def filled(text: str, facts: Facts) -> str:
    """Return the text with every fact in its place; it has no problems."""

    def fact(found: re.Match[str]) -> str:
        written = found[1].strip()
        if call := _CALL.fullmatch(written):
            return facts.checksum([one or other for one, other in _GLOB.findall(call[2])])
        if written.startswith(_ENV):
            return facts.env.get(written.removeprefix(_ENV), "")
        return facts.names.get(written, "")

    return _FACT.sub(fact, text)


def _wrong(fact: str, *, files: bool) -> str:
    """Return what is wrong with a fact; empty when it is right."""
    written = fact.strip()
    allowed = (*NAMES, "env.NAME", *(("checksum('FILE')",) if files else ()))
    if written.startswith("secret:"):
        return "it is shown and written down, so it holds no secret"
    if written.startswith(_ENV):
        name = written.removeprefix(_ENV)
        return "" if name.isidentifier() and name.isascii() else f"'{name[:100]}' is no name of a variable"
    if (call := _CALL.fullmatch(written)) is None:
        return "" if written in NAMES else unknown("fact", written[:100], allowed)
    if call[1] != CHECKSUM:
        return unknown("function", call[1][:100], (CHECKSUM,))
    if not files:
        return "it is needed before there are files, so it has no checksums of them"
    return "" if _GLOBS.fullmatch(call[2]) else "checksum takes globs of files in quotes, as checksum('*.lock')"
