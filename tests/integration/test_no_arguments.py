"""Every command without arguments: help, an answer or one error, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnerlib.cli import COMMANDS
from tests.integration.cli import runnerlib


@pytest.mark.parametrize("words", [(), ("git",), ("secrets",)], ids=" ".join)
def test_the_help_of_what_only_holds_commands(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = runnerlib(*words, cwd=tmp_path)
    asked = runnerlib(*words, "--help", cwd=tmp_path)
    assert (done.code, done.out, done.err) == (2, b"", asked.out.decode())
    assert asked.code == 0


@pytest.mark.parametrize("words", [("git",), ("secrets",)], ids=" ".join)
def test_a_structured_log_gets_one_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = runnerlib(*words, cwd=tmp_path, LOG_FORMAT="json")
    assert (done.code, done.out, done.err.count("\n")) == (2, b"", 1)
    assert "a command is missing (" in done.err


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"git", "secrets"}))
def test_no_command_has_a_traceback_or_help_as_an_error(tmp_path: Path, command: str) -> None:
    done = runnerlib(command, cwd=tmp_path)
    assert "Traceback" not in done.err
    assert "error: Usage" not in done.err
    assert done.code in {0, 1, 2, 78}
