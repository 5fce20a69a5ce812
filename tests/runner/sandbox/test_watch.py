"""The watch over a CI source from its preparation on: what is changed before the first step is told, too."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from runnerlib.errors import TamperedError
from runnerlib.executor.local import landlock
from runnerlib.runner.sandbox import manifest
from runnerlib.runner.sandbox.watch import Watch
from tests.integration.cli import runnerlib
from tests.tools import tool

PLUGIN = """
from pathlib import Path
from runnerlib.plugins import Plugin

class Generates(Plugin):
    def __init__(self):
        super().__init__("generates")

    def pre_execution(self, context):
        Path("job/ci/generated").write_text("by trusted code")
"""


def test_a_change_between_two_looks_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("trusted")
    watch = Watch(tmp_path)
    watch.check()
    (tmp_path / "run.sh").write_text("evil")
    with pytest.raises(TamperedError, match=r"was changed after it was prepared: 'run.sh' has another content"):
        watch.check()
    watch.accept()
    watch.steps_begin(bounded=True)
    os.utime(tmp_path / "run.sh", (0, 0))
    with pytest.raises(TamperedError, match=r"while steps ran: 'run.sh' has another time"):
        watch.check()


@pytest.mark.parametrize("may_set", [True, False])
def test_a_clock_that_was_set_back_deceives_no_one_who_knows_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, may_set: bool
) -> None:
    """This machine's clock stays as it is: files with the same times for ever are what setting it back would make."""
    stamp = manifest._stamp
    monkeypatch.setattr(manifest, "_stamp", lambda status: (*stamp(status)[:4], 0, *stamp(status)[5:7], 0))
    monkeypatch.setattr(manifest.time, "time_ns", lambda: 1 << 62)
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    monkeypatch.setattr(landlock, "may_set_clock", lambda: may_set)
    (tmp_path / "run.sh").write_text("trusted")
    watch = Watch(tmp_path)
    (tmp_path / "run.sh").write_text("hostile")
    if not may_set:  # such a process does not come this far
        watch.check()
        return
    with pytest.raises(TamperedError, match=r"'run.sh' has another content"):
        watch.check()


HOLE = """#!/bin/sh
test -e "{ci}/run.sh" && echo evil >>"{ci}/run.sh"
exec {git} "$@"
"""


def project(tmp_path: Path, plugin: str) -> tuple[str, ...]:
    """A CI source with a plugin, and the words that name it."""
    plugins = tmp_path / "ci/.reactorcide/plugins"
    plugins.mkdir(parents=True)
    (plugins / "plugin_own.py").write_text(plugin)
    (tmp_path / "ci/run.sh").write_text("echo trusted\n")
    return "run", "--ci-source-type", "copy", "--ci-source-url", "./ci", "--job-command", "sh ../ci/run.sh"


def test_a_helper_that_prepares_the_other_source_changes_no_trusted_code(tmp_path: Path) -> None:
    """A hole in git would be such a way: no plugin of the CI source is loaded then, and no step starts."""
    words = project(tmp_path, 'raise SystemExit("LOADED")')
    git = tool("git")
    subprocess.run([git, "init", "-q", tmp_path / "fork"], check=True)
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run([git, "-C", tmp_path / "fork", *author, "commit", "-qm", "x", "--allow-empty"], check=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text(HOLE.format(ci=tmp_path / "job/ci", git=git))
    (tmp_path / "bin/git").chmod(0o755)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    done = runnerlib(*words, "--source-type", "git", "--source-url", "./fork", cwd=tmp_path, PATH=path)
    assert (done.code, done.out) == (125, b""), done
    assert "the CI source was changed after it was prepared: 'run.sh' has another content" in done.err
    assert "LOADED" not in done.err


def test_a_plugin_of_the_ci_source_may_change_it(tmp_path: Path) -> None:
    done = runnerlib(*project(tmp_path, PLUGIN), cwd=tmp_path)
    assert (done.code, done.out) == (0, b"trusted\n"), done
    assert (tmp_path / "job/ci/generated").exists()
