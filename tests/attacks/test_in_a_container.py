"""The sandbox of a runner that is in a container itself, as a worker starts it: the engine's own profile lets it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.attacks.catalogue import wrong
from tests.attacks.test_attacks import MODULES, NOBODY, PYTHON, Arena, arena, attacked, needs_landlock

__all__ = ["arena"]

# Python and what it needs are those of this machine; a container of busybox has none.
_SYSTEM = {"/usr": "/usr", "/usr/lib": "/lib", "/usr/lib64": "/lib64", "/etc/ld.so.cache": "/etc/ld.so.cache"}


def inside(docker: Mapping[str, str], arena: Arena) -> list[str]:
    """The words that run a program in a container, as an ordinary user or as root, without its environment."""
    mounts = {**_SYSTEM, **{path: path for path in MODULES.split(os.pathsep)}}
    words = ["env", f"DOCKER_HOST={docker['DOCKER_HOST']}", "docker", "run", "--rm", "--network", "none"]
    words += ["--user", str(NOBODY if arena.user == "user" else 0), "--workdir", str(arena.place)]
    for path, target in mounts.items():
        words += ["--volume", f"{path}:{target}:ro"] if Path(path).exists() else []
    return [*words, "--tmpfs", "/var/tmp:mode=1777", "--volume", f"{arena.place}:{arena.place}"]


@needs_landlock
@pytest.mark.parametrize("level", ["source", "strict"])
def test_the_attacks_in_a_container(arena: Arena, level: str, docker: dict[str, str]) -> None:
    python = PYTHON["user"]
    if python is None or not os.path.realpath(python).startswith("/usr/"):
        pytest.skip("no interpreter of this version is where a container can be given it")
    words = inside(docker, arena)
    arena.python = python
    arena.rewrite()
    arena.outside = lambda env: [*words, *(f"--env={name}={value}" for name, value in env.items()), "rl-test:1"]
    found = attacked(arena, level)
    assert wrong(found, level, arena.user, "container") == {}, found
