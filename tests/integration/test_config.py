"""`runnerlib config` as a real process."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

from runnerlib.cli import _config_values as values
from runnerlib.config import SETTINGS, RunnerConfig
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
        "environment         7 s  (REACTORCIDE_JOB_TIMEOUT)  <- wins",
        "profile             2 h  (ci.yaml: profiles.nightly.job_timeout)",
        "configuration file  10 min  (ci.yaml: job_timeout)",
        "default             -",
    ]


def test_the_default_wins_when_nothing_else_is_there(tmp_path: Path) -> None:
    assert explained(tmp_path, "grace_period")[-1] == "default  5 s  <- wins"


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
    assert done.code == 78
    assert done.err == "error: unknown setting 'job_timeot'; did you mean 'job_timeout'?\n"


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


def test_only_what_was_changed_in_groups_and_words(tmp_path: Path) -> None:
    args = ("--job-timeout", "5400", "--cache-size", "64M", "--max-line", "off", "--timestamps")
    done = runnerlib("config", "--changed", *args, cwd=tmp_path, REACTORCIDE_API_TOKEN="swordfish-swordfish")
    assert (done.code, done.err) == (0, "")
    assert (
        done.out.decode()
        == """\
Source:
  cache_size  64 MiB  (command line, --cache-size)

Limits:
  job_timeout  1 h 30 min  (command line, --job-timeout)

Output:
  max_line    off  (command line, --max-line)
  timestamps  true  (command line, --timestamps)

Never on the command line:
  api_token  [REDACTED]  (environment, REACTORCIDE_API_TOKEN)
"""
    )
    assert runnerlib("config", "--changed", cwd=tmp_path).out == b"every setting has its default\n"


def test_every_setting_is_in_one_group_with_what_holds(tmp_path: Path) -> None:
    lines = runnerlib("config", cwd=tmp_path, XDG_CACHE_HOME="/cache").out.decode().splitlines()
    rows = dict(line.split(None, 1) for line in lines if line.startswith("  "))
    assert sorted(rows) == sorted(field.name for field in fields(RunnerConfig))
    assert rows["max_parallel"] == f"{os.cpu_count()}  (default)"
    assert rows["job_dir"] == "/job/src  (default)"
    assert rows["triggers"] == "file  (default)"


def test_json(tmp_path: Path) -> None:
    secret = 'sword"fish\\sword'
    args = ("--job-timeout", "5400", "--job-env", f"DEPLOY_TOKEN={secret}\nB=2")
    found = json.loads(runnerlib("config", "--json", *args, cwd=tmp_path, REACTORCIDE_API_TOKEN=secret).out)
    assert found["job_timeout"] == {"value": 5400.0, "layer": "command line", "spelling": "--job-timeout"}
    assert found["cache_size"] == {"value": 20 << 30, "layer": "default", "spelling": ""}
    assert found["api_token"]["value"] == "[REDACTED]"
    assert found["job_env"]["value"] == "DEPLOY_TOKEN=[REDACTED]\nB=2"
    changed = json.loads(runnerlib("config", "--json", "--changed", *args, cwd=tmp_path).out)
    assert sorted(changed) == ["job_env", "job_timeout"]
    assert runnerlib("config", "--json", "--explain", "job_timeout", cwd=tmp_path).code == 2


def test_times_and_sizes_lose_nothing() -> None:
    times = {
        0: "0 s",
        0.25: "0.25 s",
        90: "1 min 30 s",
        5400: "1 h 30 min",
        1209600: "14 d",
        86461.5: "1 d 1 min 1.5 s",
    }
    assert {seconds: values.duration(seconds) for seconds in times} == times
    size = SETTINGS["cache_size"]
    assert [values.text(size, count) for count in (512, 65536, 65537, 1537 << 20)] == [
        "512 B",
        "64 KiB",
        "65537 B",
        "1537 MiB",
    ]
    assert values.text(size, 1536 << 20) == "1.5 GiB"
