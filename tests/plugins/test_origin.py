"""Places that plugins come from, and places that they never come from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli import Done, runnerlib

PLUGIN = """
import os
from runnerlib.plugins import Plugin
class It(Plugin):
    def __init__(self):
        super().__init__({name!r})
    def post_source_prep(self, context):
        print("from {name}")
"""


def offer(directory: Path, name: str) -> Path:
    """A directory with a plugin."""
    directory.mkdir(parents=True)
    (directory / f"plugin_{name}.py").write_text(PLUGIN.format(name=name))
    return directory


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An application source that brings a plugin."""
    offer(tmp_path / "source/.reactorcide/plugins", "source")
    return tmp_path / "source"


@pytest.fixture
def ci(tmp_path: Path) -> Path:
    """A CI source, without plugins."""
    (tmp_path / "ci").mkdir()
    return tmp_path / "ci"


def run(tmp_path: Path, *args: str, **env: str) -> Done:
    return runnerlib("run", *args, "--job-command", "true", cwd=tmp_path, **env)


def copied(source: Path, prefix: str = "") -> tuple[str, ...]:
    return (f"--{prefix}source-type", "copy", f"--{prefix}source-url", str(source))


def loaded(done: Done) -> list[str]:
    return [line.rpartition(" ")[2] for line in done.err.splitlines() if ": from " in line]


def test_a_source_is_not_trusted_by_itself(tmp_path: Path, source: Path) -> None:
    there = tmp_path / "job/src/.reactorcide/plugins"
    said = f"runnerlib: the plugins in '{there}' are not loaded; see --trust-source-plugins\n"
    for more in ([], ["--plugin-dir", str(offer(tmp_path / "own", "own"))]):
        done = run(tmp_path, *copied(source), *more)
        assert done.code == 0
        assert said in done.err
        assert "source" not in loaded(done)


@pytest.mark.parametrize("by", ["option", "variable", "file"])
def test_it_can_be_trusted(tmp_path: Path, source: Path, by: str) -> None:
    (tmp_path / "settings.yaml").write_text("trust_source_plugins: true\n")
    args = {"option": ["--trust-source-plugins"], "file": ["--config", "settings.yaml"]}.get(by, [])
    env = {"REACTORCIDE_TRUST_SOURCE_PLUGINS": "yes"} if by == "variable" else {}
    done = run(tmp_path, *copied(source), *args, **env)
    assert loaded(done) == ["source"]
    assert f"loading the plugins in '{tmp_path}/job/src/.reactorcide/plugins': the source is trusted (" in done.err


@pytest.mark.parametrize("trusted", [(), ("--trust-source-plugins",)])
@pytest.mark.parametrize("has", [True, False])
def test_beside_a_ci_source_only_that_is_trusted(
    tmp_path: Path, source: Path, ci: Path, has: bool, trusted: tuple[str, ...]
) -> None:
    if has:
        offer(ci / ".reactorcide/plugins", "ci")
    done = run(tmp_path, *copied(source), *copied(ci, "ci-"), *trusted)
    assert done.code == 0, done
    assert loaded(done) == (["ci"] if has else [])
    assert "are not loaded: beside a CI source only that is trusted\n" in done.err


@pytest.mark.parametrize("there", [True, False])
def test_a_ci_source_that_was_mounted(tmp_path: Path, source: Path, there: bool) -> None:
    """The setting says where the CI source is; given, it is enough to trust nothing else."""
    if there:
        offer(tmp_path / "job/ci/.reactorcide/plugins", "ci")
    done = run(tmp_path, *copied(source), "--trust-source-plugins", REACTORCIDE_CI_SOURCE_DIR="/job/ci")
    assert loaded(done) == (["ci"] if there else [])
    done = run(tmp_path, *copied(source), REACTORCIDE_CI_SOURCE_DIR="/job/src")
    assert done.code == 78
    assert "lies in the source" in done.err


