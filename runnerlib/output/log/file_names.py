"""Names of log files, made from names of steps that may hold anything."""

from __future__ import annotations

import re
from hashlib import blake2b

DIRECTORY = "logs"

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
# A step of a job of a workflow (`build/compile`), and one of the runs of a job (`build[0]`).
_OF_A_JOB = re.compile(
    r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,60})(?:\[([0-9]{1,4})\])?(?:/([A-Za-z0-9_][A-Za-z0-9_.-]{0,60}))?"
)
# A name that could be confused with a generated one.
_MADE = re.compile(r"-[0-9a-f]{10}$")


def log_name(step: str) -> str:
    """`<step>.log`, with the name that `file_name` makes."""
    return f"{file_name(step)}.log"


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
    digest = blake2b(step.encode(errors="surrogatepass"), digest_size=5).hexdigest()
    return f"{re.sub('[^A-Za-z0-9_.-]', '_', step)[:100].lstrip('.-') or 'step'}-{digest}"


def log_path(step: str, artifacts: str = "artifacts") -> str:
    """Return the path of a step's log as the user sees it; `artifacts` is the directory of the artifacts."""
    return f"{artifacts}/{DIRECTORY}/{log_name(step)}"
