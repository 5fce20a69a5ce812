"""Commands in the form that a worker starts well; pure.

It splits the command into words itself, or has `sh -c` run it where it has a line break or the name of a variable. That
shell is the first process of the container then. It ignores SIGTERM, since no first process has a signal that it does
not ask for, and passes none on: a job that is cancelled would be killed without its clean-up. So the shell makes way.
"""

from __future__ import annotations

import re
import shlex

_VARIABLE = re.compile(r"\$[A-Za-z_{]")
# A worker recognizes these by their beginning, and adds permissions for their transport.
_KNOWN = ("runnerlib eval", "runnerlib trigger")


def needs_shell(command: str) -> bool:
    """Return whether a worker runs `command` by a shell. Source: Reactorcide's ParseCommandWithPrefix."""
    return "\n" in command.strip() or _VARIABLE.search(command) is not None


def by_worker(command: str) -> str:
    """Return `command` so that the worker's shell becomes it instead of waiting; it must be a single program."""
    return f"exec {command}" if needs_shell(command) else command


def if_single(command: str) -> str:
    """Return `by_worker` of a command with an unknown author; unchanged if it may be more than one program."""
    return command if command.startswith(_KNOWN) or not _is_single(command) else by_worker(command)


def _is_single(command: str) -> bool:
    """Return whether a shell has one program to start and nothing after it; False when in doubt."""
    words = shlex.shlex(command.strip(), posix=True, punctuation_chars=";&|<>()\n")
    words.whitespace, words.commenters, words.whitespace_split = " \t", "", True
    try:
        return not any(word and set(word) <= set(";&|<>()\n") for word in words)
    except ValueError:
        return False
