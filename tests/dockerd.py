"""Container engines of the tests' own: Docker and podman without a network, with an image made of busybox."""

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

APPLETS = ("sh", "cat", "echo", "env", "id", "kill", "ls", "mkdir", "sleep", "test", "true", "grep", "setsid", "nc")
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
        recorded(home / "bin/docker", client)
        image(home / "image.tar", busybox)
        for words in (
            ("import", home / "image.tar", "rl-test:1"),
            ("tag", "rl-test:1", "alpine:latest"),
            ("tag", "rl-test:1", "rl-other:1"),
        ):
            subprocess.run([client, *words], env=env, check=True, capture_output=True)
        yield env
    finally:
        running.terminate()
        running.wait()
        shutil.rmtree(home, ignore_errors=True)


PODMAN = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
STORAGE = """[storage]
driver = "overlay"
graphroot = "{0}/data"
runroot = "{0}/run"
"""


@pytest.fixture(scope="session")
def podman() -> Iterator[dict[str, str]]:
    """The environment for podman, which needs no daemon; it writes down what it is called with."""
    client, busybox = tool("podman"), tool("busybox")
    if os.geteuid():
        pytest.skip("podman without root needs ranges of users, which few systems give")
    home = Path(tempfile.mkdtemp(prefix="rl-podman-", dir="/var/tmp"))
    try:
        (home / "containers.conf").write_text(PODMAN)
        (home / "storage.conf").write_text(STORAGE.format(home))
        env = {
            "HOME": str(home),
            "CONTAINERS_CONF": f"{home}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{home}/storage.conf",
            "PATH": f"{home}/bin:{os.environ['PATH']}",
            "CALLS": f"{home}/calls",
        }
        recorded(home / "bin/podman", client)
        image(home / "image.tar", busybox)
        for words in (("import", home / "image.tar", "localhost/rl-test:1"), ("tag", "rl-test:1", "rl-other:1")):
            subprocess.run([client, *words], env=env, check=True, capture_output=True)
        yield env
    finally:
        subprocess.run(["umount", home / "data/overlay"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


def recorded(path: Path, client: str) -> None:
    """A program that calls a client of an engine, and writes down with which words."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> "$CALLS"\nexec {client} "$@"\n')
    path.chmod(0o755)


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


def containers(env: dict[str, str], engine: str = "docker") -> list[str]:
    done = subprocess.run([engine, "ps", "-aq"], env=env, check=True, capture_output=True, text=True)
    return done.stdout.split()
