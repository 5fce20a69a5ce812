"""Caches of jobs and steps, and steps that are up to date, as runs use them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runnerlib import Cache, Job, JobResult, Step, Workflow, execute, run_workflow
from runnerlib.events import Event, Notice, Warned
from tests.integration.cli import runnerlib


class Heard:
    """Keeps the lines of the runner."""

    congested = False

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.warnings: list[str] = []

    def observe(self, event: Event) -> None:
        if isinstance(event, Notice):
            self.notices.append(event.text)
        elif isinstance(event, Warned):
            self.warnings.append(event.text)

    async def drain(self) -> None:
        """Be ready at any time."""


Run = Callable[..., tuple[JobResult, Heard]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "src").mkdir()

    def run(job: Job, **settings: Any) -> tuple[JobResult, Heard]:
        heard = Heard()
        settings = {"cache_dir": str(tmp_path / "cache"), **settings}
        return execute(job, source_dir=tmp_path / "src", workspace=tmp_path / "job", observer=heard, **settings), heard

    return run


FETCH = """
if [ -e deps/x ]; then found=yes; else mkdir deps; echo new >deps/x; found=no; fi
echo "found=$found" >>$RUNNERLIB_OUTPUT
"""


def fetching(**keys: Any) -> Job:
    return Job("job", [Step("fetch", FETCH)], cache=Cache("deps-${checksum('*.lock')}", ["deps"], **keys))


def found(result: JobResult) -> str:
    assert result.success, result.reason
    return result.step("fetch").outputs["found"]


def test_a_cache_is_restored_by_its_key(run: Run, tmp_path: Path) -> None:
    (tmp_path / "src/a.lock").write_text("1")
    result, heard = run(fetching())
    assert found(result) == "no"
    assert heard.notices[0].endswith("there is no entry yet")
    assert "saved" in heard.notices[-1]
    assert heard.warnings == []
    shutil.rmtree(tmp_path / "src/deps")
    result, heard = run(fetching())
    assert found(result) == "yes"
    assert [line.rpartition(": ")[2] for line in heard.notices] == ["restored"]
    (tmp_path / "src/a.lock").write_text("2")
    shutil.rmtree(tmp_path / "src/deps")
    assert found(run(fetching())[0]) == "no"


def test_restore_keys_take_the_newest(run: Run, tmp_path: Path) -> None:
    (tmp_path / "src/a.lock").write_text("1")
    run(fetching(restore_keys=["deps-"]))
    (tmp_path / "src/a.lock").write_text("2")
    shutil.rmtree(tmp_path / "src/deps")
    result, heard = run(fetching(restore_keys="deps-"))
    assert found(result) == "yes"
    assert "restored from 'deps-" in heard.notices[0]
    assert "saved" in heard.notices[-1]


def test_what_fails_saves_nothing(run: Run, tmp_path: Path) -> None:
    job = Job("job", [Step("a", "mkdir deps; echo x >deps/x; false")], cache=Cache("k", ["deps"]))
    run(job)
    assert not list((tmp_path / "cache/files").iterdir())


def test_a_cache_never_makes_a_job_fail(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no directory")
    result, heard = run(fetching())
    assert found(result) == "no"
    assert heard.warnings[-1].startswith("caches are not used: ")
    shutil.rmtree(tmp_path / "src/deps")
    job = Job("job", [Step("fetch", f"{FETCH}mkfifo deps/pipe")], cache=Cache("k", ["deps"]))
    result, heard = run(job, cache_dir=str(tmp_path / "other"))
    assert result.success
    assert heard.warnings[-1].startswith("cache 'k': it is not saved: 'pipe': ")


@pytest.mark.parametrize(
    ("settings", "environ"),
    [
        ({}, {"REACTORCIDE_IS_FORK_PR": "true", "REACTORCIDE_PR_NUMBER": "7"}),
        ({"step": {"untrusted": True}}, {}),
    ],
    ids=["a change from a fork", "an untrusted step"],
)
def test_untrusted_runs_share_nothing_with_trusted_ones(
    run: Run, tmp_path: Path, settings: dict[str, Any], environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def job(**keys: Any) -> Job:
        return Job("job", [Step("fetch", FETCH, **keys)], cache=Cache("k", ["deps"]))

    outcomes = []
    for keys, variables in ((settings.get("step", {}), environ), ({}, {}), (settings.get("step", {}), environ)):
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            outcomes.append(found(run(job(**keys))[0]))
        shutil.rmtree(tmp_path / "src/deps")
    assert outcomes == ["no", "no", "yes"]


def test_a_step_has_caches_of_its_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "src/below").mkdir()
    step = Step("fetch", FETCH, working_dir="below", cache=[Cache("k", "deps")])
    assert found(run(Job("job", [step]))[0]) == "no"
    shutil.rmtree(tmp_path / "src/below/deps")
    result, heard = run(Job("job", [step]))
    assert found(result) == "yes"
    assert heard.notices == ["step 'fetch': cache 'k': restored"]


def test_a_key_holds_no_secret(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "verysecretvalue")
    job = Job("job", [Step("fetch", FETCH)], cache=Cache("${env.DEPLOY_TOKEN}", ["deps"]))
    result, heard = run(job)
    assert result.success
    assert any("would hold a secret" in line for line in heard.warnings)
    assert not list((tmp_path / "cache/files").iterdir())


def building(command: str = "", **keys: Any) -> Job:
    run = f'mkdir -p out; cat in/* >out/all; echo ran >>../log; echo "size=3" >>$RUNNERLIB_OUTPUT; {command}'
    build = Step("build", run, sources=["in/**", "!**/*.tmp"], generates=["out/**"], **keys)
    return Job("job", [build, Step("use", 'test "$RUNNERLIB_OUTPUT_BUILD_SIZE" = 3 && cat out/all')])


def test_a_step_is_skipped_while_its_sources_stay(run: Run, tmp_path: Path) -> None:
    (tmp_path / "src/in").mkdir()
    source, made, log = tmp_path / "src/in/a", tmp_path / "src/out/all", tmp_path / "log"

    def again(reason: str, runs: int, **settings: Any) -> None:
        job = settings.pop("job", building())
        result, heard = run(job, **settings)
        assert (result.success, result.step("build").reason, log.read_text().count("ran")) == (True, reason, runs)
        assert heard.warnings == []
        assert made.read_text() == source.read_text()

    source.write_text("1")
    again("", 1)
    again("up to date: its sources have not changed", 1)
    (tmp_path / "src/in/x.tmp").write_text("of no account")
    again("up to date: its sources have not changed", 1)
    (tmp_path / "src/in/x.tmp").unlink()
    restored = "up to date: its sources have not changed, and what it generates is restored (1 file)"
    shutil.rmtree(tmp_path / "src/out")
    again(restored, 1)
    made.write_text("spoilt")
    again(restored, 1)
    source.write_text("2")
    again("", 2)
    source.write_text("1")
    again(restored, 2)
    again("", 3, force=True)
    again("up to date: its sources have not changed", 3)
    again("", 4, job=building(env={"A": "1"}))
    again("", 5, job=building("true"))


def test_what_cannot_be_told_runs_every_time(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "verysecretvalue")
    (tmp_path / "src/in").mkdir()
    (tmp_path / "src/in/a").write_text("1")
    for command, told in (
        ('echo "key=$DEPLOY_TOKEN" >>$RUNNERLIB_OUTPUT', "it hands on a secret"),
        ("echo more >>in/a", "its sources have changed while it ran"),
    ):
        for _ in range(2):
            result, heard = run(building(command))
            assert result.step("build").attempts == 1
            assert any(told in line for line in heard.warnings), heard.warnings
    shutil.rmtree(tmp_path / "src/in")
    job = Job("job", [Step("a", "true", sources="nothing/**")])
    for _ in range(2):
        result, heard = run(job)
        assert (result.step("a").attempts, heard.warnings) == (1, ["step 'a': sources: no file matches 'nothing/**'"])


def test_a_resumed_run_keeps_what_was_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a").write_text("1")
    (tmp_path / "job.yaml").write_text("""
