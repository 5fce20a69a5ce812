"""Secrets of `runnerlib run` as a real process: where they come from, and that nothing shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli import RUNNERLIB, runnerlib

SECRET = "correct-horse-battery"


@pytest.mark.parametrize(
    ("args", "env"),
    [
        (["--secret-values-list", f"other,{SECRET}"], {}),
        (["--secrets-list", SECRET], {}),
        ([], {"REACTORCIDE_SECRET_VALUES_LIST": SECRET}),
        ([], {"REACTORCIDE_SECRETS_LIST": SECRET}),
        (["--secrets-file", "secrets"], {}),
        (["--secret-env-names", "PLAIN_NAME"], {"PLAIN_NAME": SECRET}),
        (["--secret-env-names", "A,PLAIN_NAME", "--job-env", f"PLAIN_NAME={SECRET}"], {"A": "12345"}),
        ([], {"REACTORCIDE_API_TOKEN": SECRET}),
        ([], {"DEPLOY_TOKEN": SECRET}),
        ([], {"my_db_password": SECRET}),
        (["--job-env", f"AWS_SECRET_ACCESS_KEY={SECRET}"], {}),
        (["--secret-env-patterns", "PL*"], {"PLAIN_NAME": SECRET}),
    ],
)
def test_where_secrets_come_from(tmp_path: Path, args: list[str], env: dict[str, str]) -> None:
    (tmp_path / "secrets").write_text(f"# secrets\nDB={SECRET}\n")
    command = f"printf 'a {SECRET} b'; printf %s correct-; printf horse-battery >&2"
    done = runnerlib("run", *args, "--job-command", command, cwd=tmp_path, **env)
    assert done == (
        0,
        b"a [REDACTED] b[REDACTED]",
        "runnerlib: $ printf 'a [REDACTED] b'; printf %s correct-; printf horse-battery >&2\n",
    )


def test_a_secrets_file_is_exported_to_the_job(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text(f"DB_PASS={SECRET}\nexport OTHER=x-y-z\ndG9rZW4tdmFsdWU=\n")
    done = runnerlib(
        "run", "--secrets-file", "secrets", "--job-command", 'test "$DB_PASS" = correct-h""orse-battery && '
        'echo "$OTHER" dG9rZW4tdmFsdWU=', cwd=tmp_path,
    )  # fmt: skip
    assert done.out == b"[REDACTED] [REDACTED]\n"


def test_lists_of_secrets_are_withheld_from_the_job(tmp_path: Path) -> None:
    done = runnerlib(
        "run", "--job-command", "env | grep -c SECRET_VALUES", cwd=tmp_path, REACTORCIDE_SECRET_VALUES_LIST="abc-def"
    )
    assert done.out == b"0\n"


def test_what_is_not_masked_is_said_by_name(tmp_path: Path) -> None:
    done = runnerlib(
        "run", "--secret-values-list", "ok-secret,ab", "--secret-env-names", "EMPTY,NONE", "--", "true", cwd=tmp_path,
        APP_TOKEN="short", DEPLOY_ENV_KEY="production", EMPTY="",
    )  # fmt: skip
    assert done.err == (
        "runnerlib: warning: secret value 2 of secret_values_list is not masked: it has 2 bytes, secret_min_length is 3\n"  # noqa: E501
        "runnerlib: warning: secret EMPTY is not masked: it is empty or not set\n"
        "runnerlib: warning: secret NONE is not masked: it is empty or not set\n"
        "runnerlib: warning: secret APP_TOKEN is not masked: it has 5 bytes, secret_env_min_length is 6\n"
        "runnerlib: warning: secret DEPLOY_ENV_KEY is not masked: it is an everyday word\n"
        "runnerlib: $ true\n"
    )


def test_the_marker_can_be_chosen(tmp_path: Path) -> None:
    done = runnerlib("run", "--mask-marker", "***", "--secrets-list", "abc", "--", "echo", "xabcx", cwd=tmp_path)
    assert done.out == b"x***x\n"


@pytest.mark.parametrize(
    "args",
    [
        ["run", "--dry-run", "--job-command", f"echo {SECRET}"],
        ["config", "--job-command", f"echo {SECRET}", "--job-env", f"A={SECRET}"],
        ["config", "--secret-values-list", f"{SECRET},abc"],
        ["validate", "--job-dir", f"/{SECRET}", "--", "true"],
        ["run", "--source-type", SECRET, "--", "true"],
        ["run", f"--{SECRET}"],
        [SECRET],
        ["--debug", "run", "--config", f"/{SECRET}"],
        ["run", "--", f"/bin/{SECRET}"],
        ["run", "--git-url", f"/nowhere/{SECRET}", "--", "true"],
        ["run", "--git-url", f"https://user:{SECRET}@localhost:1/x", "--", "true"],
        ["config", "--git-url", f"https://user:{SECRET}@localhost:1/x"],
    ],
)
def test_no_word_of_the_runner_shows_a_secret(tmp_path: Path, args: list[str]) -> None:
    done = runnerlib(*args, cwd=tmp_path, DEPLOY_TOKEN=SECRET)
    assert SECRET not in done.out.decode() + done.err
    assert "[REDACTED]" in done.out.decode() + done.err or "***@" in done.err


def test_secrets_of_the_command_line_are_masked_in_its_errors(tmp_path: Path) -> None:
    for args in (["--secret-values-list", SECRET], [f"--secret-values-list={SECRET}"], ["--secrets-list", SECRET]):
        done = runnerlib("run", *args, "--config", f"/{SECRET}", cwd=tmp_path)
        assert done.err == ("error: cannot read the configuration file '/[REDACTED]': No such file or directory\n")


def test_debug_shows_a_masked_traceback(tmp_path: Path) -> None:
    done = runnerlib("--debug", "run", "--job-dir", f"/{SECRET}", "--", "true", cwd=tmp_path, MY_TOKEN=SECRET)
    assert done.code == 78
    assert done.err.startswith("Traceback")
    assert SECRET not in done.err
    assert "runnerlib.errors.PathError: job_dir" in done.err


def test_a_job_registers_secrets_while_it_runs(tmp_path: Path) -> None:
    """Through both clients; what was acknowledged is hidden in the next write, in other forms too."""
    command = f"""
        PATH={RUNNERLIB.parent}:$PATH
        printf %s minted-token-1 | runnerlib register-secret
        printf %s minted-token-2 > token; python3 -m runnerlib.register_secret --file token
        echo minted-token-1 minted-token-2; printf %s minted-token-1 | base64
    """
    done = runnerlib("run", "--job-command", command, cwd=tmp_path, TMPDIR=str(tmp_path))
    assert (done.code, done.out) == (0, b"[REDACTED] [REDACTED]\n[REDACTED]=\n")
    assert [path.name for path in tmp_path.iterdir()] == ["job"]
