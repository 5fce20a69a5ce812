"""Helpers: start a step, read it, wait for processes; nothing here sleeps."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runnerlib._util.system import TerminalSize
from runnerlib.executor.local import Process, ProcessSupervisor
from runnerlib.executor.process_spec import ExitStatus, ProcessSpec


def launch(
    *argv: str,
    cwd: Path = Path("/"),
    env: dict[str, str] | None = None,
    stdin: bytes | None = None,
    tty: TerminalSize | None = None,
) -> ProcessSpec:
    return ProcessSpec(argv, cwd, dict(os.environ) if env is None else env, stdin, tty)


def read_all(process: Process) -> bytes:
    """The output to its end."""
    os.set_blocking(process.output, True)
    data = b""
    while chunk := process.read(65536):
        data += chunk
    return data


def read_line(process: Process) -> str:
    """One line of the output; nothing behind it is read."""
    os.set_blocking(process.output, True)
    line = b""
    while not line.endswith(b"\n"):
        byte = process.read(1)
        assert byte, f"the output ended after {line!r}"
        line += byte
    return line.decode().strip()


def finish(process: Process) -> tuple[ExitStatus, bytes]:
    """Read the output, collect the process and let go of it."""
    try:
        output = read_all(process)
        return process.reap(), output
    finally:
        process.close()


def run(supervisor: ProcessSupervisor, *argv: str, **keys: Any) -> tuple[int, bytes]:
    ended, output = finish(supervisor.start(launch(*argv, **keys)))
    return ended.returncode, output


def alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def wait_for_end(pidfds: Iterable[int]) -> None:
    """Wait until every process has ended, and close the descriptors."""
    for pidfd in pidfds:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        assert poll.poll(60_000), "a process was not ended within a minute"
        os.close(pidfd)


def settled(process: Process, count: int) -> set[int]:
    """The numbers of the leftover once there are `count`: who forked in between may take its time to end."""
    deadline = time.monotonic() + 60
    while len(found := {seen.pid for seen in process.leftover()}) != count:
        assert time.monotonic() < deadline, f"{len(found)} processes, not {count}: {found}"
    return found


def kill_tree(process: Process) -> None:
    """As an engine does at the end: KILL until nobody is left."""
    while left := process.leftover():
        pidfds = []
        for member in left:
            try:
                pidfds.append(os.pidfd_open(member.pid))
            except ProcessLookupError:
                continue
        process.signal(signal.SIGKILL)
        wait_for_end(pidfds)
