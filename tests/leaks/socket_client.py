"""Registration of a secret by a job, byte by byte: a script that the jobs of the tests run.

`python socket_client.py SCRIPT` runs the statements of SCRIPT with the functions below.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys


def place() -> str:
    return os.environ["REACTORCIDE_SECRETS_SOCKET"]


def framed(*secrets: str) -> bytes:
    body = json.dumps({"action": "register", "secrets": list(secrets)}).encode()
    return struct.pack(">I", len(body)) + body


def sent(*pieces: bytes) -> bytes:
    """Send each piece by itself; the reply, to the end of its line."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(place())
        try:
            for piece in pieces:
                connection.sendall(piece)
        except BrokenPipeError:
            pass  # refused before it was read
        reply = b""
        while not reply.endswith(b"\n") and (received := connection.recv(4096)):
            reply += received
        return reply


def registered(*secrets: str) -> None:
    reply = json.loads(sent(framed(*secrets)))
    assert reply["status"] == "ok", reply
    assert reply["registered"] == len(secrets), reply


def write(text: str) -> None:
    os.write(1, text.encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    exec(sys.argv[1])
