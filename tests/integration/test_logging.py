"""The runner's own messages as a structured log, of `runnerlib run` as a real process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli import Done, runnerlib

SECRET = "swordfish-swordfish"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
JSON = {"LOG_FORMAT": "json", "REACTORCIDE_JOB_ID": "42", "TRACEPARENT": f"00-{TRACE}-00f067aa0ba902b7-01"}
STEPS = """
job:
  steps:
    - {name: a, run: echo one, parallel: true}
    - {name: b, run: exit 3, parallel: true, required: false}
"""


def log(done: Done) -> list[dict[str, Any]]:
    """Every line of stderr; all are complete, and hold no other keys than those of the format."""
    lines = [json.loads(line) for line in done.err.splitlines()]
    for line in lines:
        assert set(line) <= {"timestamp", "level", "component", "message", "fields", "error"}
        assert line["component"] == "runnerlib"
        assert line["fields"]["job_id"] == "42"
        assert line["fields"]["trace_id"] == TRACE
    return lines


def said(done: Done) -> list[tuple[str, str]]:
    return [(line["level"], line["message"].partition(" after ")[0].partition(" in ")[0]) for line in log(done)]


def test_stdout_is_the_jobs_and_stderr_is_the_log(tmp_path: Path) -> None:
    done = runnerlib(
        "run",
        "--secret-env-names",
        "NONE",
        "--job-command",
        f"echo {SECRET}; exit 3",
        cwd=tmp_path,
        MY_TOKEN=SECRET,
        **JSON,
    )
    assert (done.code, done.out) == (3, b"[REDACTED]\n")
    assert said(done) == [
        ("warning", "secret NONE is not masked: it is empty or not set"),
        ("info", "job 'job' started"),
        ("info", "$ echo [REDACTED]; exit 3"),
        ("info", "masked 1 time: MY_TOKEN 1"),
        ("error", "step 'job' failed"),
        ("error", "job 'job' failed"),
    ]
    fields = [line["fields"] for line in log(done)]
    assert [field["phase"] for field in fields] == ["source_prep", *["execution"] * 5]
    assert (fields[4]["step"], fields[4]["exit_code"], fields[4]["outcome"]) == ("job", 3, "failure")


@pytest.mark.parametrize("mode", ["prefixed", "grouped", "live"])
def test_with_several_steps_their_output_is_shown_as_ever(tmp_path: Path, mode: str) -> None:
    (tmp_path / "job.yaml").write_text(STEPS)
    done = runnerlib("run", "--job-file", "job.yaml", "--output", mode, cwd=tmp_path, **JSON)
    assert done.code == 0
    assert b"one\n" in done.out
    assert b"masked" not in done.out
    assert [message for level, message in said(done) if level == "warning"] == ["step 'b' failed"]


def test_in_the_mode_json_there_are_events_instead(tmp_path: Path) -> None:
    done = runnerlib("run", "--output", "json", "--", "true", cwd=tmp_path, **JSON)
    assert done.err == ""
    assert json.loads(done.out.splitlines()[0])["type"] == "job_started"


@pytest.mark.parametrize(
    ("level", "levels"),
    [("debug", {"info", "warning"}), ("warning", {"warning"}), ("error", set()), ("nonsense", {"info", "warning"})],
)
def test_levels(tmp_path: Path, level: str, levels: set[str]) -> None:
    done = runnerlib("run", "--secret-env-names", "NONE", "--", "true", cwd=tmp_path, **JSON, LOG_LEVEL=level)
    assert {line["level"] for line in log(done)} == levels


@pytest.mark.parametrize(
    ("args", "kind", "code"),
    [
        (["run", "--job-dir", f"/{SECRET}", "--", "true"], "PathError", 78),
        (["run", f"--{SECRET}"], "NoSuchOption", 2),
        (["run", "--source-type", "copy", "--source-url", f"/nowhere/{SECRET}", "--", "true"], "SourceError", 125),
        (["secrets", "get", "p", "k"], "ConfigError", 78),
    ],
)
def test_errors_are_lines_too(tmp_path: Path, args: list[str], kind: str, code: int) -> None:
    done = runnerlib(*args, cwd=tmp_path, MY_TOKEN=SECRET, **JSON)
    line = log(done)[-1]
    assert (done.code, line["level"], line["error"]["type"]) == (code, "error", kind)
    assert line["error"]["message"] == line["message"]
    assert SECRET not in done.err


def test_settings_win_over_the_bare_variables(tmp_path: Path) -> None:
    done = runnerlib("run", "--log-format", "text", "--", "true", cwd=tmp_path, **JSON)
    assert done.err == "runnerlib: $ true\n"
    done = runnerlib("run", "--log-format", "jsno", "--", "true", cwd=tmp_path)
    what = "got 'jsno', another word is expected; did you mean 'json'?"
    assert done.err == f"error: log_format (command line, --log-format): {what}\n"


def test_less_is_said_as_text(tmp_path: Path) -> None:
    args = ("run", "--secret-env-names", "NONE")
    done = runnerlib(*args, "--log-level", "warning", "--", "false", cwd=tmp_path)
    assert done.err == (
        "runnerlib: warning: secret NONE is not masked: it is empty or not set\nrunnerlib: failed: exit code 1\n"
    )
    assert runnerlib(*args, "--log-level", "error", "--", "true", cwd=tmp_path).err == ""
    assert "$ true" in runnerlib(*args, "--", "true", cwd=tmp_path, LOG_LEVEL="error").err, "it may be the job's"


def test_what_validate_warns_of_is_in_the_log(tmp_path: Path) -> None:
    done = runnerlib("validate", "--job-command", "true", "--secret-env-names", "NONE", cwd=tmp_path, **JSON)
    assert (done.code, done.out) == (0, b"the configuration is valid\n")
    assert said(done) == [("warning", "secret NONE is not masked: it is empty or not set")]
