"""The private directory of a socket: made, found again when its runner was killed, removed.

Its name tells whose it is: `rl-<pid namespace>-<pid>-<start time>-<random>`, numbers in hexadecimal.
The start time makes the pid unique, the namespace tells containers apart that share a /tmp, and the
random part keeps other users from taking the name first.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.proc import process_stat
from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# `sun_path` of unix(7) has 108 bytes, the last of which is NUL.
LONGEST = 107

_SOCKET = "s"
SCRATCH = "scratch"  # a directory of steps in sandboxes and in containers
# The socket, and the files in which steps hand on values (`runnerlib.engine.step_outputs`).
# Patterns as texts: they are compiled when they are first used, and a plain start uses none.
_OURS = r"s|[0-9]+\.[0-9]+\.(?:output|env|path)"
_NAME = r"rl-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-[0-9a-f]{8}"

# What `tempfile.gettempdir` tries; importing tempfile would cost every run 3 ms.
_FALLBACKS = ("/tmp", "/var/tmp")  # noqa: S108 - checked before use, and the name is random


def create(environ: Mapping[str, str], place: Path | None = None) -> Path:
    """Make a directory that only this user can enter and return the path for a socket in it.

    Tried in turn: `place`, XDG_RUNTIME_DIR, TMPDIR, /tmp, /var/tmp. What killed runners have left there is
    removed. Raises RunnerError when none will do, which says why.
    """
    problems = {}
    name = f"rl-{_namespace():x}-{os.getpid():x}-{_started(os.getpid()):x}-{os.urandom(4).hex()}"
    for parent in (*([place] if place else []), *_parents(environ)):
        path = parent / name / _SOCKET
        problems[parent] = _unfit(parent, path) or _make(path.parent)
        if not problems[parent]:
            _remove_stale(parent)
            return path
    listed = ", ".join(f"'{parent}' {problem}" for parent, problem in problems.items())
    raise RunnerError(f"no directory for the secret socket: {listed}")


def remove(path: Path) -> None:
    """Remove the socket at `path`, what steps have beside it, and the directory if it is empty then."""
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.name == SCRATCH:
                    from runnerlib._util.safe_tree import remove_tree

                    remove_tree(Path(entry.path))
                elif entry.name == _SOCKET or re.fullmatch(_OURS, entry.name):
                    os.unlink(entry.path)
    with suppress(OSError):
        path.parent.rmdir()


def _parents(environ: Mapping[str, str]) -> Iterator[Path]:
    for given in (environ.get("XDG_RUNTIME_DIR"), environ.get("TMPDIR"), *_FALLBACKS):
        if given:
            yield Path(given).absolute()


def _unfit(parent: Path, path: Path) -> str:
    """Return why the socket cannot be at `path` below `parent`; '' when it can."""
    length = len(os.fsencode(path))
    if length > LONGEST:
        return f"makes a path of {length} bytes (at most {LONGEST})"
    try:
        seen = parent.stat()
    except OSError as error:
        return f"cannot be used: {error.strerror}"
    # A user who may rename the directory can put a socket in its place and receive the secrets.
    shared = seen.st_mode & 0o022 and not seen.st_mode & stat.S_ISVTX
    if shared or seen.st_uid not in {0, os.geteuid()}:
        return "is open to other users"
    return ""


def _make(directory: Path) -> str:
    try:
        directory.mkdir(0o700)
        directory.chmod(0o700)  # mkdir obeys the umask, and takes over a set-group-ID bit
    except OSError as error:
        return f"cannot be used: {error.strerror}"
    return ""


def _remove_stale(parent: Path) -> None:
    """Remove the directories of this user's dead runners; any that is in doubt stays."""
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            found = entry.name.startswith("rl-") and re.fullmatch(_NAME, entry.name)
            if found and _is_stale(entry, *(int(number, 16) for number in found.groups())):
                remove(Path(entry.path, _SOCKET))


def _is_stale(entry: os.DirEntry[str], namespace: int, pid: int, started: int) -> bool:
    try:
        ours = entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
        return ours and namespace == _namespace() and _started(pid) != started
    except OSError:
        return False


def _namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def _started(pid: int) -> int:
    """Return the start time of a process in clock ticks since boot; -1 for none, or an unreaped dead one.

    Raises OSError for a process that is not shown to this user: it is in doubt.
    """
    found = process_stat(pid)
    return -1 if found is None or found.dead else found.started
