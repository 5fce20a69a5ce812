"""The choice of the engine that runs the images of a workflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnerlib.errors import ConfigError
from runnerlib.executor.container import ContainerRuntime, find_engine


def programs(tmp_path: Path, *names: str) -> dict[str, str]:
    for name in names:
        path = tmp_path / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return {"PATH": str(tmp_path)}


def test_the_first_that_is_there(tmp_path: Path) -> None:
    assert find_engine("auto", {"a:1"}, programs(tmp_path, "podman")) == ContainerRuntime(
        "podman", f"{tmp_path}/podman"
    )
    environ = programs(tmp_path, "docker")
    assert find_engine("auto", {"a:1"}, environ) == ContainerRuntime("docker", f"{tmp_path}/docker")
    assert find_engine("podman", {"a:1"}, environ) == ContainerRuntime("podman", f"{tmp_path}/podman")


def test_none_is_needed_or_wanted(tmp_path: Path) -> None:
    environ = programs(tmp_path, "docker")
    assert find_engine("auto", set(), environ) is None
    assert find_engine("none", {"a:1"}, environ) is None


def test_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the image 'a:1' needs a container engine, and there is no docker or podman"):
        find_engine("auto", {"b:1", "a:1"}, {"PATH": str(tmp_path)})
    with pytest.raises(ConfigError, match=r"there is no docker in the PATH.*--container-engine none"):
        find_engine("docker", {"a:1"}, programs(tmp_path, "podman"))
    with pytest.raises(ConfigError, match=r"unknown engine 'dokcer'.*did you mean 'docker'"):
        find_engine("dokcer", set(), {})