def test_what_stands_in_the_place_of_a_ci_source_is_none(tmp_path: Path) -> None:
    """An earlier job may have put it there."""
    offer(tmp_path / "job/ci/.reactorcide/plugins", "planted")
    assert loaded(run(tmp_path, "--trust-source-plugins")) == []


def test_a_ci_source_is_fresh_when_a_job_goes_on(tmp_path: Path, source: Path, ci: Path) -> None:
    """The steps of the first run could write there; what they left is not what is loaded."""
    offer(ci / ".reactorcide/plugins", "ci")
    planted = "mkdir -p ../ci/.reactorcide/plugins; sed s/ci/planted/ ../ci/.reactorcide/plugins/plugin_ci.py > x"
    planted += "; mv x ../ci/.reactorcide/plugins/plugin_planted.py; test -e ../../fixed"
    (tmp_path / "job.yaml").write_text(f"job: {{steps: [{{name: a, run: '{planted}'}}]}}\n")
    args = ("run", "--job-file", "job.yaml", *copied(source), *copied(ci, "ci-"), "--output", "raw")
    assert runnerlib(*args, cwd=tmp_path).code == 1
    (tmp_path / "fixed").touch()
    done = runnerlib(*args, "--resume", cwd=tmp_path)
    assert done.code == 0, done
    assert loaded(done) == ["ci"]


