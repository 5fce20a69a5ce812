"""Start-up time is part of speed: what `import runnerlib` and a run may load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"pygit2", "yaml", "ahocorasick", "ssl", "json", "importlib.metadata", "logging", "asyncio", "uvloop", "click"}


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
    code = "from runnerlib.cli import invoke\ninvoke(['run', '--job-command', 'true'])"
    modules = loaded(code, cwd=tmp_path)
    assert not {name for name in modules if name.startswith(("runnerlib.plugins", "runnerlib.runner.plugin_host"))}
