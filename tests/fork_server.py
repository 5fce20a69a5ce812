"""The command line in a process that is forked off one that has loaded it: most of a short run is loading modules.

Started as a program by tests/forked.py. What it forks has the words, directory, environment and standard descriptors
that it is told, and no other descriptor, and ends as the program ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
from contextlib import suppress
from types import ModuleType

# Loaded late by nearly every run.
LATE = ("uvloop", "yaml")
# They load what reads the environment at once, or what few need: each process loads them for itself.
NOT_LOADED = (
    "runnerlib.source.git.libgit2_",
    "runnerlib.source.git_query.unshallow",
    "runnerlib.runner.fleet",
    "runnerlib.cli.commands.worker",
)


def load(program: str) -> None:
    """Load all modules that the program may load, with its `sys.path`."""
    sys.path[0] = os.path.dirname(program)
    import runnerlib.__main__

    for name in LATE:
        importlib.import_module(name)
    _load_all(runnerlib)
    assert not {"pygit2", "nats"} & sys.modules.keys()


def _load_all(package: ModuleType) -> None:
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not found.name.startswith(NOT_LOADED):
            module = importlib.import_module(found.name)
            if found.ispkg:
                _load_all(module)


def become(program: str, connection: socket.socket, standard: list[int]) -> None:
    """Turn this process, which was forked off just now, into the program; never returns."""
    with connection.makefile("rb") as file:
        args, directory, environ = json.load(file)
    for number, fd in enumerate(standard):
        os.dup2(fd, number)
    for fd in set(map(int, os.listdir("/proc/self/fd"))) - {0, 1, 2}:
        with suppress(OSError):  # the descriptor of the listing itself
            os.close(fd)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environ)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [program, *args]
    sys.orig_argv = [sys.executable, program, *args]

    from runnerlib._util.safe_path import leave_current_directory
    from runnerlib.cli import main

    leave_current_directory()
    main()


def serve(control: socket.socket, program: str) -> None:
    """Fork for each message of `control`, and send the exit code, until nobody is there any more."""
    running: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready in running:
                pid, connection = running.pop(ready)
                poll.unregister(ready)
                os.close(ready)
                with connection, suppress(BrokenPipeError):
                    connection.sendall(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
                continue
            _, fds, _, _ = socket.recv_fds(control, 1, 4)
            if not fds:
                return
            connection = socket.socket(fileno=fds[0])
            pid = os.fork()
            if not pid:
                become(program, connection, fds[1:])
            for fd in fds[1:]:
                os.close(fd)
            watch = os.pidfd_open(pid)
            running[watch] = pid, connection
            poll.register(watch, select.POLLIN)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    load(sys.argv[1])
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[2])), sys.argv[1])
