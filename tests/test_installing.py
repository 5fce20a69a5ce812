"""Installing where the whole of runnerlib cannot be, and an installation of the mask alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# setup.py up to where it has decided, in a program that believes to be elsewhere.
ELSEWHERE = """
import sys, sysconfig
from unittest.mock import MagicMock
for name in ("setuptools", "setuptools.command", "setuptools.command.build_ext", "Cython", "Cython.Build"):
    sys.modules[name] = MagicMock()  # nothing is built here
sysconfig.get_config_vars()
{changed}
exec(open('setup.py').read().partition('FLAGS =')[0])
"""
# A program that has none of what only Linux has: neither our own compiled parts nor the packages that are left out.
ALONE = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[-1] in {"_hardening", "_spawn", "_landlock", "_treefile"} or name in LEFT_OUT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
LEFT_OUT = set("%s".split())
sys.meta_path.insert(0, Missing())
from runnerlib.__main__ import main
main()
"""


def built(changed: str, **env: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of setup.py on a system where `changed` was done."""
    command = [sys.executable, "-c", ELSEWHERE.format(changed=changed)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_are_told_in_one_sentence_what_to_do(system: str) -> None:
    code, said, error = built(f"sys.platform = '{system}'")
    assert (code, said) == (1, "")
    assert error.count("\n") == 1
    assert "on Linux only: run it in a container" in error
    assert "docker run" in error
    assert "RUNNERLIB_PARTS=mask" in error


def test_the_mask_alone_installs_elsewhere() -> None:
    assert built("sys.platform = 'darwin'", RUNNERLIB_PARTS="mask")[:2] == (0, "")


def test_a_wrong_name_of_parts_is_told() -> None:
    code, _, error = built("pass", RUNNERLIB_PARTS="msak")
    assert (code, error) == (1, "RUNNERLIB_PARTS: 'all' or 'mask' is expected, got 'msak'\n")


def test_a_free_threaded_python_is_refused() -> None:
    code, _, error = built("sysconfig.get_config_vars()['Py_GIL_DISABLED'] = 1")
    assert code == 1
    assert error.count("\n") == 1
    assert "ordinary build of Python" in error


def left_out() -> list[str]:
    """The modules of the dependencies that pyproject.toml names for Linux alone."""
    text = (ROOT / "pyproject.toml").read_text()
    names = re.findall(r"\"([\w-]+)[^\"]*; sys_platform == 'linux'\"", text)
    assert len(names) == 4
    return [{"google-re2": "re2"}.get(name, name) for name in names]


def alone(*args: str) -> subprocess.CompletedProcess[str]:
    """The command line where the mask alone is installed."""
    program = [sys.executable, "-c", ALONE % " ".join(left_out()), *args]
    return subprocess.run(program, input="a hunter2-long b\n", capture_output=True, text=True, check=False)


def test_the_mask_alone_masks() -> None:
    done = alone("mask", "--secret-values-list", "hunter2-long")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a [REDACTED] b\n", "")


@pytest.mark.parametrize("command", ["run", "doctor", "register-secret"])
def test_the_mask_alone_says_that_it_runs_no_jobs(command: str) -> None:
    done = alone(command)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.count("\n") == 1
    assert f"'{command}' is not here: only the mask of runnerlib is installed" in done.stderr


@pytest.mark.parametrize("args", [("completion", "bash"), ("schema", "job")])
def test_what_else_the_mask_alone_does(args: tuple[str, ...]) -> None:
    done = alone(*args)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_help_lists_what_is_there() -> None:
    done = alone("--help")
    assert re.findall(r"^  ([a-z][a-z-]+)  ", done.stdout, re.MULTILINE) == ["schema", "mask", "completion"]
