"""A container engine of the tests' own: a Docker without a network, with an image made of busybox."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from tests.tools import tool
from tests.waiting import until

APPLETS = ("sh", "cat", "echo", "env", "id", "kill", "ls", "mkdir", "sleep", "test", "true", "grep", "setsid")
MAKE = b'#!/bin/sh\necho "made $1 with a Makefile of $(cat Makefile | grep -c :) targets"\n'
NETWORKLESS = ("--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false", "--ip-masq=false")


@pytest.fixture(scope="session")
def docker() -> Iterator[dict[str, str]]:
    """The environment for a client of the engine, whose `docker` writes down what it is called with."""
    daemon, client = tool("dockerd"), tool("docker")
    busybox = tool("busybox")
    if os.geteuid():
        pytest.skip("an engine of one's own needs root")
    home = Path(tempfile.mkdtemp(prefix="rl-docker-", dir="/var/tmp"))
    places = ("--data-root", home / "data", "--exec-root", home / "exec", "--pidfile", home / "pid")
    command = [daemon, *places, "-H", f"unix://{home}/s", "--storage-driver", "overlay2", *NETWORKLESS]
    with (home / "log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        env = {
            "DOCKER_HOST": f"unix://{home}/s",
            "DOCKER_CONFIG": f"{home}/config",
            "PATH": f"{home}/bin:{os.environ['PATH']}",
            "CALLS": f"{home}/calls",
        }
        until(lambda: running.poll() is not None or (home / "s").exists())
        assert running.poll() is None, (home / "log").read_text()[-2000:]
        (home / "bin").mkdir()
        (home / "bin/docker").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> "$CALLS"\nexec {client} "$@"\n')
        (home / "bin/docker").chmod(0o755)
        image(home / "image.tar", busybox)
        for words in (("import", home / "image.tar", "rl-test:1"), ("tag", "rl-test:1", "alpine:latest")):
            subprocess.run([client, *words], env=env, check=True, capture_output=True)
        yield env
    finally:
        running.terminate()
        running.wait()
        shutil.rmtree(home, ignore_errors=True)


def image(path: Path, busybox: str) -> None:
    """A root file system with one program under many names, and one that says what it is to make."""
    with tarfile.open(path, "w") as tar:
        make = tarfile.TarInfo("bin/make")
        make.mode, make.size = 0o755, len(MAKE)
        tar.addfile(make, BytesIO(MAKE))
        tar.add(os.path.realpath(busybox), "bin/busybox")
        for name in APPLETS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)


def containers(env: dict[str, str]) -> list[str]:
    done = subprocess.run(["docker", "ps", "-aq"], env=env, check=True, capture_output=True, text=True)
    return done.stdout.split()
