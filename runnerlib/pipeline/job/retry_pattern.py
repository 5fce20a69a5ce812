"""Patterns that are searched for in a step's output: regular expressions that take linear time.

RE2 never goes back in a text, so none takes exponential time; for that it knows no look-around and no back-references.
It searches without the lock of the interpreter, so that a search in a thread does not delay the others.
"""

from __future__ import annotations

import re
from typing import Any

# Python takes it for a repetition, RE2 for a text.
_BARE_LIMIT = r"(?:\\.|[^\\])*?(\{,[0-9]+\})"


def compiled(pattern: str, *, captures: bool = False) -> Any:
    """Return an object with `search(text: bytes)` for the pattern. Raises ValueError with the error in it.

    With `captures` a match has the groups of the pattern.
    """
    import re2  # 10 ms, for jobs that have a pattern

    bare = re.match(_BARE_LIMIT, pattern, re.DOTALL)
    if bare:
        raise ValueError(f"'{bare[1]}' is no repetition; write '{{0{bare[1][1:]}'")
    options = re2.Options()
    options.log_errors = False
    options.never_capture = not captures
    try:
        return re2.compile(pattern.encode(), options)
    except UnicodeEncodeError:
        raise ValueError("it is no text") from None
    except re2.error as error:
        raise ValueError(_why(error.args[0])) from None


def wrong_pattern(pattern: str) -> str:
    """Return the error in a pattern; empty when the pattern is valid."""
    try:
        compiled(pattern)
    except ValueError as error:
        return str(error)
    return ""


def _why(said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    what, _, where = text.partition(": ")
    if where in {"(?=", "(?!", "(?<", "(?<=", "(?<!"}:
        return f"it has look-around, '{where}', which is not supported"
    if what == "invalid escape sequence" and where[1:].isdigit():
        return f"it has a back-reference, '{where}', which is not supported"
    if what == "invalid escape sequence" and where == r"\Z":
        return r"the end of the text is '\z', not '\Z'"
    return f"{what.removeprefix('invalid perl operator') or 'unknown group'}{f' at {where!r}' if where else ''}"
