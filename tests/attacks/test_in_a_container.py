"""The sandbox of a runner that is in a container itself, as a worker starts it: the engine's own profile lets it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.attacks.catalogue import wrong
from tests.attacks.test_attacks import AS_USER, MODULES, NOBODY, PYTHON, Arena, arena, attacked, needs_landlock
from tests.executor.container.test_rootless import IMAGE, home

__all__ = ["arena", "home"]

# Python and what it needs are those of this machine; a container of busybox has none.
_SYSTEM = {"/usr": "/usr", "/usr/lib": "/lib", "/usr/lib64": "/lib64", "/etc/ld.so.cache": "/etc/ld.so.cache"}


def inside(engine: str, env: Mapping[str, str], arena: Arena, *, rootless: bool) -> list[str]:
    """The words that run a program in a container, as an ordinary user or as root, without its environment."""
    mounts = {**_SYSTEM, **{path: path for path in MODULES.split(os.pathsep)}}
    user = NOBODY if arena.user == "user" and not rootless else 0
    words = ["env", *(f"{name}={value}" for name, value in env.items()), *(AS_USER if rootless else ()), engine]
    words += ["run", "--rm", "--network", "none", "--user", str(user), "--workdir", str(arena.place)]
    for path, target in mounts.items():
        words += ["--volume", f"{path}:{target}:ro"] if Path(path).exists() else []
    return [*words, "--tmpfs", "/var/tmp:mode=1777", "--volume", f"{arena.place}:{arena.place}"]


def check(engine: str, env: Mapping[str, str], arena: Arena, level: str, *, rootless: bool = False) -> None:
    """Hold the attacks on a runner in a container against the table."""
    python = PYTHON["user"]
    if python is None or not os.path.realpath(python).startswith("/usr/"):
        pytest.skip("no interpreter of this version is where a container can be given it")
    words = inside(engine, env, arena, rootless=rootless)
    arena.python = python
    arena.rewrite()
    image = IMAGE.removeprefix("localhost/") if engine == "docker" else IMAGE
    arena.outside = lambda env: [*words, *(f"--env={name}={value}" for name, value in env.items()), image]
    found = attacked(arena, level)
    assert wrong(found, level, "root" if rootless else arena.user, "container") == {}, found


@needs_landlock
@pytest.mark.parametrize("level", ["source", "strict"])
def test_the_attacks_in_a_container_of_docker(arena: Arena, level: str, docker: dict[str, str]) -> None:
    check("docker", docker, arena, level)


@needs_landlock
@pytest.mark.parametrize("level", ["source", "strict"])
def test_the_attacks_in_a_container_of_podman(arena: Arena, level: str, podman: dict[str, str]) -> None:
    check("podman", podman, arena, level)


@needs_landlock
@pytest.mark.parametrize("level", ["source", "strict"])
def test_the_attacks_in_a_container_of_an_ordinary_user(arena: Arena, level: str, home: Path) -> None:
    """Podman without root: the one user of its containers is root inside, and outside who started it."""
    if arena.user == "root":
        pytest.skip("root needs no such containers")
    env = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": os.environ["PATH"]}
    check("podman", env, arena, level, rootless=True)
