"""Errors before the job begins: the secret is known, and one word of the configuration that holds it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.leaks.knowledge import KNOWN, SECRET, SPECIAL, known_at, shown
from tests.leaks.situation import TOKEN, readable

BAD = f"/outside/{SECRET}"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(["--job-dir", BAD], id="a directory"),
        pytest.param(["--grace-period", SECRET], id="a number"),
    ],
)
@pytest.mark.parametrize(("args", "settings", "env"), KNOWN)
def test_an_error_of_the_configuration(
    tmp_path: Path, args: list[str], settings: dict[str, object], env: dict[str, str], wrong: list[str]
) -> None:
    """upstream-U5: errors were shown before there was a masker, or past it."""
    said = shown("run", *known_at(tmp_path, settings), *args, *wrong, "--", "true", cwd=tmp_path, **env)
    assert "error: " in said
    assert not readable(TOKEN, said.encode()), said


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(["--source-type", "copy", "--source-url", "x", "--ci-source-type", SECRET], id="a type"),
        pytest.param(["--work-dir", BAD], id="the working directory"),
        pytest.param(["--code-dir", BAD], id="the directory of the source"),
        pytest.param(["--config", BAD], id="the configuration file"),
    ],
)
@pytest.mark.parametrize("command", ["run", "validate"])
def test_another_error(tmp_path: Path, command: str, wrong: list[str]) -> None:
    """upstream-U5: the same, for a secret that is known by its name only, and other settings that are wrong."""
    said = shown(command, "--secret-env-names", "PLAIN", *wrong, "--", "true", cwd=tmp_path, PLAIN=SECRET)
    assert "error: " in said
    assert not readable(TOKEN, said.encode()), said


MISTAKES = [
    # The list of `docker compose`, where a mapping is expected.
    pytest.param({"job_env": [f"MY_TOKEN={SECRET}"]}, id="gitlab-33181 variables as a list"),
    pytest.param({"secret_values_list": [[SECRET]]}, id="gitlab-33181 a list in the list of secrets"),
    pytest.param({"secret_values_list": {"a": SECRET}}, id="gitlab-33181 a mapping of secrets"),
    pytest.param({"job_env": {"MY_TOKEN": [SECRET]}}, id="gitlab-33181 a variable that is a list"),
    pytest.param({"secret_env_names": {"MY_TOKEN": SECRET}}, id="gitlab-33181 values with the names"),
    pytest.param({"my_token": SECRET}, id="gitlab-33181 an unknown setting"),
]


@pytest.mark.parametrize("settings", MISTAKES)
def test_a_mistake_in_the_configuration_is_not_quoted(tmp_path: Path, settings: dict[str, object]) -> None:
    """gitlab 33181: secrets in a configuration file; the error for a wrong kind of value repeats the value."""
    said = shown("run", *known_at(tmp_path, settings), "--", "true", cwd=tmp_path)
    assert "error: " in said
    assert not readable(TOKEN, said.encode()), said


@pytest.mark.parametrize("line", [SECRET, f"export {SECRET}", f"MY TOKEN={SECRET}", f"MY-TOKEN={SECRET}"])
def test_a_wrong_line_of_variables_is_not_quoted(tmp_path: Path, line: str) -> None:
    """upstream-U5: `Unexpected error: {e}` for a line that could not be read."""
    said = shown("run", "--job-env", f"A=1\n{line}", "--", "true", cwd=tmp_path)
    assert "error: job_env" in said
    assert not readable(TOKEN, said.encode()), said


def test_a_masked_traceback(tmp_path: Path) -> None:
    """jenkins MaskedException: the message was masked, the trace below it was not."""
    for secret in (SECRET, SPECIAL):
        said = shown(
            "--debug", "run", "--job-dir", f"/outside/{secret}", "--", "true", cwd=tmp_path, DEPLOY_TOKEN=secret
        )
        assert said.startswith("Traceback")
        assert not readable(secret.encode(), said.encode()), said
