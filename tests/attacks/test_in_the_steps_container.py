"""The attacks of a step that the runner has put into a container, where mounts bound it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.attacks.catalogue import ATTACKS, wrong
from tests.attacks.test_attacks import ATTACKER, HERE, PYTHON, results
from tests.dockerd import image
from tests.integration.cli import runnerlib
from tests.tools import tool

IMAGE = "rl-python:1"
# Of the library what the attacks use, or all but what is large.
_LEFT_OUT = re.compile(r"/(test|tests|idlelib|lib2to3|ensurepip|__pycache__|config-[^/]*|pydoc_data|unittest)(/|$)")


@pytest.fixture
def with_python(docker: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The engine, with an image that has this machine's Python."""
    python = os.path.realpath(PYTHON["user"] or "")
    if not python.startswith("/usr/bin/"):
        pytest.skip("no interpreter of this version is where an image can be given it")
    found = subprocess.run(["docker", "images", "-q", IMAGE], env=docker, capture_output=True, check=True).stdout
    if not found:
        image(tmp_path / "image.tar", tool("busybox"))
        with tarfile.open(tmp_path / "image.tar", "a") as tar:
            for path in (python, *libraries(python)):
                tar.add(os.path.realpath(path), path)
            library = f"/usr/lib/{Path(python).name}"
            tar.add(library, filter=lambda one: None if _LEFT_OUT.search(one.name) else one)
            link = tarfile.TarInfo("usr/bin/python3")
            link.type, link.linkname = tarfile.SYMTYPE, Path(python).name
            tar.addfile(link, BytesIO())
        subprocess.run(["docker", "import", tmp_path / "image.tar", IMAGE], env=docker, check=True, capture_output=True)
    return docker


def libraries(python: str) -> set[str]:
    """The shared libraries of an interpreter and its modules."""
    modules = map(str, Path(f"/usr/lib/{Path(python).name}/lib-dynload").glob("*.so"))
    said = subprocess.run(["ldd", python, *modules], capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"(/\S+\.so[\w.]*) \(0x", said))


@pytest.mark.parametrize("level", ["source", "strict"])
def test_the_attacks_in_the_container_of_steps(with_python: dict[str, str], tmp_path: Path, level: str) -> None:
    code = {name: attack.code for name, attack in ATTACKS.items()}
    (tmp_path / "fork").mkdir()
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/run.sh").write_text("echo trusted\n")
    (tmp_path / "fork/attacker.py").write_text(ATTACKER.format(attacks=code))
    for name in ("tools.py", "victim.py"):
        shutil.copy(HERE / name, tmp_path / "fork")
    steps = [
        {"name": "before", "run": "echo '{\"env\":1}' >>$RUNNERLIB_TRIGGERS || true", "depends_on": []},
        {"name": "victim", "run": "python3 -S victim.py", "depends_on": ["before"]},
        {"name": "attacker", "run": "python3 -S attacker.py", "depends_on": ["before"]},
    ]
    (tmp_path / "job.json").write_text(json.dumps({"job": {"max_parallel": 2, "steps": steps}}))
    words = ["--ci-source-type", "copy", "--ci-source-url", "./ci", "--source-type", "copy", "--source-url", "./fork"]
    words += ["--job-file", "job.json", "--runner-image", IMAGE, "--sandbox", level, "--output", "prefixed"]
    done = runnerlib("run", *words, cwd=tmp_path, **with_python)
    assert done.code == 0, done
    found = results(done.out.decode())
    assert found.keys() == ATTACKS.keys(), done
    assert wrong(found, level, "user", "steps") == {}, found
