"""Landlock, the kernel's own sandbox: what a process may do to files, ports and other processes.

A ruleset only grants. What it handles and none of its rules gives is refused to the processes that enter it, for good
and with all that they start; processes outside keep their rights. Each version of the interface adds kinds of rights:
those that this kernel does not have are left out, and `missing` names them.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.proc import own_status
from runnerlib.executor.local import _landlock

if TYPE_CHECKING:
    from collections.abc import Iterable

# Rights to files, by their bits in the interface, and the version that brought each.
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV = (1 << bit for bit in range(13, 16))
_SINCE = {REFER: 2, TRUNCATE: 3, IOCTL_DEV: 5}
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

CHANGE = WRITE_FILE | TRUNCATE | REFER | sum(1 << bit for bit in range(4, 13))
"""Everything that changes content or names."""
_TCP = 0b11
_SCOPED = 0b11
_PORTS_SINCE, _SCOPED_SINCE = 4, 6

_BRINGS = {
    1: (1, "rights to files (Linux 5.13)"),
    2: (2, "moves between directories (5.19)"),
    3: (3, "truncation (6.2)"),
    4: (_PORTS_SINCE, "TCP (6.7)"),
    5: (5, "control of devices (6.10)"),
    6: (_SCOPED_SINCE, "signals and abstract sockets (6.12)"),
}


def abi() -> int:
    """Return the version of Landlock that this kernel has; 0: it has none, or a filter of system calls refuses it."""
    return _landlock.abi()


def filters() -> bool:
    """Return whether single system calls can be refused to a process on this machine."""
    return _landlock.filters()


def missing(version: int, *, ports: bool = True, devices: bool = True) -> list[str]:
    """Name the kinds of rights that a kernel with this version of Landlock cannot bound, with the Linux that can."""
    unused = {_PORTS_SINCE: not ports, 5: not devices}
    return [what for since, what in _BRINGS.values() if since > version and not unused.get(since)]


def needs_no_new_privs() -> bool:
    """Return whether a process must give up new privileges first, as one without CAP_SYS_ADMIN must."""
    return not _capable(21)


def may_set_clock() -> bool:
    """Return whether processes of this one may set the clock of the machine: they have CAP_SYS_TIME."""
    return _capable(25)


def _capable(number: int) -> bool:
    return bool(int(own_status("CapEff") or "0", 16) >> number & 1)


class Handled(NamedTuple):
    """The bounds of a ruleset: rights to `files`, TCP ports (`network`), and, with `scoped`, signals."""

    files: int
    network: bool = False
    scoped: bool = True


class Ruleset:
    """A ruleset that can be added to; it is closed with its last reference. Needs a kernel with Landlock."""

    def __init__(self, handled: Handled, ports: Iterable[int] = ()) -> None:
        """Make a ruleset that leaves `ports` usable, if it bounds them. Raises OSError."""
        version = abi()
        known = ~sum(right for right, since in _SINCE.items() if since > version)
        self.handled = handled.files & known
        network = _TCP if handled.network and version >= _PORTS_SINCE else 0
        scoped = _SCOPED if handled.scoped and version >= _SCOPED_SINCE else 0
        self.descriptor = _landlock.ruleset(self.handled, network, scoped)
        for port in ports if network else ():
            _landlock.grant_port(self.descriptor, port, network)

    def __del__(self) -> None:
        descriptor = getattr(self, "descriptor", -1)
        if descriptor >= 0:
            os.close(descriptor)

    def grant(self, path: str, rights: int) -> None:
        """Grant rights to what is at `path`, and below; a link is not followed, and nothing there is no error."""
        rights &= self.handled
        try:
            found = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return  # gone, or not to be reached by this user, hence neither by a step
        try:
            mode = os.fstat(found).st_mode
            if not stat.S_ISDIR(mode):
                rights &= _OF_FILES
            if rights and not stat.S_ISLNK(mode):
                _landlock.grant_path(self.descriptor, found, rights)
        finally:
            os.close(found)
