"""Abilities of the kernel, asked of the kernel itself: a seccomp profile may refuse what its version promises."""

from __future__ import annotations

import ctypes
import os
import re
import socket

from runnerlib._util.proc import own_status
from runnerlib.cli._doctor import Finding, State
from runnerlib.errors import RunnerError
from runnerlib.executor import hardening
from runnerlib.executor.local import landlock, own_process
from runnerlib.executor.local.cgroup import find_place, new_groups
from runnerlib.runner.supervision import check_system

_OLDEST = (4, 18)
_SCOPES_SIGNALS = 6
_CLONE_NEWUSER = 0x10000000
# The capabilities by which root reads the memory of other processes, by their bits.
_LOOKING = {"CAP_SYS_PTRACE": 19, "CAP_PERFMON": 38}


def findings() -> list[Finding]:
    """Return all findings about the kernel; this process and the system are as before then."""
    return [
        _system(),
        _user(),
        _landlock(),
        _memory(),
        _subreaper(),
        _pidfd(),
        _control_groups(),
        _user_namespaces(),
        _unix_sockets(),
    ]


def _system() -> Finding:
    release = os.uname().release
    version = tuple(map(int, re.findall(r"\d+", release)[:2]))
    use, without = "processes, pipes and /proc, by which the processes of a job are found", "no job runs"
    try:
        check_system(threads=True)
    except RunnerError as error:
        return Finding("processes", "Linux", "missing", str(error), use, without, needed=True)
    state: State = "ok" if version >= _OLDEST else "limited"
    older = "" if state == "ok" else f"; nothing before {'.'.join(map(str, _OLDEST))} is tried"
    return Finding("processes", "Linux", state, f"{release}{older}", use, without, needed=True)


def _user() -> Finding:
    held = [name for name, bit in _LOOKING.items() if _capabilities() >> bit & 1]
    who = f"uid {os.geteuid()}"
    return Finding(
        "isolation",
        "user",
        "limited" if held else "ok",
        f"{who} with {' and '.join(held)}" if held else f"{who} that cannot read the memory of others",
        "steps have the user of the runner, and cannot read its memory and environment",
        "steps read the memory of the runner, with every secret in it, unless a sandbox or a container bounds them",
    )


def _capabilities() -> int:
    return int(own_status("CapEff") or "0", 16)


def _landlock() -> Finding:
    version = landlock.abi()
    lacking = landlock.missing(version)
    state: State = "missing" if not version else "ok" if version >= _SCOPES_SIGNALS else "limited"
    found = f"version {version}" if version else "the kernel has none, or a profile refuses it"
    return Finding(
        "isolation",
        "Landlock",
        state,
        f"{found}; lacks {', '.join(lacking)}" if version and lacking else found,
        "bounds what steps write, to which ports they connect, and whom they signal: the sandbox of steps",
        "a changed CI source is only found, not prevented; `sandbox: strict` bounds less, or nothing",
    )


def _memory() -> Finding:
    why = hardening.refused()
    return Finding(
        "isolation",
        "closed memory",
        "missing" if why else "ok",
        f"refused: {why}" if why else "closed",
        "steps of the same user cannot read the memory, descriptors and environment of the runner",
        "steps can read what the runner knows",
    )


def _subreaper() -> Finding:
    own_process.adopt()
    why = own_process.adoption_refused()
    own_process.adopt_no_more()
    return Finding(
        "processes",
        "subreaper",
        "missing" if why else "ok",
        f"refused: {why}" if why else "adopts orphans",
        "daemons of a step come back to the runner, which ends them",
        "processes that leave their parent may outlive the job",
    )


def _pidfd() -> Finding:
    try:
        os.close(os.pidfd_open(os.getpid()))
        why = ""
    except OSError as error:
        why = f"refused: {error.strerror}"
    return Finding(
        "processes",
        "pidfd",
        "missing" if why else "ok",
        why or "may be opened",
        "the end of a process is noticed without a thread, and a signal never reaches another one",
        "a thread for each step, and process numbers in place of descriptors",
    )


def _control_groups() -> Finding:
    groups = new_groups()
    two, one = find_place("cgroup2", ""), find_place("cgroup", "memory")
    if groups is not None:
        groups.remove()
        state: State = "ok"
        found = "version 2, delegated"
    else:
        state = "missing"
        found = "version 2, not delegated to this user" if two else "version 1" if one else "none are mounted"
        found = "version 1 and 2, version 2 not delegated to this user" if one and two else found
    return Finding(
        "processes",
        "control groups",
        state,
        found,
        "a group for each step: ended at once and whole, with exact CPU time and the kernel's count of lost memory",
        "marks and the tree of processes find what belongs to a step; a step that drops both may leave processes",
    )


def _user_namespaces() -> Finding:
    number = _unshared()
    return Finding(
        "isolation",
        "user namespaces",
        "missing" if number else "ok",
        f"refused: {os.strerror(number)}" if number else "may be made",
        "steps and engines of an ordinary user (podman, buildah, bwrap) make containers",
        "only root, or an engine that runs as root, makes containers",
    )


def _unshared() -> int:
    """Return the errno of making a user namespace, which a child of this process tries; 0 if it may."""
    pid = os.fork()
    if not pid:
        libc = ctypes.CDLL(None, use_errno=True)
        os._exit(0 if libc.unshare(_CLONE_NEWUSER) == 0 else min(ctypes.get_errno(), 255))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _unix_sockets() -> Finding:
    try:
        socket.socket(socket.AF_UNIX).close()
        why = ""
    except OSError as error:
        why = f"refused: {error.strerror}"
    return Finding(
        "processes",
        "Unix sockets",
        "missing" if why else "ok",
        why or "may be made",
        "steps register secrets while they run",
        "steps cannot register secrets",
    )