job:
  steps:
    - {name: build, run: 'echo "size=3" >>$RUNNERLIB_OUTPUT', sources: in/**}
    - {name: after, run: 'echo after $RUNNERLIB_OUTPUT_BUILD_SIZE'}
    - {name: last, run: 'test -e mended'}
""")
    settings = ("run", "--job-file", "job.yaml", "--here", "--cache-dir", "cache", "--output", "json")
    for _ in range(2):
        assert runnerlib(*settings, cwd=tmp_path).code == 1
    (tmp_path / "mended").touch()
    (tmp_path / "in/a").write_text("2")
    done = runnerlib(*settings, "--resume", cwd=tmp_path)
    ends = [event for line in done.out.splitlines() if (event := json.loads(line))["type"] == "step_finished"]
    assert [(end["step"], end["reason"]) for end in ends] == [
        ("build", "done in an earlier run"),
        ("after", "done in an earlier run"),
        ("last", ""),
    ]


def test_jobs_of_workflows_have_caches(tmp_path: Path) -> None:
    work = Workflow("ci")
    work.add_job("fetch", FETCH, outputs=["found"], cache=Cache("k-${job}", ["deps"]))
    outcomes = []
    for number in range(2):
        result = run_workflow(
            work, workspace=tmp_path / str(number), observer=Heard(), cache_dir=str(tmp_path / "cache")
        )
        outcomes.append(result.job("fetch").outputs["found"])
    assert outcomes == ["no", "yes"]


@pytest.mark.parametrize("further", [(), ("p-", "${env.NOTHING}")])
def test_an_empty_key_names_nothing(run: Run, further: tuple[str, ...]) -> None:
    """Neither the first of the further keys nor the empty text, with which every key begins, takes its place."""
    job = Job("job", [Step("fetch", FETCH)], cache=Cache("${env.NOTHING}", ["deps"], restore_keys=further))
    result, heard = run(job)
    assert result.success
    assert any("its key is empty here" in line for line in heard.warnings)
    assert not heard.notices
