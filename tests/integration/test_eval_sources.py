"""`runnerlib eval` as a coordinator starts it: an empty workspace, and variables that only name the sources.

Real servers give the sources away; what follows is what follows from directories that were prepared by hand.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.integration.cli import Done, runnerlib, started
from tests.source.repository import git
from tests.source.smart_http import QUOTED, Server, serving

PUSH = "name: push\non: [push]\npaths: {include: [src/**]}\njobs: {build: {job_file: build.yaml}}\n"
PULL = """
name: pull
on: [pull_request_opened, pull_request_updated]
paths: {include: [src/**]}
jobs: {check: {command: make check}, docs: {command: make docs, condition: 'changed("docs/**")'}}
"""
MERGED = "name: merged\non: {events: [pull_request_merged], branches: [main]}\njobs: {deploy: {command: ./deploy}}\n"
TAG = "name: tag\non: {events: [tag_created], branches: ['v*']}\njobs: {publish: {command: ./publish}}\n"
FILES = {
    ".reactorcide/workflows/push.yaml": PUSH,
    ".reactorcide/workflows/pull.yaml": PULL,
    ".reactorcide/workflows/merged.yaml": MERGED,
    ".reactorcide/workflows/tag.yaml": TAG,
    ".reactorcide/jobs/build.yaml": "name: build\njob: {command: make}\n",
    "src/a.py": "one\n",
    "docs/a.md": "one\n",
}


def save(top: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    git(top, "add", "-A")
    git(top, "commit", "-qm", ", ".join(files))
    return git(top, "rev-parse", "HEAD")


class Forge(NamedTuple):
    """A server with a project and a fork of it; `ids` has the commits of the branches."""

    server: Server
    ids: dict[str, str]

    def url(self, name: str, *, secret: bool = False) -> str:
        return self.server.url(f"{'auth' if secret else 'git'}/{name}")


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    root = tmp_path_factory.mktemp("forge")
    work = root / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    ids = {"first": save(work, FILES)}
    git(work, "checkout", "-qb", "fix")
    save(work, {"src/a.py": "two\n"})
    ids["fix"] = save(work, {"src/b.py": "two\n", ".reactorcide/workflows/evil.yaml": TAG})
    git(work, "checkout", "-qb", "words", "main")
    ids["words"] = save(work, {"docs/a.md": "two\n"})
    git(work, "checkout", "-q", "main")
    ids["before"] = save(work, {"README": "one\n"})
    ids["main"] = save(work, {"src/c.py": "one\n"})
    git(work, "tag", "-am", "one", "v1.0")
    git(work, "checkout", "-qb", "merged")
    git(work, "merge", "-q", "--no-ff", "-m", "merge", "fix")
    ids["merge"] = git(work, "rev-parse", "HEAD")
    git(work, "clone", "-q", "--bare", ".", "../project.git")
    git(work, "clone", "-q", "--bare", ".", "../fork.git")
    for branch in ("fix", "words"):
        git(root / "project.git", "update-ref", "-d", f"refs/heads/{branch}")
    git(root / "project.git", "symbolic-ref", "HEAD", "refs/heads/main")
    git(root / "fork.git", "update-ref", "refs/heads/main", ids["first"])
    (root / "plain").mkdir()
    git(root / "plain", "init", "-q", "-b", "main")
    save(root / "plain", {"src/a": "nothing to run"})
    with serving(root) as server:
        yield Forge(server, ids)


def told(**parts: str) -> dict[str, str]:
    return {f"REACTORCIDE_{name}": value for name, value in parts.items()}


def project(forge: Forge, sha: str, **more: str) -> dict[str, str]:
    """Return the variables that a coordinator gives to an evaluation, whatever the event is."""
    url = forge.url("project.git")
    ci = {"CI_SOURCE_TYPE": "git", "CI_SOURCE_URL": url, "CI_SOURCE_REF": forge.ids["main"]}
    known = {"JOB_KIND": "eval", "SOURCE_TYPE": "git", "SOURCE_URL": url, "SOURCE_REF": sha, "SHA": sha, **ci}
    return told(**{**known, **more})


def pull(forge: Forge, kind: str, branch: str, *, fork: bool, **more: str) -> dict[str, str]:
    head = forge.url("fork.git" if fork else "project.git")
    sha = forge.ids[branch]
    known = {
        "EVENT_TYPE": f"pull_request_{kind}",
        "BRANCH": branch,
        "PR_NUMBER": "7",
        "PR_BASE_REF": "main",
        "BASE_URL": forge.url("project.git"),
        "BASE_REF": "main",
        "HEAD_URL": head,
        "HEAD_REF": branch,
        "IS_FORK_PR": "true" if fork else "false",
        "SOURCE_URL": head,
        "DIFF_BASE": forge.ids["first"],
    }
    return project(forge, sha, **{**known, **more})


def evaluated(where: Path, env: dict[str, str]) -> tuple[Done, dict[str, Any] | None]:
    """An evaluation in the workspace `where`/job, and its triggers without what differs each time."""
    done = runnerlib("eval", cwd=where, **env)
    file = where / "job" / "triggers.json"
    if not file.exists():
        return done, None
    message: dict[str, Any] = json.loads(file.read_bytes())
    assert message.pop("operation_id")
    return done, message


def jobs(message: dict[str, Any] | None) -> list[str]:
    return [job["job_name"] for flow in (message or {"workflows": []})["workflows"] for job in flow["jobs"]]


def prepare_by_hand(where: Path, env: dict[str, str]) -> None:
    """Whole clones, as a person would make them for `eval` to find."""
    ci = where / "job" / "ci" / ("base" if "REACTORCIDE_PR_NUMBER" in env else "")
    source = where / "job" / "src"
    for url, ref, top in (("CI_SOURCE_URL", "CI_SOURCE_REF", ci), ("SOURCE_URL", "SHA", source)):
        top.mkdir(parents=True)
        git(top, "clone", "-q", env[f"REACTORCIDE_{url}"], ".")
        git(top, "checkout", "-q", "--detach", env[f"REACTORCIDE_{ref}"])
    if "REACTORCIDE_BASE_URL" in env:
        git(source, "remote", "add", "upstream", env["REACTORCIDE_BASE_URL"])
        git(source, "fetch", "-q", "upstream")


class TestTheSameTriggers:
    def compare(self, tmp_path: Path, env: dict[str, str]) -> list[str]:
        for name in ("hand", "empty"):
            (tmp_path / name / "job").mkdir(parents=True)
        prepare_by_hand(tmp_path / "hand", env)
        by_hand, expected = evaluated(tmp_path / "hand", env)
        fetched, found = evaluated(tmp_path / "empty", env)
        assert (by_hand.code, fetched.code) == (0, 0), by_hand.err + fetched.err
        assert found == expected
        assert "what changed is not known" not in by_hand.err + fetched.err
        return jobs(found)

    def test_push(self, forge: Forge, tmp_path: Path) -> None:
        event = {"EVENT_TYPE": "push", "BRANCH": "main"}
        env = project(forge, forge.ids["main"], **event, DIFF_BASE=forge.ids["before"])
        assert self.compare(tmp_path, env) == ["build"]

    def test_push_of_what_no_filter_is_meant_for(self, forge: Forge, tmp_path: Path) -> None:
        event = {"EVENT_TYPE": "push", "BRANCH": "main"}
        env = project(forge, forge.ids["before"], **event, DIFF_BASE=forge.ids["first"])
        assert self.compare(tmp_path, env) == []

    @pytest.mark.parametrize(("branch", "expected"), [("main", ["build"]), ("before", [])])
    def test_push_without_what_was_there_before(
        self, branch: str, expected: list[str], forge: Forge, tmp_path: Path
    ) -> None:
        env = project(forge, forge.ids[branch], EVENT_TYPE="push", BRANCH="main")
        assert self.compare(tmp_path, env) == expected

    @pytest.mark.parametrize("kind", ["opened", "updated"])
    @pytest.mark.parametrize("based", [True, False], ids=["with the base", "without"])
    def test_pull_request_from_a_fork(self, kind: str, *, based: bool, forge: Forge, tmp_path: Path) -> None:
        env = pull(forge, kind, "fix", fork=True)
        if not based:
            del env["REACTORCIDE_DIFF_BASE"]
        assert self.compare(tmp_path, env) == ["check"]
        empty = tmp_path / "empty" / "job"
        assert git(empty / "ci" / "base", "rev-parse", "HEAD") == forge.ids["main"]
        assert git(empty / "ci" / "head", "rev-parse", "HEAD") == forge.ids["fix"]
        assert git(empty / "src", "rev-parse", "HEAD") == forge.ids["fix"]

    def test_pull_request_without_what_a_filter_is_meant_for(self, forge: Forge, tmp_path: Path) -> None:
        assert self.compare(tmp_path, pull(forge, "opened", "words", fork=True)) == []

    def test_merged(self, forge: Forge, tmp_path: Path) -> None:
        env = pull(forge, "merged", "merge", fork=False, BRANCH="fix", HEAD_REF="fix", DIFF_BASE=forge.ids["main"])
        assert self.compare(tmp_path, env) == ["deploy"]

    def test_tag(self, forge: Forge, tmp_path: Path) -> None:
        env = project(forge, forge.ids["main"], EVENT_TYPE="tag_created", BRANCH="v1.0")
        assert self.compare(tmp_path, env) == ["publish"]


class TestFetching:
    @pytest.fixture
    def push(self, forge: Forge) -> dict[str, str]:
        return project(forge, forge.ids["main"], EVENT_TYPE="push", BRANCH="main", DIFF_BASE=forge.ids["before"])

    def test_as_the_default_command_of_a_coordinator(self, forge: Forge, push: dict[str, str], tmp_path: Path) -> None:
        """The directory it starts in is the one that the source goes to; the types are not told."""
        (tmp_path / "job" / "src").mkdir(parents=True)
        env = {name: value for name, value in push.items() if not name.endswith("_TYPE")}
        env["RUNNERLIB_WORKSPACE"] = str(tmp_path / "job")
        args = ("--event-type", "push", "--branch", "main")
        done = runnerlib("eval", *args, cwd=tmp_path / "job" / "src", **env)
        assert done.code == 0, done.err
        assert "✓ Scheduled job: build" in done.err
        assert git(tmp_path / "job" / "src", "rev-parse", "HEAD") == forge.ids["main"]

    def test_credentials_of_the_worker(self, forge: Forge, push: dict[str, str], tmp_path: Path) -> None:
        auth = tmp_path / "job" / ".reactorcide" / "vcs-auth"
        auth.mkdir(parents=True)
        where = forge.url("", secret=True).replace("http://", f"http://x:{QUOTED}@")
        (auth / "credentials").write_text(f"{where.rstrip('/')}\n".replace("/auth", ""))
        env = {**push, "REACTORCIDE_VCS_AUTH_DIR": str(auth), "REACTORCIDE_VCS_AUTH_CLEANUP": "true"}
        for name in ("REACTORCIDE_SOURCE_URL", "REACTORCIDE_CI_SOURCE_URL"):
            env[name] = forge.url("project.git", secret=True)
        done, message = evaluated(tmp_path, env)
        assert (done.code, jobs(message)) == (0, ["build"]), done.err
        assert QUOTED not in done.err + done.out.decode()

    def test_a_second_evaluation_fetches_nothing(self, forge: Forge, push: dict[str, str], tmp_path: Path) -> None:
        first = evaluated(tmp_path, push)
        os.unlink(tmp_path / "job" / "triggers.json")
        before = len(forge.server.seen)
        assert evaluated(tmp_path, push)[1] == first[1]
        assert len(forge.server.seen) == before

    def test_a_tree_without_anything_to_run(self, forge: Forge, push: dict[str, str], tmp_path: Path) -> None:
        env = {**push, "REACTORCIDE_CI_SOURCE_URL": forge.url("plain"), "REACTORCIDE_CI_SOURCE_REF": ""}
        for _ in range(2):
            done, message = evaluated(tmp_path, env)
            assert (done.code, message) == (0, None), done.err
            assert "there is no workflow and no job" in done.err

    @pytest.mark.parametrize(
        ("name", "value", "told"),
        [
            ("CI_SOURCE_URL", "missing.git", "ci source"),
            ("CI_SOURCE_REF", "0" * 39 + "1", "ci source"),
            ("SOURCE_URL", "missing.git", "source"),
            ("SHA", "0" * 39 + "1", "source"),
        ],
    )
    def test_a_tree_that_cannot_be_fetched(
        self, name: str, value: str, told: str, forge: Forge, push: dict[str, str], tmp_path: Path
    ) -> None:
        env = {**push, f"REACTORCIDE_{name}": forge.url(value) if name.endswith("URL") else value}
        done, message = evaluated(tmp_path, env)
        assert (done.code, message) == (125, None), done.err
        assert done.err.splitlines()[-1].startswith(f"error: {told}: ")

    def test_sigterm(self, push: dict[str, str], tmp_path: Path) -> None:
        asked, go_on = threading.Event(), threading.Event()
        (tmp_path / "origin").mkdir()
        with serving(tmp_path / "origin") as server:

            def wait(_method: str) -> None:
                asked.set()
                go_on.wait()

            server.before = wait
            running = started("eval", cwd=tmp_path, **{**push, "REACTORCIDE_CI_SOURCE_URL": server.url("git/x.git")})
            try:
                assert asked.wait(60)
                running.terminate()
                assert running.wait(60) == 143
            finally:
                go_on.set()
                running.kill()
                running.communicate()
        assert os.listdir(tmp_path / "job") == []

    def test_no_source_is_known(self, tmp_path: Path) -> None:
        done, message = evaluated(tmp_path, told(EVENT_TYPE="push", BRANCH="main"))
        assert (done.code, message) == (0, None)
        assert (
            f"the CI source is not known (REACTORCIDE_CI_SOURCE_URL), and '{tmp_path}/job/ci' is not there" in done.err
        )

    def test_a_pull_request_does_not_become_the_trusted_source(self, forge: Forge, tmp_path: Path) -> None:
        """Its number leads to its head where a ref is not found; a trusted one is not looked for there."""
        top = Path(forge.server.root) / "project.git"
        git(top, "update-ref", "refs/pull/7/head", forge.ids["fix"])
        env = pull(forge, "opened", "fix", fork=True, CI_SOURCE_REF="gone")
        done, _ = evaluated(tmp_path, env)
        assert (done.code, "ci source: unknown ref 'gone'" in done.err) == (125, True), done.err

    def test_other_content_stays(self, push: dict[str, str], tmp_path: Path) -> None:
        for name in ("ci", "src"):
            (tmp_path / "job" / name).mkdir(parents=True)
            (tmp_path / "job" / name / "precious").write_text("mine")
        done, _ = evaluated(tmp_path, push)
        assert done.code == 125
        assert f"'{tmp_path}/job/ci', which holds something else: 'precious'; empty it" in done.err
        (tmp_path / "job" / "ci" / "precious").unlink()
        done, message = evaluated(tmp_path, push)
        assert (done.code, jobs(message)) == (0, ["build"]), done.err
        assert f"'{tmp_path}/job/src' holds something else than a checkout ('precious'), which stays" in done.err
        assert (tmp_path / "job" / "src" / "precious").read_text() == "mine"
        assert sorted(os.listdir(tmp_path / "job" / "src")) == ["precious"]

    def test_what_changed_is_given(self, forge: Forge, push: dict[str, str], tmp_path: Path) -> None:
        """Then the source is not asked for."""
        done = runnerlib("eval", "--changed-file", "src/x", cwd=tmp_path, **push)
        assert (done.code, (tmp_path / "job" / "src").exists()) == (0, False), done.err
        assert "✓ Scheduled job: build" in done.err
