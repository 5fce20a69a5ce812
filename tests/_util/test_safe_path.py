"""`python -m runnerlib…` in a directory of somebody else: nothing that lies there is run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import runnerlib
from tests.integration.cli import PLAIN, RUNNERLIB

PLANTED = "import os\nos.write(2, b'PLANTED')\nos._exit(66)\n"
OTHERS = {"click", "yaml", "pygit2", "uvloop", "cryptography", "rich", "usercustom"}
SPELLINGS = [
    (["-m", "runnerlib"], ["--version"], 0),
    (["-mrunnerlib"], ["run", "--job-command", "true"], 0),
    (["-m", "runnerlib.cli"], ["run", "--job-command", "true"], 0),
    (["-Wdefault", "-m", "runnerlib.cli"], ["-m", "x"], 2),
    (["-m", "runnerlib.register_secret"], ["a-secret"], 1),
    (["-m", "runnerlib.register_secret"], ["--help"], 0),
]


@pytest.fixture(scope="module")
def loaded_before(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules that `python -m` loads before the code of any package: from wherever, nobody can help it."""
    place = tmp_path_factory.mktemp("empty")
    (place / "empty.py").write_text("import sys\nprint(*sys.modules)\n")
    done = subprocess.run([sys.executable, "-m", "empty"], cwd=place, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def plant(directory: Path, names: Iterable[str]) -> None:
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / f"{name}.py").write_text(PLANTED)


def run(words: list[str], cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, env={**PLAIN, **env}, capture_output=True, text=True, check=False)


def every_module(loaded_before: set[str]) -> set[str]:
    return (set(sys.stdlib_module_names) | OTHERS) - loaded_before


@pytest.mark.parametrize(("python", "args", "code"), SPELLINGS)
def test_no_module_of_the_directory_is_run(
    tmp_path: Path, loaded_before: set[str], python: list[str], args: list[str], code: int
) -> None:
    plant(tmp_path, every_module(loaded_before))
    done = run([sys.executable, *python, *args], tmp_path)
    assert (done.returncode, "PLANTED" in done.stderr) == (code, False), done.stderr


@pytest.mark.parametrize("path", ["", ".", ":", "nowhere::", "sub", "./sub:", "../{name}", "{here}", "{here}/sub/.."])
@pytest.mark.parametrize("words", [[sys.executable, "-P", "-m", "runnerlib"], [str(RUNNERLIB)]], ids=["-P", "program"])
def test_nor_what_a_relative_path_adds(tmp_path: Path, loaded_before: set[str], words: list[str], path: str) -> None:
    # The program itself loads re, and with it others.
    names = {"json", "click", "getopt", "yaml", "gettext", "asyncio", "uvloop"} - loaded_before
    plant(tmp_path, names)
    plant(tmp_path / "sub", names)
    path = path.format(here=tmp_path, name=tmp_path.name)
    done = run([*words, "run", "--job-command", 'test "$PYTHONPATH" = "$MINE"'], tmp_path, PYTHONPATH=path, MINE=path)
    assert (done.returncode, "PLANTED" in done.stderr) == (0, False), done.stderr


def test_a_directory_that_is_reached_by_a_link(tmp_path: Path) -> None:
    plant(tmp_path / "real", ["json", "click"])
    (tmp_path / "link").symlink_to("real")
    done = run([sys.executable, "-m", "runnerlib", "--version"], tmp_path / "link", PYTHONPATH=str(tmp_path / "link"))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_package_itself_may_lie_in_the_directory(tmp_path: Path) -> None:
    copy = shutil.copytree(Path(runnerlib.__file__).parent, tmp_path / "runnerlib")
    (copy / "__init__.py").write_text((copy / "__init__.py").read_text().replace('"0.1.0"', '"0.1.0+here"'))
    for path in ("", "."):
        done = run([sys.executable, "-m", "runnerlib", "--version"], tmp_path, PYTHONPATH=path)
        assert (done.returncode, done.stdout) == (0, "runnerlib 0.1.0+here\n")
    done = run([sys.executable, "-P", "-m", "runnerlib", "--version"], tmp_path, PYTHONPATH=".")
    assert (done.returncode, done.stdout) == (0, "runnerlib 0.1.0+here\n")


def test_the_standard_library_may_be_the_directory() -> None:
    done = run([sys.executable, "-m", "runnerlib", "run", "--dry-run", "--", "true"], Path(os.__file__).parent)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", [["-c", "import other"], ["-m", "other"], ["-m", "other", "runnerlib"], ["other.py"]])
def test_a_program_that_uses_the_package_keeps_its_path(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "other.py").write_text("import runnerlib, sys\nimport mine\nprint(runnerlib.Job('x').name)\n")
    (tmp_path / "mine.py").write_text("")
    done = run([sys.executable, *words], tmp_path, PYTHONPATH=".")
    assert (done.returncode, done.stdout, done.stderr) == (0, "x\n", "")


def test_a_package_that_imports_this_one_before_its_module_runs(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/__init__.py").write_text("import runnerlib\n")
    (tmp_path / "other/runnerlib.py").write_text("import mine\n")
    (tmp_path / "mine.py").write_text("print('mine')\n")
    done = run([sys.executable, "-m", "other.runnerlib"], tmp_path)
    assert (done.returncode, done.stdout) == (0, "mine\n")


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = f"cd gone && rmdir ../gone && {sys.executable} -m runnerlib --version"
    done = run(["/bin/sh", "-c", script], tmp_path)
    assert (done.returncode, done.stdout) == (0, "runnerlib 0.1.0\n")
