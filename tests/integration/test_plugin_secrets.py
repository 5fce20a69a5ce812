"""Plugins and settings together: a provider of secrets from a plugin, and which phase a message is of."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.cli import runnerlib

PROVIDER = """
from src.logging import log_stdout, logger
from src.plugins import Plugin, PluginPhase

class Provider(Plugin):
    def __init__(self):
        super().__init__("provider")

    def supported_phases(self):
        return [PluginPhase.PRE_VALIDATION, PluginPhase.POST_VALIDATION, PluginPhase.CLEANUP]

    def pre_validation(self, context):
        context.add_secret_provider("mine", lambda path, key: f"value-of-{path}-{key}" if key != "none" else None)
        print("hello")

    def post_validation(self, context):
        print("known: " + context.env_vars["A"])

    def cleanup(self, context):
        logger.warning("going, " + context.env_vars["A"])

    def execute(self, context):
        pass
"""
VALUE = "value-of-ci/x-token"


def run(tmp_path: Path, key: str = "token", **env: str):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/plugin_provider.py").write_text(PROVIDER)
    return runnerlib(
        "run", "--plugin-dir", "plugins", "--secret-providers", "mine", "--job-env", f"A=${{secret:ci/x:{key}}}",
        "--job-command", f"echo $A; test $A = {VALUE[:5]}''{VALUE[5:]}", cwd=tmp_path, **env,
    )  # fmt: skip


def test_a_plugin_provides_secrets(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.code, done.out) == (0, b"[REDACTED]\n")
    assert VALUE not in done.err
    assert "provider: known: [REDACTED]" in done.err


def test_a_secret_that_it_has_not(tmp_path: Path) -> None:
    done = run(tmp_path, "none")
    assert done.code == 78
    assert "job_env: A: there is no secret 'ci/x:none' (providers: mine)" in done.err


def test_a_line_of_the_log_says_in_which_phase_it_was_written(tmp_path: Path) -> None:
    done = run(tmp_path, LOG_FORMAT="json")
    lines = [json.loads(line) for line in done.err.splitlines()]
    phases = {line["message"].removeprefix("provider: ")[:6]: line["fields"]["phase"] for line in lines}
    assert (phases["hello"], phases["known:"]) == ("pre_validation", "post_validation")
    assert VALUE not in done.err
    assert phases["$ echo"] == "execution"
    assert any("going, [REDACTED]" in line["message"] and line["fields"]["phase"] == "cleanup" for line in lines)
