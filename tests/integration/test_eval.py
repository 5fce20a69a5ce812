"""`runnerlib eval` and `runnerlib trigger`, as a worker and `run-local` call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli import Done, runnerlib
from tests.triggers.conftest import authority, authority_file, plain_server, server, tls
from tests.triggers.server import JOB, TOKEN, FakeCoordinator, cut_after, status

__all__ = ["authority", "authority_file", "plain_server", "server", "tls"]

CI = """
name: ci
on: [push]
paths: {include: [src/**]}
jobs: {build: {command: make}, deploy: {command: x, needs: build}}
"""
DEPLOY = "name: deploy\nenvironment: {TARGET: staging}\njob: {image: 'alpine:3', command: ./deploy.sh}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "ci" / ".reactorcide" / "workflows").mkdir(parents=True)
    (tmp_path / "ci" / ".reactorcide" / "workflows" / "ci.yaml").write_text(CI)
    (tmp_path / "deploy.yaml").write_text(DEPLOY)
    (tmp_path / "src").mkdir()
    return tmp_path


def reach(server: FakeCoordinator, authority_file: Path) -> dict[str, str]:
    return {
        "REACTORCIDE_COORDINATOR_URL": server.url,
        "REACTORCIDE_API_TOKEN": TOKEN,
        "REACTORCIDE_JOB_ID": JOB,
        "SSL_CERT_FILE": str(authority_file),
    }


def written(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


class TestEval:
    def test_as_run_local_calls_it(self, root: Path) -> None:
        done = runnerlib(
            *("eval", "--ci-source-dir", "ci", "--source-dir", "src", "--event-type", "push"),
            *("--workflow-file", "ci/.reactorcide/workflows/ci.yaml", "--triggers-file", "out/triggers.json"),
            *("--source-url", "https://example.com/a.git", "--source-ref", "abc"),
            *("--changed-file", "src/a.py", "--changed-file", "b.md", "--branch", "main", "--allow-insecure-transport"),
            cwd=root,
        )
        assert (done.code, done.out) == (0, b"")
        assert done.err.splitlines() == [
            "✓ Scheduled job: build",
            "✓ Scheduled job: deploy",
            f"✓ triggers: wrote 1 workflow to '{root}/out/triggers.json'",
        ]
        message = written(root / "out" / "triggers.json")
        [flow] = message["workflows"]
        assert flow["source_file"] == ".reactorcide/workflows/ci.yaml"
        assert [job["source_ref"] for job in flow["jobs"]] == ["abc", "abc"]
        args = ("eval", "--ci-source-dir", "ci", "--event-type", "push", "--workflow-file")
        for file in (".reactorcide/workflows/ci.yaml", "ci/.reactorcide/workflows/ci.yaml"):
            assert "✓ Scheduled job: deploy" in runnerlib(*args, file, cwd=root).err

    def test_as_a_worker_calls_it(self, root: Path, server: FakeCoordinator, authority_file: Path) -> None:
        env = {"REACTORCIDE_CI_SOURCE_DIR": "ci", "REACTORCIDE_SOURCE_DIR": "src", **reach(server, authority_file)}
        server.faults = [cut_after]
        done = runnerlib("eval", "--event-type", "push", "--branch", "main", cwd=root, **env)
        assert done.code == 0, done.err
        assert server.created == ["build", "deploy"]
        assert "note: what changed is not known: cannot open the git repository" in done.err
        assert json.loads(server.requests[0][2])["trigger_type"] == "runnerlib_eval"

    def test_what_does_not_match_ends_well(self, root: Path) -> None:
        args = ("eval", "--ci-source-dir", "ci", "--event-type", "push", "--branch", "main")
        done = runnerlib(*args, "--changed-file", "docs/a", cwd=root)
        assert (done.code, done.err) == (0, "note: workflow 'ci': no file that it is meant for has changed\n")
        assert not (root / "job").exists()

    def test_both_sides_of_a_pull_request(self, root: Path) -> None:
        (root / "both").mkdir()
        (root / "ci").rename(root / "both" / "base")
        args = ("eval", "--ci-source-dir", "both", "--event-type", "push", "--changed-file", "src/a")
        assert "Scheduled job: build" in runnerlib(*args, cwd=root).err

    @pytest.mark.parametrize(
        ("args", "told"),
        [
            ([], "Missing option '--event-type'"),
            (["--event-type", "pushed"], "unknown type of event 'pushed'"),
            (["--event-type", "push", "--workflow-file", "none.yaml"], "cannot read the workflow file 'none.yaml'"),
        ],
    )
    def test_wrong_calls(self, args: list[str], told: str, root: Path) -> None:
        done = runnerlib("eval", *args, cwd=root)
        assert done.code == (2 if "Missing option" in told else 78)
        assert told in done.err

    def test_a_wrong_file_is_told_and_the_others_count(self, root: Path) -> None:
        (root / "ci" / ".reactorcide" / "workflows" / "bad.yaml").write_text("name: bad\njobs: {a: {comand: x}}\n")
        args = ("eval", "--ci-source-dir", "ci", "--event-type", "push", "--changed-file", "src/a")
        done = runnerlib(*args, cwd=root)
        assert done.code == 0
        assert "error: ci/.reactorcide/workflows/bad.yaml:2:11: " in done.err
        assert "unknown key 'comand'" in done.err
        assert "Scheduled job: deploy" in done.err


class TestTrigger:
    def run(self, root: Path, *args: str, **env: str) -> Done:
        return runnerlib("trigger", *args, cwd=root, **env)

    def test_it_writes_the_file(self, root: Path) -> None:
        env = {
            "REACTORCIDE_EVENT_TYPE": "push",
            "REACTORCIDE_SHA": "abc",
            "REACTORCIDE_SOURCE_URL": "https://example.com/a.git",
            "REACTORCIDE_QUEUE": "not passed on",
        }
        assert self.run(root, "deploy.yaml", **env).code == 0
        [job] = written(root / "job" / "triggers.json")["jobs"]
        assert job == {
            "job_name": "deploy",
            "condition": "all_success",
            "env": {
                "REACTORCIDE_EVENT_TYPE": "push",
                "REACTORCIDE_SHA": "abc",
                "REACTORCIDE_SOURCE_URL": "https://example.com/a.git",
                "TARGET": "staging",
            },
            "source_type": "git",
            "source_url": "https://example.com/a.git",
            "source_ref": "abc",
            "container_image": "alpine:3",
            "job_command": "runnerlib run --job-command ./deploy.sh",
        }

    def test_all_or_none(self, root: Path) -> None:
        (root / "bad.yaml").write_text("name: bad\njob: {}\n")
        done = self.run(root, "deploy.yaml", "bad.yaml")
        assert done.code == 78
        assert "bad.yaml" in done.err
        assert not (root / "job").exists()

    def test_what_cannot_be_told_is_kept(self, root: Path, server: FakeCoordinator, authority_file: Path) -> None:
        server.faults = [status(403, {"error": "forbidden"})]
        env = reach(server, authority_file)
        done = self.run(root, "deploy.yaml", **env)
        assert done.code == 125
        assert "error: triggers: 'deploy' is refused: api: the coordinator answered 403: forbidden" in done.err
        assert self.run(root, "deploy.yaml", **env).code == 0
        assert server.created == ["deploy"]

    def test_http_has_to_be_allowed(self, root: Path, plain_server: FakeCoordinator, authority_file: Path) -> None:
        env = reach(plain_server, authority_file)
        assert self.run(root, "deploy.yaml", **env).code == 125
        assert not plain_server.requests
        assert self.run(root, "deploy.yaml", "--allow-insecure-transport", **env).code == 0
        assert plain_server.created == ["deploy"]

    def test_in_a_step_the_job_has_to_end_well(self, root: Path) -> None:
        command = f"runnerlib trigger {root}/deploy.yaml"
        env = {"PATH": f"{Path(__import__('sys').executable).parent}:/usr/bin:/bin"}
        assert runnerlib("run", "--job-command", f"{command} && exit 3", cwd=root, **env).code == 3
        assert not (root / "job" / "triggers.json").exists()
        assert runnerlib("run", "--job-command", command, cwd=root, **env).code == 0
        assert written(root / "job" / "triggers.json")["jobs"][0]["job_name"] == "deploy"
