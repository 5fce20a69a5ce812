"""Secret settings: all that is done for them follows from their declaration, shown with one that nobody else names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import runnerlib
from runnerlib.config import SECRETS
from tests.integration.cli import Done, environment

VALUE = "0123-correct-horse-battery"
OTHER = "4567-swordfish-swordfish"
NEW = '    webhook_key: str | None = setting("what a hook is signed with", secret=True, offered=False)\n'
NAMES = ["webhook_key", *(setting.name for setting in SECRETS)]
FORMS = {"metrics_push": "http://127.0.0.1:9/", "notify": "http://127.0.0.1:9/", "notify_smtp": "smtp://"}
"""The beginnings of values that have a form of their own; any text does for the others."""

PLUGIN = """
from runnerlib.plugins import Plugin

class Giving(Plugin):
    def __init__(self):
        super().__init__("giving")

    def post_validation(self, context):
        context.config.{name} = "{value}"
        print("given", "{value}")
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package that has one setting more."""
    place = tmp_path_factory.mktemp("package")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(runnerlib.__file__).parent, place / "runnerlib", ignore=ignore)
    file = place / "runnerlib/config/settings.py"
    text = file.read_text()
    assert text.count("    job_id: ") == 1
    file.write_text(text.replace("    job_id: ", f"{NEW}    job_id: "))
    return place


def run(package: Path, tmp_path: Path, name: str, *args: str, **env: str) -> Done:
    """Run a job that shows both values of the setting `name`, without any that stands in the command."""
    shown = " ".join(f"{value[:-12]}''{value[-12:]}" for value in (value_of(name), other_of(name)))
    command = [sys.executable, "-m", "runnerlib", *args, "--job-command", f"echo {shown}; env"]
    env = environment(PYTHONPATH=str(package), **env)
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr.decode())


def value_of(name: str) -> str:
    return FORMS.get(name, "") + VALUE


def other_of(name: str) -> str:
    return FORMS.get(name, "") + OTHER


def variable(name: str) -> str:
    return f"REACTORCIDE_{name.upper()}"


@pytest.mark.parametrize("name", NAMES)
def test_one_of_the_environment_is_masked_and_withheld(package: Path, tmp_path: Path, name: str) -> None:
    done = run(package, tmp_path, name, "run", **{variable(name): value_of(name)})
    assert done.code == 0
    assert done.out.startswith(f"[REDACTED] {other_of(name)[:-12]}".encode())
    assert VALUE not in done.out.decode() + done.err
    passed_on = name in {setting.name for setting in SECRETS if setting.passed_on}
    assert (f"{variable(name)}=".encode() in done.out) == passed_on


@pytest.mark.parametrize("name", NAMES)
def test_one_of_a_file_is_masked(package: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "ci.yaml").write_text(f"{name}: {value_of(name)}\n")
    done = run(package, tmp_path, name, "run", "--config", "ci.yaml")
    assert (done.code, done.out.split(b"\n")[0]) == (0, f"[REDACTED] {other_of(name)}".encode())


@pytest.mark.parametrize("name", NAMES)
def test_one_that_a_plugin_gives_is_masked_from_then_on(package: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "plugin_giving.py").write_text(PLUGIN.format(name=name, value=value_of(name)))
    done = run(package, tmp_path, name, "run", "--plugin-dir", ".")
    assert (done.code, done.out.split(b"\n")[0]) == (0, f"[REDACTED] {other_of(name)}".encode())
    assert "giving: given [REDACTED]\n" in done.err


@pytest.mark.parametrize("name", NAMES)
def test_one_that_a_higher_layer_replaces_is_masked_too(package: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "ci.yaml").write_text(f"{name}: {other_of(name)}\n")
    done = run(package, tmp_path, name, "run", "--config", "ci.yaml", **{variable(name): value_of(name)})
    assert (done.code, done.out.split(b"\n")[0]) == (0, b"[REDACTED] [REDACTED]")


@pytest.mark.parametrize("name", NAMES)
def test_neither_an_error_nor_config_shows_one(package: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "ci.yaml").write_text(f"{name}: {value_of(name)}\n")
    for args in (["run", f"--no-{value_of(name)}"], ["config"], ["config", "--explain", name], ["run", "--dry-run"]):
        done = run(package, tmp_path, name, *args, "--config", "ci.yaml", **{variable(name): value_of(name)})
        assert VALUE not in done.out.decode() + done.err
        assert VALUE[5:] not in done.err


def test_a_variable_of_the_job_that_is_named_as_one(package: Path, tmp_path: Path) -> None:
    for name in NAMES:
        done = run(package, tmp_path, name, "run", "--job-env", f"{variable(name)}={VALUE}")
        assert (done.code, VALUE in done.out.decode()) == (0, False)


def test_what_the_job_gets() -> None:
    """Its processes ask the coordinator by these; any other is for the runner alone."""
    assert {setting.name for setting in SECRETS if setting.passed_on} == {"api_token", "read_token"}
