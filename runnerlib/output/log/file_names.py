"""Names of log files, made from names of steps that may hold anything."""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DIRECTORY = "logs"

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
# A step of a job of a workflow (`build/compile`), and one of the runs of a job (`build[0]`).
_OF_A_JOB = re.compile(
    r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,60})(?:\[([0-9]{1,4})\])?(?:/([A-Za-z0-9_][A-Za-z0-9_.-]{0,60}))?"
)
# A name that could be confused with a generated one.
_MADE = re.compile(r"-[0-9a-f]{10}$")


# Bytes of the name of a log, without its ending: the most that file systems take is 255.
_LONGEST = 200
_RUN = re.compile(r"\[([0-9]+)\](?=/|$)")


class LogNames:
    """Names of the logs of a job's steps, below the directory `artifacts`.

    A name keeps letters and digits of every language, `.`, `_` and `-`; other characters become `_`. Where two steps
    of a job, which `begin` gets, would have the same log, a digest keeps them apart.
    """

    def __init__(self, artifacts: str = "artifacts") -> None:
        self._directory = f"{artifacts}/{DIRECTORY}"
        self._names: dict[str, str] = {}

    def begin(self, steps: Iterable[str]) -> None:
        """Name the logs of these steps; those whose names need no change have them to themselves."""
        self._names.clear()
        changed = {step: _readable(step) for step in steps if not _PLAIN.fullmatch(step)}
        taken = {_alike(step) for step in steps if step not in changed}
        for step, name in changed.items():
            free, salt = name, ""
            while _alike(free) in taken:
                free = f"{_shortened(name, _LONGEST - 11)}-{_digest(step + salt)}"
                salt += "\0"
            taken.add(_alike(free))
            self._names[step] = free

    def name(self, step: str) -> str:
        """Return the name of a step's log, `<step>.log`."""
        name = self._names.get(step)
        return f"{(step if _PLAIN.fullmatch(step) else _readable(step)) if name is None else name}.log"

    def path(self, step: str) -> str:
        """Return the path of a step's log, as the user sees it."""
        return f"{self._directory}/{self.name(step)}"


def _readable(step: str) -> str:
    """Return a file name like `step`; a step of a job of a workflow is `job+step`, the second run of one `job+1`."""
    text = unicodedata.normalize("NFC", _RUN.sub(r"+\1", step)).replace("/", "+")
    name = "".join(char if char in "._-+" or _in_a_word(char) else "_" for char in text)
    return _shortened(name.lstrip(".-"), _LONGEST) or "step"


def _in_a_word(char: str) -> bool:
    """Return whether a character is a letter, a mark on one, or a digit."""
    return char.isalnum() or unicodedata.category(char) in {"Mn", "Mc"}


def _shortened(name: str, size: int) -> str:
    return name.encode()[:size].decode(errors="ignore")


def _alike(name: str) -> str:
    """Return what is equal for names that a file system may take for the same."""
    return unicodedata.normalize("NFC", name).casefold()


def _digest(step: str) -> str:
    return blake2b(step.encode(errors="surrogatepass"), digest_size=5).hexdigest()


def file_name(step: str) -> str:
    """Return a file name for a step or a job: it has no directory, is not hidden, and is unique.

    A step of a job of a workflow is `job+step`, the second run of one `job+1`. Other characters than letters,
    digits, `.`, `_` and `-` become `_`, and a digest keeps it unique. It has no more than 200 bytes.
    """
    if _PLAIN.fullmatch(step) and not _MADE.search(step):
        return step
    found = _OF_A_JOB.fullmatch(step)
    if found and not _MADE.search(step):
        return "+".join(filter(None, found.groups()))
    return f"{re.sub('[^A-Za-z0-9_.-]', '_', step)[:100].lstrip('.-') or 'step'}-{_digest(step)}"
