"""The settings that a CI source brings to `runnerlib run`, and those that an untrusted source does not."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli import runnerlib

SETTINGS = """
job_env: {GREETING: "hello ${secret:ci:name}", LATE_TOKEN: swordfish-swordfish}
secret_env_names: [GREETING]
secret_providers: [env]
profiles: {short: {job_timeout: 0.2}}
"""


def source(directory: Path, settings: str | None = None) -> str:
    (directory / ".reactorcide").mkdir(parents=True)
    (directory / "file").write_text("")
    if settings is not None:
        (directory / ".reactorcide/runnerlib.yaml").write_text(settings)
    return str(directory)


def run(tmp_path: Path, *args: str, ci: str | None = SETTINGS, own: str | None = None, command: str = "true"):
    sources = ["--source-type", "copy", "--source-url", source(tmp_path / "source", own)]
    if ci is not None:
        sources += ["--ci-source-type", "copy", "--ci-source-url", source(tmp_path / "ci", ci)]
    return runnerlib("run", *sources, *args, "--job-command", command, cwd=tmp_path, SECRET_CI__NAME="world")


def test_they_reach_the_job_and_their_secrets_are_masked(tmp_path: Path) -> None:
    done = run(tmp_path, command='echo "$GREETING"; echo "$LATE_TOKEN" world; test "$GREETING" = "hello wor""ld"')
    assert (done.code, done.out) == (0, b"[REDACTED]\n[REDACTED] [REDACTED]\n")


def test_the_caller_wins(tmp_path: Path) -> None:
    done = run(
        tmp_path, "--job-env", "GREETING=mine", command='echo "$GREETING"', ci=SETTINGS.replace("secret_env", "#")
    )
    assert done.out == b"mine\n"


def test_a_profile_of_it_is_chosen_by_the_caller(tmp_path: Path) -> None:
    done = run(tmp_path, "--profile", "short", command="sleep 60")
    assert done.code == 124


def test_a_profile_that_nobody_has(tmp_path: Path) -> None:
    done = run(tmp_path, "--profile", "shirt", command="touch started")
    assert done.code == 78
    assert "unknown profile 'shirt'; did you mean 'short'?" in done.err
    assert not (tmp_path / "job/src/started").exists()


def test_what_is_used_before_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    done = run(tmp_path, ci="ci_source_url: /elsewhere\nwork_dir: /\n", command="touch started")
    assert done.code == 78
    assert "ci_source_url is used before the CI source is there" in done.err
    assert "work_dir is used before the CI source is there" in done.err
    assert not (tmp_path / "job/src").exists(), "the untrusted source was not prepared"


def test_a_missing_secret_of_it_stops_the_run(tmp_path: Path) -> None:
    done = run(tmp_path, ci="secret_providers: env\njob_env: {A: '${secret:no:such}'}", command="touch started")
    assert (done.code, done.err.splitlines()[-1]) == (
        78,
        "error: job_env: A: there is no secret 'no:such' (providers: env)",
    )
    assert not (tmp_path / "job/src").exists()


def test_the_untrusted_source_brings_none(tmp_path: Path) -> None:
    own = "job_env: {GREETING: mine}\nnonsense: [\n"
    done = run(tmp_path, ci=None, own=own, command='echo "x$GREETING"')
    assert (done.code, done.out) == (0, b"x\n")


def test_neither_does_it_beside_a_ci_source_without_a_file(tmp_path: Path) -> None:
    done = run(tmp_path, ci="", own="job_env: {GREETING: mine}", command='echo "x$GREETING"')
    assert (done.code, done.out) == (0, b"x\n")
