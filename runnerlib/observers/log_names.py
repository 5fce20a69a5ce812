"""Names of log files, made from names of steps that may hold anything."""

from __future__ import annotations

import re
from hashlib import blake2b

DIRECTORY = "logs"

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
# A name that could be mistaken for one that was made here.
_MADE = re.compile(r"-[0-9a-f]{10}$")


def log_name(step: str) -> str:
    """`<step>.log`; other characters than letters, digits, `.`, `_` and `-` become `_`, and a digest keeps it unique.

    So it stays in its directory, is never hidden, and has no more than 255 bytes.
    """
    if _PLAIN.fullmatch(step) and not _MADE.search(step):
        return f"{step}.log"
    digest = blake2b(step.encode(errors="surrogatepass"), digest_size=5).hexdigest()
    return f"{re.sub('[^A-Za-z0-9_.-]', '_', step)[:100].lstrip('.-') or 'step'}-{digest}.log"


def log_path(step: str, artifacts: str = "artifacts") -> str:
    """Where people find the log; `artifacts` is the directory of the artifacts as they are to see it."""
    return f"{artifacts}/{DIRECTORY}/{log_name(step)}"
