"""Calls of pipelines: jobs, channels by configuration, variables, other jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runnerlib.api.workflow_context import WorkflowContext, workflow_context
from runnerlib.errors import ConfigError
from runnerlib.events import TRIGGERS_PREFIX as PREFIX
from runnerlib.triggers.coordinator import CoordinatorError
from runnerlib.triggers.job_trigger import FieldError, JobTrigger, TriggerError
from runnerlib.triggers.outbox import DeliveryError
from runnerlib.triggers.spool import collect
from tests.triggers.server import JOB, READER, TOKEN, FakeCoordinator, cut_after, status

Reach = Callable[[FakeCoordinator], None]
Capsys = pytest.CaptureFixture[str]


def written(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


class TestTheFile:
    def test_it_is_written_where_nobody_is_known(self, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
        context = WorkflowContext()
        context.trigger_job("build", env={"N": 1})
        context.trigger_job("deploy", depends_on="build", condition="always", timeout="60")
        verdict = context.flush_triggers()
        assert written(workspace / "triggers.json")["jobs"] == [
            {"job_name": "build", "condition": "all_success", "env": {"N": "1"}},
            {"job_name": "deploy", "depends_on": ["build"], "condition": "always", "timeout": 60},
        ]
        assert verdict.success
        assert capsys.readouterr().err == f"✓ triggers: wrote 2 jobs to '{workspace}/triggers.json'\n"
        assert (workspace / "triggers.json").stat().st_mode & 0o777 == 0o600

    def test_two_flushes_double_nothing(self, workspace: Path) -> None:
        context = WorkflowContext()
        context.trigger_job("build")
        context.flush_triggers()
        assert context.triggers == []
        context.flush_triggers()
        context.trigger_job("build")
        context.trigger_job("deploy")
        context.flush_triggers()
        assert [job["job_name"] for job in written(workspace / "triggers.json")["jobs"]] == ["build", "deploy"]

    def test_a_flush_of_nothing_writes_nothing(self, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert WorkflowContext().flush_triggers().success
        assert not workspace.exists()
        assert capsys.readouterr() == ("", "")

    def test_a_file_of_its_own(self, tmp_path: Path) -> None:
        context = WorkflowContext(triggers_file=str(tmp_path / "else" / "where.json"))
        context.trigger_job("build")
        context.flush_triggers()
        assert written(tmp_path / "else" / "where.json")["jobs"][0]["job_name"] == "build"

    def test_the_setting_stays_in_the_workspace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REACTORCIDE_TRIGGERS_FILE", "/job/../../escaped.json")
        with pytest.raises(ConfigError, match="outside the workspace"):
            WorkflowContext().flush_triggers()

    def test_what_no_file_took_stays(self, workspace: Path) -> None:
        workspace.mkdir()
        (workspace / "triggers.json").mkdir()
        context = WorkflowContext()
        context.trigger_job("build")
        assert "is no regular file" in context.flush_triggers().problem
        assert [one.job_name for one in context.triggers] == ["build"]
        (workspace / "triggers.json").rmdir()
        assert context.flush_triggers().success
        assert written(workspace / "triggers.json")["jobs"][0]["job_name"] == "build"

    def test_what_it_has_not_yet_may_come(self, workspace: Path, capsys: Capsys) -> None:
        context = WorkflowContext()
        context.trigger_job("deploy", depends_on=["test"])
        context.flush_triggers()
        told = f"warning: triggers: 'deploy' in '{workspace}/triggers.json': it would wait for ever: 'test' is not sent"
        assert told in capsys.readouterr().err
        context.trigger_job("test")
        context.flush_triggers()
        assert "warning" not in capsys.readouterr().err
        assert [job["job_name"] for job in written(workspace / "triggers.json")["jobs"]] == ["deploy", "test"]

    def test_a_broken_file_is_told(self, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
        workspace.mkdir()
        (workspace / "triggers.json").write_text("{")
        context = WorkflowContext()
        context.trigger_job("build")
        assert "not valid JSON" in context.flush_triggers().problem
        assert "warning: triggers: " in capsys.readouterr().err


class TestTheApi:
    def test_it_is_used_where_a_coordinator_is_known(
        self, server: FakeCoordinator, reachable: Reach, workspace: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        reachable(server)
        context = WorkflowContext()
        context.trigger_jobs([{"job_name": "build-linux", "env": {"PLATFORM": "linux"}}, {"job_name": "build-macos"}])
        assert [one.job_names for one in context.flush_triggers().sent] == [("build-linux", "build-macos")]
        assert server.created == ["build-linux", "build-macos"]
        assert not (workspace / "triggers.json").exists()
        assert capsys.readouterr().err == "✓ triggers: the coordinator created 2 jobs\n"

    def test_what_it_refuses_is_kept(
        self, server: FakeCoordinator, reachable: Reach, workspace: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        reachable(server)
        server.faults = [status(401, {"error": "unauthorized"})]
        context = WorkflowContext()
        context.trigger_job("build")
        with pytest.raises(DeliveryError, match=r"^api: the coordinator answered 401: unauthorized; ") as caught:
            context.flush_triggers()
        assert capsys.readouterr().err == ""
        assert f"they are kept in '{workspace}/triggers.json'" in str(caught.value)
        assert (workspace / "triggers.json").stat().st_mode & 0o777 == 0o600
        context.trigger_job("deploy")
        assert context.flush_triggers().success
        assert server.created == ["build", "deploy"]

    def test_by_configuration_that_is_no_error(
        self, server: FakeCoordinator, reachable: Reach, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
    ) -> None:
        reachable(server)
        monkeypatch.setenv("REACTORCIDE_TRIGGERS_REQUIRED", "false")
        server.faults = [status(403)]
        context = WorkflowContext()
        context.trigger_job("build")
        assert "403" in context.flush_triggers().problem
        assert capsys.readouterr().err.startswith(
            "warning: triggers: 'build' is refused: api: the coordinator answered"
        )

    def test_a_coordinator_without_a_url_is_none_that_is_told(
        self, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REACTORCIDE_API_TOKEN", TOKEN)
        monkeypatch.setenv("REACTORCIDE_JOB_ID", JOB)
        context = WorkflowContext()
        context.trigger_job("build")
        with pytest.raises(DeliveryError, match="REACTORCIDE_COORDINATOR_URL is not set; they are kept"):
            context.flush_triggers()

    @pytest.mark.parametrize("code", [400, 403, 413, 422])
    def test_a_refused_job_is_named_and_the_others_go(
        self, code: int, server: FakeCoordinator, reachable: Reach, workspace: Path
    ) -> None:
        reachable(server)
        server.refused = {"bad": code}
        context = WorkflowContext()
        for name in ("build", "bad", "lint"):
            context.trigger_job(name)
        context.trigger_job("after", depends_on=["bad"])
        with pytest.raises(DeliveryError) as caught:
            context.flush_triggers()
        told = str(caught.value).splitlines()
        assert told[0].startswith(f"'bad' is refused: api: the coordinator answered {code}")
        assert told[1].startswith(
            "'after' is refused: it would wait for ever: 'bad' is not sent with it; they are kept"
        )
        assert server.created == ["build", "lint"]
        assert [job["job_name"] for job in written(workspace / "triggers.json")["jobs"]] == ["bad", "after"]
        server.refused = {}
        assert context.flush_triggers().success
        assert server.created == ["build", "lint", "bad", "after"]

    def test_what_no_message_has_is_not_waited_for(
        self, server: FakeCoordinator, reachable: Reach, capsys: Capsys
    ) -> None:
        reachable(server)
        context = WorkflowContext()
        context.trigger_job("deploy", depends_on=["nowhere"])
        with pytest.raises(DeliveryError, match="'deploy' is refused: it would wait for ever: 'nowhere' is not sent"):
            context.flush_triggers()
        assert not server.requests
        assert "created" not in capsys.readouterr().err

    def test_a_coordinator_that_creates_none_of_what_is_due(
        self, server: FakeCoordinator, reachable: Reach, capsys: Capsys
    ) -> None:
        reachable(server)
        server.faults = [status(201, {"created_job_ids": [], "count": 0})] * 2
        context = WorkflowContext()
        context.trigger_job("deploy")
        with pytest.raises(DeliveryError, match="the coordinator took the message and created none of 'deploy'"):
            context.flush_triggers()
        assert "created 0" not in capsys.readouterr().err

    def test_jobs_for_each_of_nothing_are_none(self, server: FakeCoordinator, reachable: Reach, capsys: Capsys) -> None:
        reachable(server)
        server.faults = [status(201, {"created_job_ids": [], "count": 0})]
        context = WorkflowContext()
        context.trigger_job("deploy", for_each=[])
        assert context.flush_triggers().success
        assert capsys.readouterr().err == "✓ triggers: the coordinator took 1 job and has created none yet\n"

    def test_http_has_to_be_allowed(
        self, plain_server: FakeCoordinator, reachable: Reach, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reachable(plain_server)
        context = WorkflowContext()
        context.trigger_job("build")
        with pytest.raises(DeliveryError, match="is not https"):
            context.flush_triggers()
        assert not plain_server.requests
        monkeypatch.setenv("REACTORCIDE_ALLOW_INSECURE_TRANSPORT", "true")
        assert context.flush_triggers().success
        again = WorkflowContext(allow_insecure_transport=True)
        monkeypatch.delenv("REACTORCIDE_ALLOW_INSECURE_TRANSPORT")
        again.trigger_job("deploy")
        assert again.flush_triggers().success
        with workflow_context(allow_insecure_transport=True) as inner:
            inner.trigger_job("notify")
        assert plain_server.created == ["build", "deploy", "notify"]
        monkeypatch.setenv("REACTORCIDE_READ_TOKEN", READER)
        assert again.is_job_running("deploy")
        assert again.get_job_result("deploy") is None
        with pytest.raises(CoordinatorError, match="is not https"):
            context.is_job_running("deploy")

    def test_secrets_reach_the_coordinator_and_no_log(
        self,
        server: FakeCoordinator,
        reachable: Reach,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        reachable(server)
        monkeypatch.setenv("DEPLOY_TOKEN", "hunter2-and-more")
        server.faults = [status(400, {"message": "no hunter2-and-more"})]
        context = WorkflowContext()
        context.trigger_job("hunter2-and-more", env={"TOKEN": "hunter2-and-more"})
        with pytest.raises(DeliveryError) as caught:
            context.flush_triggers()
        assert "'[REDACTED]' is refused: api: the coordinator answered 400: no [REDACTED]" in str(caught.value)
        context.flush_triggers()
        assert json.loads(server.requests[-1][2])["jobs"][0]["env"] == {"TOKEN": "hunter2-and-more"}
        assert "hunter2" not in "".join(capsys.readouterr())

    def test_the_token_may_be_a_reference(
        self, server: FakeCoordinator, reachable: Reach, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        reachable(server)
        monkeypatch.setenv("REACTORCIDE_SECRET_PROVIDERS", "env")
        monkeypatch.setenv("REACTORCIDE_API_TOKEN", "${secret:ci:token}")
        monkeypatch.setenv("SECRET_CI__TOKEN", TOKEN)
        context = WorkflowContext()
        context.trigger_job("build")
        assert context.flush_triggers().success
        monkeypatch.delenv("SECRET_CI__TOKEN")
        context.trigger_job("deploy")
        with pytest.raises(ConfigError, match="there is no secret 'ci:token'"):
            context.flush_triggers()
        monkeypatch.setenv("SECRET_CI__TOKEN", TOKEN)
        assert context.flush_triggers().success
        assert server.created == ["build", "deploy"]

    def test_submitted_and_triggered_jobs_are_one_message(self, server: FakeCoordinator, reachable: Reach) -> None:
        reachable(server)
        context = WorkflowContext()
        submitted = context.submit_job("test", {"A": 1}, condition="always")
        assert submitted == JobTrigger("test", env={"A": 1}, condition="always")
        assert context.submit_job(JobTrigger("lint")) == JobTrigger("lint")
        context.trigger_job("deploy", depends_on=["test", "lint"])
        assert not server.requests
        context.flush_triggers()
        assert server.created == ["test", "lint", "deploy"]
        assert len(server.requests) == 1

    def test_a_whole_trigger_takes_nothing_beside_it(self) -> None:
        context = WorkflowContext()
        with pytest.raises(TriggerError, match="trigger 'test': a JobTrigger has all fields"):
            context.submit_job(JobTrigger("test"), depends_on=["a"])
        with pytest.raises(FieldError, match="did you mean 'timeout'"):
            context.submit_job("test", time_out=1)
        assert context.triggers == []

    def test_named_without_what_it_needs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REACTORCIDE_TRIGGERS", "api")
        with pytest.raises(ConfigError, match="'api' needs coordinator_url and api_token and job_id as well"):
            WorkflowContext().flush_triggers()


class TestStdout:
    def test_one_line(
        self, monkeypatch: pytest.MonkeyPatch, workspace: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("REACTORCIDE_TRIGGERS", "stdout")
        context = WorkflowContext()
        context.trigger_job("build")
        context.flush_triggers()
        out = capsys.readouterr().out
        prefix, key, text = out.split(" ", 2)
        assert (prefix, key, out.count("\n")) == (PREFIX, "-", 1)
        assert json.loads(text)["jobs"] == [{"job_name": "build", "condition": "all_success"}]
        assert not (workspace / "triggers.json").exists()

    def test_with_a_key(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setenv("REACTORCIDE_TRIGGERS", "stdout")
        monkeypatch.setenv("REACTORCIDE_TRIGGERS_KEY", "0123456789abcdef")
        context = WorkflowContext()
        context.trigger_job("build")
        context.flush_triggers()
        assert capsys.readouterr().out.startswith(f"{PREFIX} 0123456789abcdef {{")

    @pytest.mark.parametrize("key", ["short", "with space but long", "line\nbreak-and-more"])
    def test_what_is_no_key(self, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REACTORCIDE_TRIGGERS", "stdout")
        monkeypatch.setenv("REACTORCIDE_TRIGGERS_KEY", key)
        with pytest.raises(ConfigError, match="16 to 256 letters"):
            WorkflowContext().flush_triggers()

    def test_a_secret_is_not_shown(
        self, monkeypatch: pytest.MonkeyPatch, workspace: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("REACTORCIDE_TRIGGERS", "stdout")
        monkeypatch.setenv("DEPLOY_TOKEN", 'hunter2"and\\more')
        context = WorkflowContext()
        context.trigger_job("build", env={"TOKEN": 'hunter2"and\\more', "OTHER": "x"})
        problem = context.flush_triggers().problem
        assert "would show the secret in 'build: TOKEN'; use a reference" in problem
        shown = "".join(capsys.readouterr())
        assert "hunter2" not in shown
        assert PREFIX not in shown
        context.trigger_job("plain")
        context.flush_triggers()
        assert [json.loads(line.split(" ", 2)[2])["jobs"] for line in capsys.readouterr().out.splitlines()] == [
            [{"job_name": "plain", "condition": "all_success"}]
        ]
        assert written(workspace / "triggers.json")["jobs"][0]["env"]["TOKEN"] == 'hunter2"and\\more'

    def test_together_with_the_api(
        self,
        server: FakeCoordinator,
        reachable: Reach,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        reachable(server)
        monkeypatch.setenv("REACTORCIDE_TRIGGERS", "api,stdout")
        server.faults = [status(400)]
        context = WorkflowContext()
        context.trigger_job("build")
        with pytest.raises(DeliveryError):
            context.flush_triggers()
        assert context.flush_triggers().success
        out = capsys.readouterr().out
        assert out.count(PREFIX) == 1
        assert json.loads(out.split(" ", 2)[2]) == json.loads(server.requests[-1][2])

    def test_the_file_goes_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REACTORCIDE_TRIGGERS", "file,stdout")
        with pytest.raises(ConfigError, match="'file' goes alone"):
            WorkflowContext().flush_triggers()


class TestARun:
    def test_jobs_are_handed_to_the_runner(
        self, tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("RUNNERLIB_TRIGGERS", str(tmp_path / "spool"))
        monkeypatch.setenv("REACTORCIDE_TRIGGERS", "nonsense")  # the runner's business
        context = WorkflowContext()
        context.trigger_job("build")
        assert not collect(tmp_path / "spool").triggers
        context.flush_triggers()
        assert [one.job_name for one in collect(tmp_path / "spool").triggers] == ["build"]
        assert not workspace.exists()
        assert capsys.readouterr() == ("", "")


def triggering(error: BaseException) -> None:
    with workflow_context() as context:
        context.trigger_job("build")
        raise error


class TestTheContextManager:
    def test_it_flushes_at_a_good_end(self, workspace: Path) -> None:
        with workflow_context() as context:
            context.trigger_job("build")
            assert not workspace.exists()
        assert written(workspace / "triggers.json")["jobs"][0]["job_name"] == "build"

    @pytest.mark.parametrize("code", [0, None])
    def test_an_exit_without_error_is_one(self, code: int | None, workspace: Path) -> None:
        with pytest.raises(SystemExit):
            triggering(SystemExit(code))
        assert (workspace / "triggers.json").exists()

    @pytest.mark.parametrize("error", [ValueError(), SystemExit(3), KeyboardInterrupt()])
    def test_it_says_what_an_error_keeps_back(
        self, error: Any, workspace: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(type(error)):
            triggering(error)
        assert not workspace.exists()
        assert capsys.readouterr().err == "warning: triggers: 'build' not submitted, because of an error\n"


class TestCalls:
    def test_a_wrong_job_is_refused_at_the_call(self) -> None:
        context = WorkflowContext()
        with pytest.raises(TriggerError, match="trigger 'a': env: N"):
            context.trigger_job("a", env={"N": [1]})  # type: ignore[dict-item]
        with pytest.raises(FieldError, match="did you mean 'timeout'"):
            context.trigger_job("a", time_out=1)
        with pytest.raises(TypeError):
            context.trigger_job("a", nonsense=1)
        with pytest.raises(TriggerError):
            context.trigger_jobs([{"job_name": "a"}, {"job_name": ""}])
        assert context.triggers == []

    def test_what_is_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        context = WorkflowContext()
        assert (context.job_id, context.workflow_id, context.branch, context.commit, context.ref) == (None,) * 5
        for name, value in {
            "REACTORCIDE_JOB_ID": "j",
            "RC_WF_ID": "w",
            "REACTORCIDE_GIT_BRANCH": "main",
            "REACTORCIDE_SHA": "abc",
        }.items():
            monkeypatch.setenv(name, value)
        found = (context.job_id, context.workflow_id, context.branch, context.commit, context.ref)
        assert found == ("j", "w", "main", "abc", "main")

    def test_variables_and_outputs(self, workspace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        context = WorkflowContext()
        assert context.workflow_vars() == {}
        workspace.mkdir()
        (workspace / "workflow-vars.json").write_text('{"a": 1}')
        assert context.workflow_vars() == {"a": 1}
        context.set_workflow_var("b", [1])
        context.set_workflow_output("digest", "x")
        assert written(workspace / "workflow-output.json") == {"vars": {"b": [1]}, "outputs": {"digest": "x"}}
        with pytest.raises(ConfigError, match="has another value already"):
            context.set_workflow_var("a", 2)
        monkeypatch.setenv("RC_WF_OUTPUT_FILE", str(tmp_path / "out.json"))
        monkeypatch.setenv("RC_WF_VARS_FILE", "/job/other.json")
        context.set_workflow_var("a", 2)
        assert written(tmp_path / "out.json") == {"vars": {"a": 2}, "outputs": {}}

    def test_the_next_job_is_printed(self, capsys: pytest.CaptureFixture[str]) -> None:
        WorkflowContext().log_next_job("deploy-staging", reason="tests passed", depends_on=["test", "build"])
        assert "→ deploy-staging (waiting on: test, build - all complete)" in capsys.readouterr().out


class TestOtherJobs:
    @pytest.fixture(autouse=True)
    def jobs(self, server: FakeCoordinator, reachable: Reach, monkeypatch: pytest.MonkeyPatch) -> FakeCoordinator:
        reachable(server)
        monkeypatch.setenv("REACTORCIDE_READ_TOKEN", READER)
        common = {"workflow_id": "w1", "created_at": "2026-01-01T00:00:00Z"}
        server.jobs = [{"job_id": str(n), "name": f"filler-{n}", "status": "running"} for n in range(9)]
        server.jobs += [
            {"job_id": "1", "name": "test", "status": "failed", "exit_code": 7, **common},
            {
                "job_id": "2",
                "name": "test",
                "status": "completed",
                "exit_code": 0,
                **common,
                "created_at": "2026-02-01",
            },
            {"job_id": "3", "name": "test", "status": "completed", "exit_code": 9, **common, "workflow_id": "other"},
            {"job_id": "4", "name": "j4", "workflow_node_name": "deploy-production", "status": "queued"},
            {"job_id": "5", "name": "lint", "status": "cancelled", "exit_code": None, **common},
        ]
        return server

    def test_whether_one_runs(self) -> None:
        context = WorkflowContext()
        assert context.is_job_running("deploy-production")
        assert context.is_job_running("filler-8")
        assert not context.is_job_running("test")
        assert not context.is_job_running("nobody")

    def test_how_one_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RC_WF_ID", "w1")
        context = WorkflowContext()
        result = context.get_job_result("test")
        assert result is not None
        assert (result["exit_code"], result["job_id"]) == (0, "2")
        assert context.get_job_result("deploy-production") is None
        lint = context.get_job_result("lint")
        assert lint is not None
        assert lint["status"] == "cancelled"

    def test_the_token_of_a_job_may_not_look(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("REACTORCIDE_READ_TOKEN")
        for ask in (WorkflowContext().is_job_running, WorkflowContext().get_job_result):
            with pytest.raises(CoordinatorError, match="REACTORCIDE_READ_TOKEN takes one that may read"):
                ask("deploy-production")

    def test_who_is_not_there_is_not_a_no(self, jobs: FakeCoordinator) -> None:
        jobs.faults = [status(404)]
        with pytest.raises(CoordinatorError, match="cannot look up jobs: the coordinator answered 404"):
            WorkflowContext().is_job_running("deploy-production")


SCRIPT = """
import os, signal, runnerlib
runnerlib.trigger_job(job_name="deploy-staging", env={"DEPLOY_TARGET": "staging", "ARTIFACT_URL": "s3://..."})
runnerlib.trigger_jobs([
    {"job_name": "build-linux", "env": {"PLATFORM": "linux"}},
    {"job_name": "build-macos", "env": {"PLATFORM": "macos"}},
])
"""


def script(code: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", code]
    return subprocess.run(argv, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False)


def test_the_designs_example_in_a_script(tmp_path: Path) -> None:
    done = script(SCRIPT + "runnerlib.flush_triggers()", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    jobs = written(tmp_path / "job" / "triggers.json")["jobs"]
    assert [job["job_name"] for job in jobs] == ["deploy-staging", "build-linux", "build-macos"]
    assert jobs[0]["env"] == {"DEPLOY_TARGET": "staging", "ARTIFACT_URL": "s3://..."}


def test_a_script_that_does_not_flush_is_reminded(tmp_path: Path) -> None:
    done = script(SCRIPT, tmp_path)
    assert done.stderr == (
        "warning: triggers: 'deploy-staging', 'build-linux', 'build-macos' were never submitted: "
        "end with runnerlib.flush_triggers(), or use runnerlib.workflow_context()\n"
    )
    assert not (tmp_path / "job").exists()


def test_in_a_step_the_call_is_enough(tmp_path: Path) -> None:
    done = script(SCRIPT + "os._exit(0)", tmp_path, RUNNERLIB_TRIGGERS=str(tmp_path / "spool"))
    assert (done.stdout, done.stderr) == ("", "")
    found = [one.job_name for one in collect(tmp_path / "spool").triggers]
    assert found == ["deploy-staging", "build-linux", "build-macos"]


KILLED = """
import os, signal, runnerlib
from runnerlib.triggers.coordinator import client
real = client.exchange
def exchange(*args):
    try:
        return real(*args)
    finally:
        os.kill(os.getpid(), signal.SIGKILL)
client.exchange = exchange
runnerlib.trigger_job("deploy")
runnerlib.flush_triggers()
"""


@pytest.mark.parametrize("processed", [True, False])
def test_killed_between_flush_and_acknowledgement(
    processed: bool, server: FakeCoordinator, reachable: Reach, tmp_path: Path
) -> None:
    reachable(server)
    server.faults = [cut_after] if processed else [status(503)]
    assert script(KILLED, tmp_path).returncode == -9
    assert (tmp_path / "job" / "triggers.json").exists()
    again = (
        "import runnerlib\nrunnerlib.trigger_job('deploy')\nrunnerlib.trigger_job('notify')\nrunnerlib.flush_triggers()"
    )
    done = script(again, tmp_path)
    assert done.returncode == 0, done.stderr
    assert server.created == ["deploy", "notify"]
    assert server.requests[0][2] == server.requests[1][2]
    assert {path for path, _, _ in server.requests} == {f"/api/v1/jobs/{JOB}/triggers"}
    assert not (tmp_path / "job" / "triggers.json").exists()
