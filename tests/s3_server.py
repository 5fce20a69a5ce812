"""A real S3 server over a directory (versitygw), with signatures and conditional requests."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.waiting import until

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
VERSITYGW = _CACHE / "runnerlib-tests/versitygw-1.8.0/versitygw"  # where tests/versitygw.sh puts it

BUCKET = "bucket"


class S3Server:
    """The server: its URL, the directory behind it, and an environment with its credentials."""

    def __init__(self, directory: Path, port: int) -> None:
        self.files = directory / BUCKET
        self.url = f"http://127.0.0.1:{port}"
        self.environ = {
            "AWS_ACCESS_KEY_ID": "an-access-key",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-store-5511",
            "AWS_ENDPOINT_URL_S3": self.url,
        }


@contextmanager
def s3_server(directory: Path) -> Iterator[S3Server]:
    """A server during the block; skips the test where it was not built."""
    if not VERSITYGW.exists():
        pytest.skip("the S3 server is missing: tests/versitygw.sh")
    (directory / BUCKET).mkdir(parents=True, exist_ok=True)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = S3Server(directory, port)
    words = [VERSITYGW, "--port", f"127.0.0.1:{port}", "posix", directory]
    who = {"ROOT_ACCESS_KEY": "an-access-key", "ROOT_SECRET_KEY": "secret-of-the-store-5511"}
    process = subprocess.Popen(words, env=os.environ | who, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port))
        yield server
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    """Return whether somebody listens at a port of this machine."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
