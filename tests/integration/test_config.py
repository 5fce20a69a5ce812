"""`runnerlib config` as a real process."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli import runnerlib

FILE = """
job_timeout: 600
secret_values_list: [correct-horse-battery]
profiles:
  nightly: {job_timeout: 7200, secret_values_list: [hunter2-hunter2]}
"""


def explained(tmp_path: Path, key: str, *args: str, **env: str) -> list[str]:
    (tmp_path / "ci.yaml").write_text(FILE)
    done = runnerlib("config", "--config", "ci.yaml", "--explain", key, *args, cwd=tmp_path, **env)
    assert (done.code, done.err) == (0, "")
    return done.out.decode().splitlines()


def test_every_layer_is_shown_and_the_winner_named(tmp_path: Path) -> None:
    lines = explained(tmp_path, "job_timeout", "--profile", "nightly", REACTORCIDE_JOB_TIMEOUT="7")
    assert lines == [
        "setting             job_timeout",
        "meaning             seconds the job may take",
        "spelled             --job-timeout, REACTORCIDE_JOB_TIMEOUT, job_timeout: in a file",
        "environment         7.0  (REACTORCIDE_JOB_TIMEOUT)  <- wins",
        "profile             7200.0  (ci.yaml: profiles.nightly.job_timeout)",
        "configuration file  600.0  (ci.yaml: job_timeout)",
        "default             -",
    ]


def test_the_default_wins_when_nothing_else_is_there(tmp_path: Path) -> None:
    assert explained(tmp_path, "grace_period")[-1] == "default  5.0  <- wins"


def test_secrets_of_every_layer_are_hidden(tmp_path: Path) -> None:
    """Secrets of a layer that lost are hidden as well: what is no secret here may be one there."""
    env = {"REACTORCIDE_SECRET_VALUES_LIST": "swordfish-swordfish"}
    lines = explained(tmp_path, "--secrets-list", "--profile", "nightly", **env)
    assert [line.split("  (")[0].split() for line in lines[3:6]] == [
        ["environment", "[REDACTED]"],
        ["profile", "[REDACTED]"],
        ["configuration", "file", "[REDACTED]"],
    ]


def test_a_value_that_a_higher_layer_makes_secret(tmp_path: Path) -> None:
    lines = explained(tmp_path, "source_url", DEPLOY_TOKEN="swordfish", REACTORCIDE_SOURCE_URL="/x/swordfish")
    assert "/x/[REDACTED]" in lines[3]


def test_credentials_of_a_url_that_lost_are_hidden(tmp_path: Path) -> None:
    url = "https://user:swordfish@host/x"
    lines = explained(tmp_path, "source-url", "--source-url", "/y", REACTORCIDE_SOURCE_URL=url)
    assert "swordfish" not in "".join(lines)


def test_an_unknown_key(tmp_path: Path) -> None:
    done = runnerlib("config", "--explain", "job_timeot", cwd=tmp_path)
    assert done.code == 2
    assert done.err.startswith("error: unknown setting 'job_timeot' (")
    assert done.err.endswith("did you mean 'job_timeout'?\n")


def test_what_the_ci_source_may_still_say_is_noted(tmp_path: Path) -> None:
    args = ("--ci-source-type", "git", "--ci-source-url", "u")
    assert explained(tmp_path, "job_timeout", *args)[-1].startswith("note ")
    assert not explained(tmp_path, "work_dir", *args)[-1].startswith("note ")


def test_a_reference_is_shown_and_nobody_is_asked(tmp_path: Path) -> None:
    done = runnerlib("config", "--job-env", "DEPLOY_TOKEN=${secret:ci/deploy:token}", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "DEPLOY_TOKEN=${secret:ci/deploy:token}" in done.out.decode()


def test_a_missing_secret_is_named_although_its_variable_looks_secret(tmp_path: Path) -> None:
    args = ("--secret-providers", "env", "--job-env", "DEPLOY_TOKEN=${secret:ci/deploy:token}")
    done = runnerlib("validate", *args, "--", "true", cwd=tmp_path)
    assert done.err == "error: job_env: DEPLOY_TOKEN: there is no secret 'ci/deploy:token' (providers: env)\n"