class TestPluginDir:
    def test_sorted_and_only_plugin_files(self, tmp_path: Path) -> None:
        directory = offer(tmp_path / "own", "b")
        (directory / "plugin_a.py").write_text(PLUGIN.format(name="a"))
        (directory / "other.py").write_text("raise SystemExit('not a plugin')")
        (directory / "plugin_x.txt").write_text("no")
        for args, env in ((("--plugin-dir", "own"), {}), ((), {"REACTORCIDE_PLUGIN_DIR": "own"})):
            assert loaded(run(tmp_path, *args, **env)) == ["a", "b"]
        assert not list(directory.rglob("__pycache__"))

    def test_no_directory(self, tmp_path: Path) -> None:
        done = run(tmp_path, "--plugin-dir", "nowhere")
        assert (done.code, done.err) == (
            78,
            "error: plugin_dir (command line, --plugin-dir): 'nowhere' is no directory\n",
        )

    def test_in_the_source(self, tmp_path: Path, ci: Path) -> None:
        offer(tmp_path / "job/src/plugins", "source")
        (tmp_path / "link").symlink_to("job/src/plugins")
        for given in ("job/src/plugins", "link"):
            done = run(tmp_path, "--plugin-dir", given)
            assert done.code == 78
            assert "lies in the source; give --trust-source-plugins as well" in done.err
            assert loaded(run(tmp_path, "--plugin-dir", given, "--trust-source-plugins")) == ["source"]
        done = run(tmp_path, "--plugin-dir", "link", "--trust-source-plugins", *copied(ci, "ci-"))
        assert done.code == 78
        assert "not trusted beside a CI source" in done.err

    def test_a_mounted_config_map(self, tmp_path: Path) -> None:
        """Symlinks inside of the directory are how Kubernetes mounts such files."""
        offer(tmp_path / "own/..2026", "mapped")
        (tmp_path / "own/..data").symlink_to("..2026")
        (tmp_path / "own/plugin_mapped.py").symlink_to("..data/plugin_mapped.py")
        assert loaded(run(tmp_path, "--plugin-dir", "own")) == ["mapped"]

    @pytest.mark.parametrize("kind", ["file", "directory", "pipe"])
    def test_tricks(self, tmp_path: Path, source: Path, kind: str) -> None:
        """A symlink of the CI source that leads into the source would let that in."""
        ci = tmp_path / "job/ci"  # mounted: a source that is prepared may have no such link at all
        ci.mkdir(parents=True)
        theirs = "../../../src/.reactorcide/plugins"
        (ci / ".reactorcide").mkdir()
        if kind == "directory":
            (ci / ".reactorcide/plugins").symlink_to("../../src/.reactorcide/plugins")
        else:
            (ci / ".reactorcide/plugins").mkdir()
            (ci / ".reactorcide/plugins/plugin_x.py").symlink_to(f"{theirs}/plugin_source.py")
        own = tmp_path / "own"
        own.mkdir()
        if kind == "pipe":
            os.mkfifo(own / "plugin_pipe.py")
            done = run(tmp_path, "--plugin-dir", "own")
            assert "PluginError: it is no regular file" in done.err
        else:
            done = run(tmp_path, *copied(source), REACTORCIDE_CI_SOURCE_DIR="/job/ci")
            assert f"outside of '{ci}'" in done.err
        assert done.code == 125
        assert loaded(done) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x = (", "SyntaxError: '(' was never closed"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1", "PluginError: it defines no subclass of runnerlib.plugins.Plugin"),
        ("while True: pass", "did not end loading within 0.2 s"),
        ("import os; os.close(0); raise SystemExit(0)", "SystemExit: 0"),
        ("from runnerlib.plugins import Plugin\nclass A(Plugin):\n    def __init__(self, x): ...", "TypeError: A._"),
        ("from runnerlib.plugins import Plugin\nclass A(Plugin):\n    def __init__(self): super().__init__('a')",
         "it has no hook"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_good_fails_the_run(tmp_path: Path, text: str, error: str) -> None:
    """A plugin may be there to refuse jobs: to go on without it would let them through."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "plugin_bad.py").write_text(text)
    limit = ("--plugin-timeout", "0.2") if "while" in text else ()
    done = run(tmp_path, "--plugin-dir", "own", *limit)
    assert (done.code, done.out) == (125, b"")
    assert done.err.startswith("error: plugin file 'plugin_bad.py' ")
    assert error in done.err
    assert str(own / "plugin_bad.py") in done.err


def test_a_file_that_registers_its_plugin_itself(tmp_path: Path) -> None:
    own = offer(tmp_path / "own", "self")
    text = (own / "plugin_self.py").read_text()
    (own / "plugin_self.py").write_text(f"{text}\nimport runnerlib\nrunnerlib.register_plugin(It())\n")
    assert loaded(run(tmp_path, "--plugin-dir", "own")) == ["self"]


def test_installed_packages(tmp_path: Path) -> None:
    """By entry points, and only those that are asked for."""
    site = tmp_path / "site"
    (site / "demo-1.dist-info").mkdir(parents=True)
    (site / "demo-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: demo\nVersion: 1\n")
    entries = "[runnerlib.plugins]\ndemo = demo_plugin:It\nmade = demo_plugin:MADE\n"
    (site / "demo-1.dist-info/entry_points.txt").write_text(entries)
    made = "class Made(It):\n    def __init__(self):\n        Plugin.__init__(self, 'made')\nMADE = Made()\n"
    (site / "demo_plugin.py").write_text(PLUGIN.format(name="demo") + made)
    path = {"PYTHONPATH": str(site)}
    assert loaded(run(tmp_path, **path)) == []
    assert loaded(run(tmp_path, "--plugin-packages", "demo", **path)) == ["demo"]
    assert len(loaded(run(tmp_path, "--plugin-packages", "all", **path))) == 2
    done = run(tmp_path, "--plugin-packages", "dmeo", **path)
    assert done.code == 125
    assert "no installed package offers the plugin 'dmeo' (demo, made)" in done.err


def test_a_program_registers_plugins_for_its_jobs(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        PLUGIN.format(name="program")
        + "import runnerlib\nrunnerlib.register_plugin(It())\n"
        + "for _ in range(2):\n    assert runnerlib.run_job(command='echo ran') == 0\n"
    )
    env = {**os.environ, "REACTORCIDE_IN_CONTAINER": "false"}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "ran\nran\n"), done
    assert done.stderr.count("runnerlib: program: from program\n") == 2
