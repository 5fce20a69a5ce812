"""Plugins that do what plugins do, well or badly, on the command line."""

from __future__ import annotations

import json
import os
import signal
import textwrap
from pathlib import Path

import pytest

from tests.integration.cli import Done, runnerlib, started

SECRET = "hunter2-hunter2"
BASE = "from runnerlib.plugins import Plugin, PluginPhase, VetoError\nimport os, sys, subprocess, time, threading\n"


def plugin(directory: Path, name: str, body: str, priority: int = 100) -> None:
    """Write a file with one plugin; `body` are its methods."""
    directory.mkdir(parents=True, exist_ok=True)
    init = f"    def __init__(self):\n        super().__init__({name!r}, {priority})\n"
    text = f"{BASE}\nclass It(Plugin):\n{init}{textwrap.indent(textwrap.dedent(body), '    ')}"
    (directory / f"plugin_{name}.py").write_text(text)


def run(tmp_path: Path, *args: str, **env: str) -> Done:
    return runnerlib("run", "--plugin-dir", "plugins", *args, cwd=tmp_path, **env)


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    return tmp_path / "plugins"


def test_one_that_rewrites_settings_and_environment(tmp_path: Path, plugins: Path) -> None:
    """At the last moment for each, seen by the one that comes after it; a new secret is masked."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_text("from the source\n")
    plugin(
        plugins,
        "rewrite",
        f"""
        def pre_validation(self, context):
            context.config.job_command = 'cat file; echo $A $B $NEW_TOKEN; env | grep -c ^GONE=; true'
            context.config.source_type = 'copy'
            context.config.source_url = {str(tmp_path / "source")!r}
        def post_validation(self, context):
            context.env_vars['A'] = 'early'
        def pre_execution(self, context):
            context.env_vars['B'] = context.env_vars['A'] + '-late'
            context.env_vars['NEW_TOKEN'] = 'correct-horse-battery'
            del context.env_vars['GONE']
        """,
    )
    plugin(
        plugins,
        "see",
        """
        def pre_execution(self, context):
            print(context.env_vars['B'], context.config.source_type, context.config.job_command[:8])
        """,
    )
    done = run(tmp_path, "--job-command", "false", GONE="x")
    assert done.out == b"from the source\nearly early-late [REDACTED]\n0\n", done
    assert "runnerlib: see: early-late copy cat file\n" in done.err
    assert done.code == 0


@pytest.mark.parametrize("mode", ["command", "steps"])
def test_one_that_chooses_another_job(tmp_path: Path, plugins: Path, mode: str) -> None:
    (tmp_path / "job.json").write_text(json.dumps({"job": {"steps": [{"name": "a", "run": "echo steps"}]}}))
    change = "job_file = 'job.json'" if mode == "command" else "job_command = 'echo command'"
    plugin(plugins, "choose", f"def pre_validation(self, context):\n    context.config.{change}\n")
    given = ["--job-command", "echo command"] if mode == "command" else ["--job-file", "job.json"]
    done = run(tmp_path, *given, "--output", "raw")
    assert done.out == (b"steps\n" if mode == "command" else b"command\n")


def test_changes_that_come_too_late_are_told(tmp_path: Path, plugins: Path) -> None:
    plugin(
        plugins,
        "late",
        """
        def post_source_prep(self, context):
            context.config.source_type = 'git'
            context.config.mask_marker = 'x'
            context.config.job_command = 'echo in time'
        def post_execution(self, context):
            context.env_vars['A'] = '1'
            context.config.job_command = 'echo too late'
        """,
    )
    done = run(tmp_path, "--job-command", "true")
    assert (done.code, done.out) == (0, b"in time\n")
    who = "runnerlib: warning: plugin 'late' in"
    assert f"{who} post_source_prep changed source_type, which has been used; that has no effect\n" in done.err
    assert f"{who} post_source_prep changed mask_marker, which" in done.err
    assert f"{who} post_execution changed job_command, which" in done.err
    assert f"{who} post_execution changed env_vars, which" in done.err


@pytest.mark.parametrize(
    ("change", "code", "error"),
    [
        ("context.config.source_tpye = 'git'", 125, "AttributeError: unknown setting 'source_tpye'"),
        ("context.config.job_timeout = 'soon'", 125, "ValueError: job_timeout: a number of seconds, 0 or more"),
        ("context.config.source_type = 'gti'", 78, "source_type (plugin, 'wrong' in pre_validation): unknown"),
        ("context.env_vars['A'] = 1", 125, "plugin 'wrong' in pre_validation: variable 'A' is no text"),
        ("context.env_vars['A=B'] = 'x'", 125, "'A=B' is no name of a variable"),
        ("context.env_vars = None", 125, "context.env_vars is no dict any more"),
        ("context.config = None", 125, "context.config is no RunnerConfig any more"),
    ],
)
def test_wrong_changes(tmp_path: Path, plugins: Path, change: str, code: int, error: str) -> None:
    plugin(plugins, "wrong", f"def pre_validation(self, context):\n    {change}\n")
    done = run(tmp_path, "--job-command", "echo ran")
    assert (done.code, done.out) == (code, b"")
    assert error in done.err


def test_one_that_vetoes(tmp_path: Path, plugins: Path) -> None:
    plugin(
        plugins,
        "freeze",
        """
        def post_validation(self, context):
            if 'deploy' in context.config.job_command:
                raise VetoError('no deployments on Fridays', exit_code=9)
        """,
    )
    assert run(tmp_path, "--job-command", "echo test").code == 0
    done = run(tmp_path, "--job-command", "echo deploy")
    file = plugins / "plugin_freeze.py"
    reason = "no deployments on Fridays"
    assert done == (9, b"", f"error: plugin 'freeze' refused post_validation ({file}): {reason}\n")


def test_one_that_hangs(tmp_path: Path, plugins: Path) -> None:
    """In Python code, in a system call, in a child process: the run goes on, and nothing of it is left."""
    plugin(plugins, "a", "def pre_execution(self, context):\n    while True: pass\n")
    plugin(plugins, "b", "def cleanup(self, context):\n    subprocess.run(['sleep', '1000'])\n    print('never')\n")
    plugin(plugins, "c", "def cleanup(self, context):\n    threading.Event().wait()\n")
    plugin(plugins, "d", "def cleanup(self, context):\n    print('tidy')\n")
    done = run(tmp_path, "--plugin-timeout", "1", "--grace-period", "0.3", "--job-command", "echo ran")
    assert (done.code, done.out) == (125, b"")
    assert "runnerlib: d: tidy\n" in done.err
    assert "never" not in done.err
    for name, hook in (("b", "cleanup"), ("c", "cleanup")):
        file = plugins / f"plugin_{name}.py"
        assert f"warning: plugin '{name}' did not end {hook} within 1 s ({file})\n" in done.err
    assert done.err.endswith(f"error: plugin 'a' did not end pre_execution within 1 s ({plugins / 'plugin_a.py'})\n")


def test_one_that_raises_in_every_phase(tmp_path: Path, plugins: Path) -> None:
    plugin(plugins, "broken", "def execute(self, context):\n    raise RuntimeError(context.phase.value)\n"
           "def supported_phases(self):\n    return list(PluginPhase)\n")  # fmt: skip
    plugin(plugins, "tidy", "def cleanup(self, context):\n    print('tidied', context.error)\n")
    file = plugins / "plugin_broken.py"
    done = run(tmp_path, "--job-command", "echo ran")
    text = "plugin 'broken' failed in {0} (" + f"{file}, line 8): RuntimeError: " + "{0}"
    assert (done.code, done.out) == (125, b"")
    assert done.err == (
        f"runnerlib: warning: {text.format('on_error')}\n"
        f"runnerlib: warning: {text.format('cleanup')}\n"
        f"runnerlib: tidy: tidied {text.format('pre_validation')}\n"
        f"error: {text.format('pre_validation')}\n"
    )


def test_one_that_leaks_a_secret_everywhere(tmp_path: Path, plugins: Path) -> None:
    """In the text of its exception, in what it prints by every means, in what its processes print, in its name."""
    plugin(
        plugins,
        "leak",
        """
        def pre_validation(self, context):
            context.register_secret('found-at-run-time')
        def pre_execution(self, context):
            secret = os.environ['MY_TOKEN']
            print(secret); print(secret, file=sys.stderr)
            sys.stdout.buffer.write(secret.encode() + b'\\n')
            sys.stdout.write(secret[:7]); sys.stdout.write(secret[7:] + '\\n')
            os.write(2, secret.encode() + b'\\n')
            subprocess.run('echo $MY_TOKEN; echo found-at-run-time >&2', shell=True)
            raise ValueError(f'cannot log in with {secret}, nor with found-at-run-time')
        """,
    )
    done = run(tmp_path, "--job-command", "true", MY_TOKEN=SECRET)
    assert done.code == 125
    assert SECRET not in done.out.decode() + done.err
    assert "found-at-run-time" not in done.out.decode() + done.err
    assert done.err.count("runnerlib: leak: [REDACTED]\n") == 7
    assert "ValueError: cannot log in with [REDACTED], nor with [REDACTED]\n" in done.err
    debug = runnerlib("--debug", "run", "--plugin-dir", "plugins", "--", "true", cwd=tmp_path, MY_TOKEN=SECRET)
    assert "Traceback" in debug.err
    assert SECRET not in debug.err


def test_what_a_plugin_keeps_is_its_own(tmp_path: Path, plugins: Path) -> None:
    for name in ("a", "b"):
        plugin(
            plugins,
            name,
            f"""
            def pre_validation(self, context):
                context.metadata['mine'] = {name!r}
                context.results['x'] = 1
            def cleanup(self, context):
                print(context.metadata, dict(context.results) == {{}} or list(context.results))
            """,
        )
    done = run(tmp_path, "--job-command", "true")
    assert "runnerlib: a: {'mine': 'a'} ['job']\nrunnerlib: b: {'mine': 'b'} ['job']\n" in done.err


def test_step_hooks_do_not_hold_up_other_steps(tmp_path: Path, plugins: Path) -> None:
    """The hook of one step waits for what another one does."""
    plugin(
        plugins,
        "steps",
        """
        def pre_step(self, context):
            context.env_vars['WHO'] = context.step.name
            if context.step.name == 'second':
                raise VetoError('not this one', 5)
        def post_step(self, context):
            if context.step.name == 'fast':
                while not os.path.exists('slow-runs'): time.sleep(0.001)
            print(context.step.name, context.result.exit_code)
        """,
    )
    steps = [
        {"name": "fast", "run": "echo $WHO", "parallel": True},
        {"name": "slow", "run": "touch ../../slow-runs; echo $WHO", "parallel": True},
        {"name": "second", "run": "echo $WHO"},
    ]
    (tmp_path / "job.json").write_text(json.dumps({"job": {"max_parallel": 2, "steps": steps}}))
    done = run(tmp_path, "--job-file", "job.json", "--output", "prefixed")
    assert done.code == 5, done
    assert b"fast" in done.out
    assert b"slow" in done.out
    assert b"second" in done.out
    assert b"steps: fast 0" in done.out + done.err.encode()


@pytest.mark.parametrize("hook", ["pre_execution", "cleanup"])
def test_a_terminated_run_tidies_up(tmp_path: Path, plugins: Path, hook: str) -> None:
    """A hook that waits in a child process is told to end: in the first phases at once, in the last ones it may end."""
    os.mkfifo(tmp_path / "up")
    waiting = "subprocess.run('echo up > up; exec sleep 1000', shell=True)"
    plugin(plugins, "waits", f"def {hook}(self, context):\n    {waiting}\n    print('after')\n", 1)
    plugin(plugins, "tidy", "def cleanup(self, context):\n    print('tidy', context.exit_code)\n", 2)
    args = ["--plugin-dir", "plugins", "--grace-period", "0.2", "--cleanup-timeout", "2", "--job-command", "true"]
    with started("run", *args, cwd=tmp_path) as process:
        (tmp_path / "up").read_text()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
    shown = err.decode()
    assert "after" not in shown
    if hook == "pre_execution":
        assert process.returncode == 143
        assert "runnerlib: tidy: tidy 143\n" in shown
        assert shown.endswith("error: stopped by SIGTERM\n")
    else:
        assert process.returncode == 125
        assert "plugin 'waits' did not end cleanup within" in shown


def test_plugins_and_steps_of_the_observers(tmp_path: Path, plugins: Path) -> None:
    """An observer that fails is told nothing more; one that prints does not hear its own words."""
    plugin(
        plugins,
        "watch",
        """
        def pre_execution(self, context):
            from runnerlib.plugins import Watcher
            class Broken(Watcher):
                def observe(self, event):
                    raise KeyError('observed')
            class Talking(Watcher):
                def observe(self, event):
                    print(type(event).__name__, flush=True)
            context.add_observer(Broken())
            context.add_observer(Talking())
        """,
    )
    done = run(tmp_path, "--job-command", "true")
    assert done.code == 0
    assert done.err.count("an observer of plugin 'watch' failed and is told nothing more: KeyError: 'observed'") == 1
    assert "runnerlib: plugins: JobFinished\n" in done.err + done.out.decode()
