"""The client of tests/fork_server.py."""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SERVER = Path(__file__).with_name("fork_server.py")


class ForkServer:
    """A process that has loaded `program`, and what it is asked to run."""

    def __init__(self, program: Path, environ: Mapping[str, str]) -> None:
        self._control, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            words = [sys.executable, SERVER, program, str(its.fileno())]
            self._process = subprocess.Popen(words, env=environ, stdin=subprocess.DEVNULL, pass_fds=[its.fileno()])
        atexit.register(self.close)

    def run(self, args: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> tuple[int, bytes, bytes]:
        """Run the program to its end; its exit code as of `subprocess`, and all that it has written."""
        ours, its = socket.socketpair()
        outputs = [os.pipe(), os.pipe()]
        with ours:
            with its:
                writers = [writer for _, writer in outputs]
                socket.send_fds(self._control, [b"x"], [its.fileno(), 0, *writers])
            for writer in writers:
                os.close(writer)
            ours.sendall(json.dumps([list(map(os.fspath, args)), os.fspath(cwd), dict(environ)]).encode())
            ours.shutdown(socket.SHUT_WR)
            out, err = _read_all([reader for reader, _ in outputs])
            with ours.makefile() as file:
                return int(file.read()), out, err

    def close(self) -> None:
        """End it."""
        self._control.shutdown(socket.SHUT_RDWR)  # whoever else may have got the descriptor
        self._control.close()
        self._process.wait()


def _read_all(readers: list[int]) -> list[bytes]:
    """Read pipes to their ends, all at once, and close them."""
    found = {reader: bytearray() for reader in readers}
    poll = select.poll()
    for reader in readers:
        poll.register(reader, select.POLLIN)
    left = len(readers)
    while left:
        for reader, _ in poll.poll():
            piece = os.read(reader, 1 << 16)
            found[reader] += piece
            if not piece:
                poll.unregister(reader)
                os.close(reader)
                left -= 1
    return [bytes(found[reader]) for reader in readers]
