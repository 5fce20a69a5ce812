"""Start-up time is part of speed: what `import runnerlib` and a run may load."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"pygit2", "yaml", "ahocorasick", "ssl", "json", "importlib.metadata", "logging", "asyncio", "uvloop", "click"}


PLAIN_RUN = "from runnerlib.cli import invoke\ninvoke(['run', '--job-command', 'true'])"
MOST_OWN = 83
"""Modules of this package that a run of one command may load; what it does not need is loaded by what does."""


def loaded(code: str, *args: str, cwd: Path) -> set[str]:
    """The modules that a fresh interpreter has loaded after `code`."""
    report = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", report, *args], capture_output=True, text=True, check=True, cwd=cwd
    )
    return set(done.stderr.split())


def heavy(modules: set[str]) -> set[str]:
    return {module for module in modules if module in HEAVY}


def test_import_runnerlib_is_light(tmp_path: Path) -> None:
    modules = loaded("import runnerlib", cwd=tmp_path)
    assert not heavy(modules)
    assert {m for m in modules if m.startswith("runnerlib")} == {"runnerlib"}
    assert modules - loaded("", cwd=tmp_path) == {"runnerlib"}


def test_import_masking_is_light(tmp_path: Path) -> None:
    assert not heavy(loaded("import runnerlib.masking", cwd=tmp_path))


def test_help_loads_no_event_loop(tmp_path: Path) -> None:
    code = "from runnerlib.cli import invoke\ninvoke(['--help'])"
    assert heavy(loaded(code, cwd=tmp_path)) <= {"click"}


@pytest.mark.parametrize("command", [["--job-command", "true"], ["--", "true"]])
def test_a_run_without_git_or_file_loads_neither(command: list[str], tmp_path: Path) -> None:
    code = "from runnerlib.cli import invoke\ninvoke(['run', *sys.argv[1:]])"
    # asyncio itself loads ssl and logging
    assert heavy(loaded(code, *command, cwd=tmp_path)) <= {"click", "asyncio", "uvloop", "ssl", "logging"}


def test_a_run_without_plugins_loads_nothing_of_them(tmp_path: Path) -> None:
    modules = loaded(PLAIN_RUN, cwd=tmp_path)
    assert not {name for name in modules if name.startswith(("runnerlib.plugins", "runnerlib.runner.plugin_host"))}


def test_a_run_of_one_command_loads_few_modules(tmp_path: Path) -> None:
    own = {module for module in loaded(PLAIN_RUN, cwd=tmp_path) if module.partition(".")[0] == "runnerlib"}
    own.discard("runnerlib:")  # the line that shows the command
    unused = ("source", "triggers", "plugins", "api", "executor.container", "runner.workflow", "runner.sandbox")
    assert [module for module in sorted(own) if module.startswith(tuple(f"runnerlib.{name}" for name in unused))] == []
    assert len(own) <= MOST_OWN, sorted(own)


def test_variables_of_other_programs_are_not_compared_with_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSTUP_HOME", "/opt/rustup")
    monkeypatch.setenv("RUNNER_TEMP", "/tmp/runner")
    assert "difflib" not in loaded(PLAIN_RUN, cwd=tmp_path)


def test_a_run_of_one_command_compiles_no_annotations(tmp_path: Path) -> None:
    """`typing.NamedTuple` compiles each annotation; `_util.values` has one that does not."""
    own = {module for module in loaded(PLAIN_RUN, cwd=tmp_path) if module.startswith("runnerlib.")}
    paths = [ROOT / f"{module.replace('.', '/')}.py" for module in own - {"runnerlib._util.values"}]
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths if path.exists()}
    assert texts
    assert [name for name, text in texts.items() if re.search(r"from typing import .*NamedTuple", text)] == []
