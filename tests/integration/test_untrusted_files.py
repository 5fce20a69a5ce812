"""Files of an untrusted source refer to no secret, unless a setting of the caller allows it by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from runnerlib import run_workflow
from runnerlib.errors import ConfigError
from tests.engine.harness import Recorder
from tests.integration.cli import Done, runnerlib
from tests.looped import assert_each
from tests.source.repository import git

SECRET = "swordfish-swordfish"
ENV = {"SECRET_CI__TOKEN": SECRET, "SECRET_CI__OTHER": "battery-staple-1", "REACTORCIDE_SECRET_PROVIDERS": "env"}
FORK = {"REACTORCIDE_IS_FORK_PR": "true"}
SHOW = "echo ${#T}"
STEP = {"name": "s", "run": SHOW}
REF = "${secret:ci:token}"
REFUSED = "error: '{}' is not trusted, so it must not refer to the secret 'ci:token'; "
REFUSED += "the setting untrusted_secrets can allow it\n"

JOBS = {
    "of the job": {"job": {"env": {"T": REF}, "steps": [STEP]}},
    "of a step": {"job": {"steps": [{**STEP, "env": {"T": f"x{REF}"}}]}},
    "flat": {"command": SHOW, "environment": {"T": REF}},
    "of a setting": {"job": {"steps": [STEP]}, "source": {"type": "none", "ref": REF}},
}
FLOWS = {
    "of the job": {"jobs": {"a": {"command": SHOW, "env": {"T": REF}}}},
    "of a step": {"jobs": {"a": {"steps": [{**STEP, "env": {"T": REF}}]}}},
    "of an item": {"jobs": {"a": {"command": SHOW, "for_each": [REF], "item_var": "T"}}},
    "of a matrix": {"jobs": {"a": {"command": SHOW, "matrix": {"t": [REF]}}}},
    "of a setting": {"jobs": {"a": {"command": SHOW, "source_type": "copy", "source_url": REF}}},
}


def run(tmp_path: Path, option: str, file: str, *words: str, **env: str) -> Done:
    return runnerlib("run", option, file, *words, cwd=tmp_path, **{**ENV, **env})


def put(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_each_kind_of_reference_in_each_kind_of_file(tmp_path: Path) -> None:
    def refused(option: str, content: object) -> None:
        put(tmp_path / "job/src/file.yaml", content)
        for name in ("source:file.yaml", "job/src/file.yaml"):
            for more in (FORK, {"REACTORCIDE_CI_SOURCE_DIR": "/job/ci"}):
                done = run(tmp_path, option, name, "--dry-run", **more)
                where = name if option == "--job-file" or not name.startswith("source:") else None
                where = where or str(tmp_path / "job/src/file.yaml")
                assert (done.code, done.out, done.err) == (78, b"", REFUSED.format(where)), (name, more)

    cases = [("--job-file", content) for content in JOBS.values()]
    assert_each(refused, [*cases, *(("--workflow-file", content) for content in FLOWS.values())])


def test_what_is_allowed_by_name_and_files_that_are_trusted(tmp_path: Path) -> None:
    put(tmp_path / "job/src/job.yaml", JOBS["of the job"])
    put(tmp_path / "job.yaml", JOBS["of the job"])
    shown = ("--output", "raw")
    allowed = {"REACTORCIDE_UNTRUSTED_SECRETS": "ci:other, ci:token"}
    for file, env in (("source:job.yaml", {**FORK, **allowed}), ("source:job.yaml", {}), ("job.yaml", FORK)):
        done = run(tmp_path, "--job-file", file, *shown, **env)
        assert (done.code, done.out) == (0, b"19\n"), (file, env, done.err)
    done = run(tmp_path, "--job-file", "source:job.yaml", "--untrusted-secrets", "ci:other", **FORK)
    assert done.err == REFUSED.format("source:job.yaml")
    done = run(tmp_path, "--job-file", "source:job.yaml", "--untrusted-secrets", "token", **FORK)
    assert (
        "untrusted_secrets (command line, --untrusted-secrets): 'token' is not PATH:KEY, as in a reference to a secret"
        in done.err
    )


def test_files_that_steps_may_have_written(tmp_path: Path) -> None:
    """Anything in the workspace: as a job file that an earlier step has left among the artifacts."""
    put(tmp_path / "job/artifacts/made.yaml", JOBS["of the job"])
    put(tmp_path / "job/ci/job.yaml", JOBS["of the job"])
    ci = {"REACTORCIDE_CI_SOURCE_DIR": "/job/ci"}
    for env in (FORK, ci):
        done = run(tmp_path, "--job-file", "job/artifacts/made.yaml", "--dry-run", **env)
        assert done.err == REFUSED.format("job/artifacts/made.yaml")
    assert run(tmp_path, "--job-file", "job/ci/job.yaml", "--dry-run", **FORK).code == 78
    assert run(tmp_path, "--job-file", "job/ci/job.yaml", "--dry-run", **ci).code == 0


def test_a_link_out_of_the_source_and_one_into_it_are_of_the_source(tmp_path: Path) -> None:
    put(tmp_path / "job/src/job.yaml", JOBS["of the job"])
    put(tmp_path / "outside.yaml", JOBS["of the job"])
    (tmp_path / "into.yaml").symlink_to("job/src/job.yaml")
    (tmp_path / "job/src/out.yaml").symlink_to(tmp_path / "outside.yaml")
    for name in ("into.yaml", "job/src/out.yaml"):
        done = run(tmp_path, "--job-file", name, "--dry-run", **FORK)
        assert (done.code, done.err) == (78, REFUSED.format(name))


def test_files_of_settings_in_the_source(tmp_path: Path) -> None:
    (tmp_path / "job/src").mkdir(parents=True)
    (tmp_path / "job/src/env").write_text(f"T={REF}\n")
    for option, shown in (("--job-env", "./job/src/env"), ("--secret-values-list", "[REDACTED]")):
        done = run(tmp_path, option, "./job/src/env", "--job-command", SHOW, **FORK)
        assert (done.code, done.err) == (78, REFUSED.format(shown)), option
    done = run(tmp_path, "--job-env", "./job/src/env", "--job-command", SHOW)
    assert (done.code, done.out) == (0, b"19\n")


def repository(place: Path, content: dict[str, object]) -> Path:
    place.mkdir()
    git(place, "init", "--quiet", "--initial-branch=main")
    for name, value in content.items():
        put(place / name, value)
    git(place, "add", ".")
    git(place, "commit", "--quiet", "--message", "x")
    return place


def test_beside_a_ci_source_that_brings_the_trusted_file(tmp_path: Path) -> None:
    """The file of the CI source refers to what it likes; that of the source is refused when both are there."""
    source = repository(tmp_path / "fork", {"job.yaml": JOBS["of a step"]})
    ci = repository(
        tmp_path / "trusted",
        {"job.yaml": JOBS["of a step"], ".reactorcide/runnerlib.yaml": {"job_timeout": 1000}},
    )
    words = ("--git-url", str(source), "--ci-source-type", "git", "--ci-source-url", str(ci), "--cache-dir", "none")
    done = run(tmp_path, "--job-file", "source:job.yaml", *words)
    assert done.code == 78, done
    assert done.err.endswith(REFUSED.format("source:job.yaml"))
    assert b"\n19\n" not in done.out
    done = run(tmp_path, "--job-file", "job/ci/job.yaml", *words, "--output", "raw")
    assert (done.code, done.out) == (0, b"20\n"), done.err


def test_a_ci_source_cannot_allow_it(tmp_path: Path) -> None:
    ci = repository(tmp_path / "trusted", {".reactorcide/runnerlib.yaml": {"untrusted_secrets": ["ci:token"]}})
    words = ("--ci-source-type", "git", "--ci-source-url", str(ci), "--cache-dir", "none", "--job-command", "true")
    done = runnerlib("run", *words, cwd=tmp_path, **ENV)
    assert done.code == 78
    assert "untrusted_secrets" in done.err


def test_a_program_that_names_a_workflow_file(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    for name, value in {**ENV, **FORK}.items():
        monkeypatch.setenv(name, value)
    put(tmp_path / "job/src/flow.yaml", FLOWS["of the job"])
    call: Callable[[], object] = lambda: run_workflow("job/src/flow.yaml", observer=Recorder())  # noqa: E731
    try:
        call()
    except ConfigError as error:
        assert f"error: {error}\n" == REFUSED.format("job/src/flow.yaml")
    else:
        raise AssertionError("it was run")


def test_what_a_job_hands_on_is_no_reference(tmp_path: Path) -> None:
    """An output, or a variable of the workflow, is what somebody's code has printed: nothing is fetched for it."""
    give = "echo 'x=$''{secret:ci:token}' >> $RUNNERLIB_OUTPUT"
    take = 'echo "${#RUNNERLIB_OUTPUT_GIVE_X}"'
    put(tmp_path / "flow.yaml", {"jobs": {"give": {"command": give}, "take": {"needs": "give", "command": take}}})
    done = run(tmp_path, "--workflow-file", "flow.yaml", "--output", "raw")
    assert (done.code, done.out) == (0, b"18\n"), done.err
