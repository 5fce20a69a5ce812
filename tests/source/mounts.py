"""Permission of tests to mount, and what runs where they may."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

import pytest


@cache
def may_mount() -> bool:
    """Tell whether this process may have mounts of its own."""
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0


def need_mounts() -> None:
    """Skip the test where nobody may mount."""
    if not may_mount():
        pytest.skip("needs root and unshare -m")
