"""The tools of the system that tests compare with.

Where one is missing its tests are skipped. The gate sets RUNNERLIB_TEST_TOOLS=required, under which that
fails: a test that quietly did not run proves nothing.
"""

from __future__ import annotations

import os
import shutil
from functools import cache

import pytest

PACKAGES = {
    "base64": "coreutils",
    "base32": "coreutils",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    "qemu-aarch64": "qemu-user",
    "dockerd": "docker.io",
    "docker": "docker.io",
    "busybox": "busybox-static",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "hg": "mercurial",
    "svn": "subversion",
    "svnadmin": "subversion",
    "apache2": "apache2 libapache2-mod-svn",
    "php": "php-cli",
    "systemd-escape": "systemd",
}


@cache
def tool(name: str) -> str:
    """The path of a tool; skips or fails the test when it is not installed."""
    path = shutil.which(name)
    if path is None:
        missing = f"'{name}' is missing: apt-get install {PACKAGES.get(name, name)}"
        if os.environ.get("RUNNERLIB_TEST_TOOLS") == "required":
            pytest.fail(missing)
        pytest.skip(missing)
    return path
