"""Process descriptors, and a replacement where the kernel or a seccomp profile has none.

Linux has `pidfd_open` since 5.3, `pidfd_send_signal` since 5.1. Older profiles of container engines answer EPERM
to what they do not know, newer kernels than theirs included.
"""

from __future__ import annotations

import errno
import os
import select
import signal
from contextlib import suppress
from threading import Thread

_REFUSED = {errno.ENOSYS, errno.EPERM, errno.EINVAL}
# What a signal by a descriptor that is none of a process gives.
_NONE = {*_REFUSED, errno.EBADF}


def end_of(pid: int) -> int:
    """A descriptor that can be read once a child of this process has ended; to be closed.

    Raises ChildProcessError when it was collected by another part of the program, OSError when there is no room. It is
    a pidfd, or an eventfd to which a thread writes that waits for the child, and does not collect it.
    """
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise ChildProcessError(errno.ECHILD, os.strerror(errno.ECHILD)) from None
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
    event = os.eventfd(0, os.EFD_CLOEXEC)
    own = os.dup(event)  # the caller may close its descriptor while the thread still waits

    def wait() -> None:
        try:
            with suppress(ChildProcessError):  # it was collected
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            os.eventfd_write(own, 1)
        finally:
            os.close(own)

    try:
        Thread(target=wait, name=f"process {pid}", daemon=True).start()
    except RuntimeError as error:
        os.close(event)
        os.close(own)
        raise OSError(errno.EAGAIN, str(error)) from None
    return event


def opened(pid: int) -> int | None:
    """A pidfd of any process; None where there are none, or no such process."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def send(pid: int, pidfd: int | None, signum: int) -> None:
    """Signal a process by its pidfd, else by its number; nothing happens when it has ended or is another user's.

    `pidfd` may be what `end_of` gives in the place of one.
    """
    with suppress(ProcessLookupError, PermissionError):
        if pidfd is not None:
            try:
                signal.pidfd_send_signal(pidfd, signum)
            except OSError as error:
                if error.errno not in _NONE:
                    raise
            else:
                return
        os.kill(pid, signum)


def wait(pid: int, milliseconds: int) -> None:
    """Wait until a process has ended, at most so long; without pidfds, just so long."""
    pidfd = opened(pid)
    ended = select.poll()
    try:
        if pidfd is not None:
            ended.register(pidfd, select.POLLIN)
        ended.poll(milliseconds)
    finally:
        if pidfd is not None:
            os.close(pidfd)
