"""Linux's /proc: the state of a process, the mounts, and small files whole."""

from __future__ import annotations

import os
import re

from runnerlib._util.values import NamedTuple

# Bytes read at a time; hardly any file of a process, or of a control group, has more.
_PIECE = 1 << 14
_OCTAL = rb"\\([0-7]{3})"  # as text: a plain start uses it seldom


class ProcessStat(NamedTuple):
    """A process as /proc/PID/stat shows it; `started` is in clock ticks since boot.

    A process that has ended and was not collected by its parent is still there: `state` is Z then. Callers say what
    that is to them.
    """

    pid: int
    state: str
    parent: int
    group: int
    session: int
    threads: int
    started: int

    @property
    def dead(self) -> bool:
        """True if only the exit status is left. A process whose first thread alone has ended is not dead."""
        return self.state in "ZX" and self.threads <= 1


class Mount(NamedTuple):
    """A line of /proc/self/mountinfo: which directory (`root`) of the file system on `device` is shown at `point`.

    `filesystem` is its type, `options` are its own, not those of the mount.
    """

    device: str
    root: str
    point: str
    filesystem: str = ""
    options: tuple[str, ...] = ()


def read_proc(path: str) -> bytes:
    """The whole of a file of /proc or of a control group; `open` takes twice as long. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return b"".join(iter(lambda: os.read(file, _PIECE), b""))
    finally:
        os.close(file)


def read_if_shown(path: str) -> bytes:
    """`read_proc`, or nothing for what has just ended, is not shown or may not be looked into."""
    try:
        return read_proc(path)
    except OSError:
        return b""


def process_stat(pid: int) -> ProcessStat | None:
    """Return the state of a process, None when there is none. Raises OSError when it is not shown to this user."""
    try:
        text = read_proc(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is a name, which may itself hold spaces and parentheses.
    words = text.rpartition(b")")[2].split()
    if len(words) < 20:  # it ended while it was being read
        return None
    parent, group, session = map(int, words[1:4])
    return ProcessStat(pid, words[0].decode(), parent, group, session, int(words[17]), int(words[19]))


def own_status(field: str) -> str:
    """Return a field of /proc/self/status, such as `VmHWM` or `CapEff`; empty where it is not shown."""
    lines = read_if_shown("/proc/self/status").decode("utf-8", "surrogateescape").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(f"{field}:")), "")


def mounts() -> list[Mount]:
    """Return all mounts that this process sees, as they were made; none where there is no /proc."""
    return [_mount(line) for line in read_if_shown("/proc/self/mountinfo").splitlines() if line]


def _mount(line: bytes) -> Mount:
    # Between the two halves are optional fields, any number of them.
    left, _, right = line.partition(b" - ")
    filesystem, _, options = right.split(b" ", 2)
    device, root, point = (_unescaped(word) for word in left.split(b" ")[2:5])
    return Mount(device, root, point, os.fsdecode(filesystem), tuple(os.fsdecode(options).split(",")))


def _unescaped(word: bytes) -> str:
    """A path in which the kernel has written spaces, line breaks, `#` and backslashes in octal."""
    return os.fsdecode(re.sub(_OCTAL, lambda found: bytes([int(found[1], 8) & 0xFF]), word))
