"""Manual pages: they say what the help says, for every command, and roff has nothing to complain of."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import click
import pytest

from runnerlib.cli import COMMANDS, cli
from tests.tools import tool

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_man", ROOT / "docs/generate_man.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_they_derive_from_the_help(generate: ModuleType) -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in generate.DIRECTORY.glob("*.1")}
    assert there == generate.pages(), "run: python docs/generate_man.py"
    assert {"runnerlib.1", "runnerlib-secrets-set.1", *(f"runnerlib-{name}.1" for name in COMMANDS)} <= there.keys()


def test_roff_has_no_warning_and_shows_all(generate: ModuleType) -> None:
    pages = sorted(map(str, generate.DIRECTORY.glob("*.1")))
    done = subprocess.run([tool("groff"), "-man", "-Tutf8", "-ww", "-z", *pages], capture_output=True, check=True)
    assert done.stderr == b""
    page = generate.DIRECTORY / "runnerlib-run.1"
    done = subprocess.run([tool("groff"), "-man", "-Tascii", "-P-cbou", page], capture_output=True, check=True)
    shown = re.sub(r"\s+", " ", done.stdout.decode())
    run = cli.get_command(click.Context(cli), "run")
    assert run is not None
    options = [param.opts[0] for param in run.params if isinstance(param, click.Option)]
    assert [option for option in options if f" {option} " not in shown] == []
    assert "NAME runnerlib-run - Run a job, a workflow or a command" in shown
    assert "EXAMPLES runnerlib run runnerlib run test" in shown
    assert "EXIT STATUS 0 every required step succeeded" in shown
