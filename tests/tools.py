"""The tools of the system that tests compare with.

Where one is missing its tests are skipped. The gate sets RUNNERLIB_TEST_TOOLS=required, under which that
fails: a test that quietly did not run proves nothing.
"""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

PACKAGES = {
    "base64": "coreutils",
    "base32": "coreutils",
    "od": "coreutils",
    "hexdump": "bsdextrautils",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    "qemu-aarch64": "qemu-user",
    "dockerd": "docker.io",
    "docker": "docker.io",
    "busybox": "busybox-static",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "xmllint": "libxml2-utils",
    "hg": "mercurial",
    "svn": "subversion",
    "svnadmin": "subversion",
    "redis-server": "redis-server",
    "psql": "postgresql",
    "debootstrap": "debootstrap",
    "node": "nodejs",
    "go": "golang-go",
    "rustc": "rustc",
    "java": "default-jdk-headless",
    "groff": "groff-base",
    "nats-server": "nats-server",
    "apache2": "apache2 libapache2-mod-svn",
    "php": "php-cli",
    "promtool": "prometheus",
    "systemd-analyze": "systemd",
    "systemd-escape": "systemd",
}


OWN = Path(__file__).resolve().parent.parent / ".ci/tools/node_modules/.bin"
"""The programs that the gate installs for the tests."""
BY_OTHERS = {"yaml-language-server": "npm install --prefix .ci/tools yaml-language-server"}


@cache
def tool(name: str) -> str:
    """The path of a tool; skips or fails the test when it is not installed."""
    path = shutil.which(name) or shutil.which(name, path=OWN)
    if path is None:
        missing = f"'{name}' is missing: {BY_OTHERS.get(name) or f'apt-get install {PACKAGES.get(name, name)}'}"
        if os.environ.get("RUNNERLIB_TEST_TOOLS") == "required":
            pytest.fail(missing)
        pytest.skip(missing)
    return path


def axe() -> str:
    """The script that looks for what a page makes hard to read; skips or fails the test when it is not installed."""
    path = OWN.parent / "axe-core/axe.min.js"
    if path.exists():
        return path.read_text(encoding="utf-8")
    missing = "axe-core is missing: npm install --prefix .ci/tools axe-core@4"
    if os.environ.get("RUNNERLIB_TEST_TOOLS") == "required":
        pytest.fail(missing)
    pytest.skip(missing)
