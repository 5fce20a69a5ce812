"""System requirements of a run, required and optional: older kernels, seccomp profiles, systems without /proc."""

from __future__ import annotations

import _thread
import os
import socket
from typing import TYPE_CHECKING

from runnerlib.errors import RunnerError
from runnerlib.executor.hardening import refused
from runnerlib.executor.local import own_process

if TYPE_CHECKING:
    from runnerlib.secrets.socket import SecretServer


def check(*, threads: bool = False) -> None:
    """Raise RunnerError when this system cannot run jobs or, with `threads`, cannot start threads."""
    if not os.path.exists("/proc/self/stat"):
        raise RunnerError("a run needs /proc, by which it finds the processes of its job; it is not mounted here")
    try:
        one, other = socket.socketpair()
    except OSError as error:
        raise RunnerError(f"a run needs pairs of sockets, which this system refuses: {error.strerror}") from None
    one.close()
    other.close()
    if threads and (why := _no_threads()):
        raise RunnerError(f"a workflow needs threads, and this system starts none: {why}")


def _no_threads() -> str:
    """Return why no thread can be started, else "": an old seccomp profile may answer EPERM to clone3."""
    try:
        _thread.start_new_thread(int, ())
    except RuntimeError as error:
        return str(error)
    return ""


def shortcomings(server: SecretServer) -> str:
    """Return a sentence on what the system has refused, else ""; call it while a `ProcessSupervisor` is open."""
    found = {
        "processes that leave their parent may outlive the job": own_process.adoption_refused(),
        "steps can read what the runner knows": refused(),
        "steps cannot register secrets": server.refused,
        "steps in a sandbox can replace the socket that registers secrets": server.exposed,
        "plugins, workflows and most sources do not work": _no_threads(),
    }
    missing = "; ".join(f"{what} ({why})" for what, why in found.items() if why)
    return f"this system does not give all that a run uses: {missing}" if missing else ""
