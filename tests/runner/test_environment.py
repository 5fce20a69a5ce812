"""The variables of a job and the secrets in them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from runnerlib._util.paths import Workspace
from runnerlib.config import resolve
from runnerlib.errors import ConfigError
from runnerlib.masking.candidates import Secret
from runnerlib.runner.environment import JobEnvironment, job_environment


def made(
    tmp_path: Path, environ: dict[str, str] | None = None, places: dict[str, Path] | None = None, **options: object
) -> JobEnvironment:
    return job_environment(resolve(options, environ or {}), environ or {}, Workspace(tmp_path / "job"), places or {})


def test_later_sources_of_variables_win(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("A=file\nB=file\nC=file\n")
    variables = made(
        tmp_path,
        {"A": "env", "B": "env", "C": "env", "D": "env", "PLACE": "env"},
        {"PLACE": Path("/x")},
        secrets_file=str(tmp_path / "secrets"),
        job_env="A=job\n",
    ).variables
    assert variables == {"A": "job", "B": "file", "C": "file", "D": "env", "PLACE": "/x"}


def test_listed_secrets_come_first_and_guessed_ones_last(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("DB=from-file\nbare-value\n")
    secrets = made(
        tmp_path,
        {"REACTORCIDE_API_TOKEN": "job-token", "NAMED": "outer", "X_TOKEN": "guessed"},
        secret_values_list="one,,two",
        secrets_file=str(tmp_path / "secrets"),
        secret_env_names="NAMED,GONE",
        job_env={"NAMED": "inner"},
        source_type="git",
        source_url="https://user:p%40ss@host/x",
    ).secrets
    assert secrets[:8] == [
        Secret("value 1 of secret_values_list", "one"),
        Secret("value 2 of secret_values_list", "two"),
        Secret("DB of secrets_file", "from-file"),
        Secret("value 2 of secrets_file", "bare-value"),
        Secret("REACTORCIDE_API_TOKEN", "job-token"),
        Secret("NAMED", "inner"),
        Secret("NAMED", "outer"),
        Secret("GONE", ""),
    ]
    assert {s.value for s in secrets[8:-1]} == {"p%40ss", "p@ss"}
    assert secrets[-1] == Secret("X_TOKEN", "guessed", guessed=True)


def test_credentials_that_the_worker_stored_are_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").write_text("https://bot:t%2Fken@host\nhttps://bot:other@host/x\n")
    monkeypatch.setenv("REACTORCIDE_VCS_AUTH_DIR", str(tmp_path))
    assert {secret.value for secret in made(tmp_path).secrets} == {"t%2Fken", "t/ken", "other"}


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("A=b", ("A of secrets_file", "b")),
        ("export A=b=c", ("A of secrets_file", "b=c")),
        ("A = b", ("A of secrets_file", " b")),
        ("dG9rZW4=", ("value 1 of secrets_file", "dG9rZW4=")),
        ("dG9rZW4==", ("value 1 of secrets_file", "dG9rZW4==")),
        ("a-b=c", ("value 1 of secrets_file", "a-b=c")),
        ("just a value", ("value 1 of secrets_file", "just a value")),
    ],
)
def test_lines_of_a_secrets_file(tmp_path: Path, line: str, entry: tuple[str, str]) -> None:
    (tmp_path / "secrets").write_text(f"# comment\n\n{line}\r\n")
    assert made(tmp_path, secrets_file=str(tmp_path / "secrets")).secrets == [Secret(*entry)]


def test_a_secrets_file_may_be_a_pipe(tmp_path: Path) -> None:
    """As in `--secrets-file <(vault …)`: it can be read once only."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("A=piped-value\n",))
    writer.start()
    result = made(tmp_path, secrets_file=str(tmp_path / "pipe"))
    writer.join()
    assert result.variables == {"A": "piped-value"}
    assert result.secrets == [Secret("A of secrets_file", "piped-value")]


def test_bytes_that_are_no_utf8_survive(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_bytes(b"A=\xff\xfe-secret\n")
    assert made(tmp_path, secrets_file=str(tmp_path / "secrets")).variables["A"] == "\udcff\udcfe-secret"


@pytest.mark.parametrize("job_env", ["A", "=x", "1A=x", "A B=x", "ok=1\nA-B=x"])
def test_lines_that_assign_nothing(tmp_path: Path, job_env: str) -> None:
    with pytest.raises(ConfigError, match=r"job_env \(command line, --job-env\): line \d is not NAME=VALUE") as caught:
        made(tmp_path, job_env=job_env)
    assert "x" not in str(caught.value).replace("NAME", "")


def test_settings_whose_names_look_secret_are_none(tmp_path: Path) -> None:
    environ = {
        "REACTORCIDE_SECRET_ENV_NAMES": "DEPLOY_TOKEN",
        "REACTORCIDE_SECRET_DIR": "/run/secrets",
        "MY_SECRET_X": "y",
    }
    assert [secret.name for secret in made(tmp_path, environ).secrets] == ["DEPLOY_TOKEN", "MY_SECRET_X"]


def test_the_command_files_of_the_service_are_for_jobs_that_were_given_them(tmp_path: Path) -> None:
    files = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
    environ = {**dict.fromkeys(files, "/x"), "GITHUB_SHA": "1"}
    assert made(tmp_path, environ).variables == {"GITHUB_SHA": "1"}
    given = made(tmp_path, environ, job_env="GITHUB_OUTPUT=/x\n").variables
    assert given == {"GITHUB_SHA": "1", "GITHUB_OUTPUT": "/x"}
