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


def inside(engine: str, env: Mapping[str, str], arena: Arena) -> list[str]:
    """The words that run a program in a container, as an ordinary user or as root, without its environment."""
    mounts = {**_SYSTEM, **{path: path for path in MODULES.split(os.pathsep)}}
    words = ["env", *(f"{name}={value}" for name, value in env.items()), engine, "run", "--rm", "--network", "none"]
    words += ["--user", str(NOBODY if arena.user == "user" else 0), "--workdir", str(arena.place)]
    for path, target in mounts.items():
        words += ["--volume", f"{path}:{target}:ro"] if Path(path).exists() else []
    return [*words, "--tmpfs", "/var/tmp:mode=1777", "--volume", f"{arena.place}:{arena.place}"]


def check(engine: str, env: Mapping[str, str], arena: Arena, level: str) -> None:
    """Hold the attacks on a runner in a container against the table."""
    python = PYTHON["user"]
    if python is None or not os.path.realpath(python).startswith("/usr/"):
        pytest.skip("no interpreter of this version is where a container can be given it")
    words = inside(engine, env, arena)
    arena.python = python
    arena.rewrite()
    arena.outside = lambda env: [*words, *(f"--env={name}={value}" for name, value in env.items()), "rl-test:1"]
    found = attacked(arena, level)
    assert wrong(found, level, arena.user, "container") == {}, found


@needs_landlock
@pytest.mark.parametrize("level", ["source", "strict"])
def test_the_attacks_in_a_container_of_docker(arena: Arena, level: str, docker: dict[str, str]) -> None:
    check("docker", docker, arena, level)


@needs_landlock
@pytest.mark.parametrize("level", ["source", "strict"])
def test_the_attacks_in_a_container_of_podman(arena: Arena, level: str, podman: dict[str, str]) -> None:
    check("podman", podman, arena, level)
