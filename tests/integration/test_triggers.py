"""Follow-up jobs of real runs: from the steps, through the runner, to whoever is told."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from runnerlib.events import TRIGGERS_PREFIX as PREFIX
from tests.integration.cli import Done, runnerlib, started
from tests.triggers.conftest import authority, authority_file, plain_server, server, tls
from tests.triggers.server import JOB, TOKEN, FakeCoordinator, Fault, Handler, cut_after, cut_before, never, status

__all__ = ["authority", "authority_file", "plain_server", "server", "tls"]

DEPLOY = """echo '{"job_name": "deploy", "env": {"N": 1}}' >> "$RUNNERLIB_TRIGGERS" """
PYTHON = f"""{sys.executable} -c 'import runnerlib; runnerlib.trigger_job("deploy", env={{"N": 1}})' """
SENT = {"job_name": "deploy", "condition": "all_success", "env": {"N": "1"}}


def written(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((path / "job" / "triggers.json").read_bytes())["jobs"]
    return found


def spools(path: Path) -> list[str]:
    return [str(one) for one in (path / "job").rglob("*triggers*.ndjson")]


def job_file(path: Path, *steps: dict[str, Any]) -> str:
    file = path / "job.json"
    file.write_text(json.dumps({"job": {"name": "ci", "steps": list(steps)}}))
    return str(file)


@pytest.fixture
def reach(server: FakeCoordinator, authority_file: Path) -> dict[str, str]:
    return {
        "REACTORCIDE_COORDINATOR_URL": server.url,
        "REACTORCIDE_API_TOKEN": TOKEN,
        "REACTORCIDE_JOB_ID": JOB,
        "REACTORCIDE_LOG_STREAM": "split",  # what the runner says is asked for alone
        "SSL_CERT_FILE": str(authority_file),
    }


class TestTheEndOfTheJob:
    @pytest.mark.parametrize("command", [DEPLOY, PYTHON, f"{PYTHON}; {PYTHON}"], ids=["shell", "python", "twice"])
    def test_what_a_command_triggers_is_told_when_it_has_ended_well(self, command: str, tmp_path: Path) -> None:
        done = runnerlib("run", "--job-command", command, cwd=tmp_path)
        assert (done.code, done.out) == (0, b"")
        assert f"runnerlib: triggers: wrote 1 job to '{tmp_path}/job/triggers.json'" in done.err
        assert written(tmp_path) == [SENT]
        assert not spools(tmp_path)

    def test_a_job_that_fails_triggers_nothing(self, tmp_path: Path) -> None:
        done = runnerlib("run", "--job-command", f"{DEPLOY}; exit 3", cwd=tmp_path)
        assert done.code == 3
        assert "warning: triggers: 1 job not submitted because the job failed: 'deploy'" in done.err
        assert not (tmp_path / "job" / "triggers.json").exists()
        assert not spools(tmp_path)

    def test_a_file_that_a_failed_job_wrote_is_told_of(self, tmp_path: Path, reach: dict[str, str]) -> None:
        message = """{"type":"trigger_job","jobs":[{"job_name":"x"}]}"""
        write = f"echo '{message}' > {tmp_path}/job/triggers.json"
        done = runnerlib("run", "--job-command", f"{write}; exit 3", cwd=tmp_path, **reach)
        assert done.code == 3
        assert f"'{tmp_path}/job/triggers.json' waits for the next run here that succeeds" in done.err

    def test_links_and_directories_among_the_spools_stop_nothing(self, tmp_path: Path) -> None:
        plant = (
            'd=$(dirname "$RUNNERLIB_TRIGGERS"); mkdir -p "$d/triggers-d.ndjson"; ln -sf none "$d/triggers-zz.ndjson"'
        )
        file = job_file(tmp_path, {"name": "one", "run": f"{DEPLOY}; {plant}"})
        for _ in range(2):
            done = runnerlib("run", "--job-file", file, cwd=tmp_path)
            assert (done.code, written(tmp_path)) == (0, [SENT]), done.err

    def test_a_link_in_the_place_of_their_directory_leads_nowhere(self, tmp_path: Path) -> None:
        theirs = tmp_path / "theirs"
        theirs.mkdir()
        (theirs / "triggers-1.ndjson").write_text('{"job_name": "stolen"}\n')
        swap = f'd=$(dirname "$RUNNERLIB_TRIGGERS"); mv "$d" "$d.gone"; ln -s {theirs} "$d"'
        file = job_file(tmp_path, {"name": "one", "run": f"{DEPLOY}; {swap}"})
        done = runnerlib("run", "--job-file", file, cwd=tmp_path)
        assert done.code == 0, done.err
        said = f"warning: triggers: a link stands where the runner keeps its files: '{tmp_path}/job/.runnerlib'"
        assert said in done.err
        assert not (tmp_path / "job/triggers.json").exists()
        assert [one.name for one in theirs.iterdir()] == ["triggers-1.ndjson"]
        done = runnerlib("run", "--job-file", file, cwd=tmp_path)
        assert done.code == 78
        assert "error: a link stands" in done.err
        assert "Traceback" not in done.err

    def test_unless_asked_otherwise(self, tmp_path: Path) -> None:
        done = runnerlib("run", "--triggers-when", "always", "--job-command", f"{DEPLOY}; exit 3", cwd=tmp_path)
        assert done.code == 3
        assert written(tmp_path) == [SENT]

    def test_all_steps_share_it_and_a_resumed_job_loses_nothing(self, tmp_path: Path) -> None:
        steps = [
            {"name": "one", "run": DEPLOY},
            {"name": "two", "run": "test -e go", "depends_on": ["one"]},
            {"name": "three", "run": DEPLOY.replace("deploy", "notify"), "depends_on": ["two"]},
        ]
        file = job_file(tmp_path, *steps)
        assert runnerlib("run", "--job-file", file, cwd=tmp_path).code == 1
        assert not (tmp_path / "job" / "triggers.json").exists()
        (tmp_path / "job" / "src" / "go").touch()
        assert runnerlib("run", "--job-file", file, "--resume", cwd=tmp_path).code == 0
        assert [job["job_name"] for job in written(tmp_path)] == ["deploy", "notify"]
        assert not spools(tmp_path)

    def test_a_fresh_run_forgets_what_a_failed_one_triggered(self, tmp_path: Path) -> None:
        bad = job_file(tmp_path, {"name": "one", "run": f"{DEPLOY}; exit 1"})
        assert runnerlib("run", "--job-file", bad, cwd=tmp_path).code == 1
        good = job_file(tmp_path, {"name": "one", "run": "true"})
        assert runnerlib("run", "--job-file", good, cwd=tmp_path).code == 0
        assert not (tmp_path / "job" / "triggers.json").exists()

    def test_a_run_inside_of_a_step_waits_for_the_outer_one(self, tmp_path: Path) -> None:
        script = tmp_path / "inner.sh"
        script.write_text(DEPLOY)
        inner = f"{sys.executable} -m runnerlib.cli run --job-command 'sh {script}'"
        assert runnerlib("run", "--job-command", f"{inner} && exit 4", cwd=tmp_path).code == 4
        assert not (tmp_path / "job" / "triggers.json").exists()
        assert runnerlib("run", "--job-command", inner, cwd=tmp_path).code == 0
        assert written(tmp_path) == [SENT]

    def test_what_is_no_trigger_is_told_and_by_configuration_fails_the_job(self, tmp_path: Path) -> None:
        command = f"{DEPLOY}; echo '{{\"job\": 1}}' >> $RUNNERLIB_TRIGGERS"
        done = runnerlib("run", "--job-command", command, cwd=tmp_path)
        assert done.code == 0
        assert "warning: triggers: line 2 of RUNNERLIB_TRIGGERS: trigger: unknown field 'job'" in done.err
        assert written(tmp_path) == [SENT]
        done = runnerlib("run", "--triggers-required", "--job-command", command, cwd=tmp_path)
        assert done.code == 125

    def test_no_trace_of_it_where_nothing_is_triggered(self, tmp_path: Path) -> None:
        assert runnerlib("run", "--job-command", "true", cwd=tmp_path).err == "runnerlib: $ true\n"
        assert sorted(one.name for one in (tmp_path / "job").iterdir()) == ["artifacts", "src"]

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["--triggers", "stdin"], "one or more of file, api, stdout are expected"),
            (["--triggers", ""], "one or more of file, api, stdout are expected"),
            (["--triggers", "api"], "'api' needs coordinator_url and api_token and job_id as well"),
            (["--triggers", "file,api"], "'file' goes alone"),
            (["--triggers-when", "never"], "got 'never', one of success, always is expected"),
            (["--triggers-file", "/job/../x"], "outside the workspace"),
            (["--triggers", "stdout", "--secret-min-length", "40"], "'stdout' as a channel of triggers needs at most"),
        ],
    )
    def test_wrong_settings_start_nothing(self, options: list[str], told: str, tmp_path: Path) -> None:
        done = runnerlib("run", *options, "--job-command", "touch started", cwd=tmp_path)
        assert done.code == 78
        assert told in done.err
        assert not (tmp_path / "job").exists()


class TestTheCoordinator:
    def test_it_creates_the_jobs(self, server: FakeCoordinator, reach: dict[str, str], tmp_path: Path) -> None:
        server.faults = [cut_after]
        done = runnerlib("run", "--job-command", DEPLOY, cwd=tmp_path, **reach)
        assert done.code == 0
        assert "triggers: the coordinator created 1 job at attempt 2" in done.err
        assert server.created == ["deploy"]
        assert not (tmp_path / "job" / "triggers.json").exists()

    def test_what_it_refuses_is_kept_and_sent_by_the_next_run(
        self, server: FakeCoordinator, reach: dict[str, str], tmp_path: Path
    ) -> None:
        server.faults = [status(401, {"error": "unauthorized"})] * 2
        done = runnerlib("run", "--job-command", DEPLOY, cwd=tmp_path, **reach)
        assert done.code == 125
        assert "warning: triggers: api: the coordinator answered 401: unauthorized" in done.err
        assert TOKEN not in done.err
        tolerating = {**reach, "REACTORCIDE_TRIGGERS_REQUIRED": "false"}
        tolerant = runnerlib("run", "--job-command", DEPLOY, cwd=tmp_path, **tolerating)
        assert tolerant.code == 0
        assert written(tmp_path) == [SENT]
        assert runnerlib("run", "--job-command", "true", cwd=tmp_path, **reach).code == 0
        assert server.created == ["deploy"]

    def test_the_permission_of_a_script_travels_with_its_jobs(
        self, plain_server: FakeCoordinator, reach: dict[str, str], tmp_path: Path
    ) -> None:
        reach["REACTORCIDE_COORDINATOR_URL"] = plain_server.url
        code = """import runnerlib
context = runnerlib.WorkflowContext(allow_insecure_transport={})
context.trigger_job("deploy")
context.flush_triggers()
"""
        for permitted in (False, True):
            (tmp_path / "script.py").write_text(code.format(permitted))
            command = f"{sys.executable} {tmp_path}/script.py"
            nested = f"{sys.executable} -m runnerlib.cli run --job-command '{command}'"
            for one in (command, nested):
                shutil.rmtree(tmp_path / "job", ignore_errors=True)
                done = runnerlib("run", "--job-command", one, cwd=tmp_path, **reach)
                assert done.code == (0 if permitted else 125), done.err
                assert ("is not https" in done.err) is not permitted
        assert plain_server.created == ["deploy", "deploy"]

    def test_a_refused_job_fails_this_one_and_the_others_go(
        self, server: FakeCoordinator, reach: dict[str, str], tmp_path: Path
    ) -> None:
        server.refused = {"deploy": 400}
        notify = DEPLOY.replace("deploy", "notify")
        wrong = """echo '{"job": 1}' >> "$RUNNERLIB_TRIGGERS" """
        done = runnerlib("run", "--job-command", f"{DEPLOY}; {notify}; {wrong}", cwd=tmp_path, **reach)
        assert done.code == 125
        assert server.created == ["notify"]
        assert "warning: triggers: 'deploy' is refused: api: the coordinator answered 400" in done.err
        assert "warning: triggers: line 3 of RUNNERLIB_TRIGGERS: trigger: unknown field 'job'" in done.err
        assert "triggers: the coordinator created 1 job\n" in done.err

    def test_one_that_would_wait_for_ever_is_not_sent(
        self, server: FakeCoordinator, reach: dict[str, str], tmp_path: Path
    ) -> None:
        waits = """echo '{"job_name": "after", "depends_on": ["nowhere"]}' >> "$RUNNERLIB_TRIGGERS" """
        done = runnerlib("run", "--job-command", waits, cwd=tmp_path, **reach)
        assert done.code == 125
        assert "'after' is refused: it would wait for ever: 'nowhere' is not sent with it" in done.err
        assert not server.requests
        assert "created" not in done.err

    def test_submitted_and_triggered_jobs_are_one_message(
        self, server: FakeCoordinator, reach: dict[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "script.py").write_text(
            "from runnerlib import flush_triggers, submit_job, trigger_job\n"
            "submit_job('test')\ntrigger_job('deploy', depends_on=['test'])\nflush_triggers()\n"
        )
        command = f"{sys.executable} {tmp_path}/script.py"
        assert runnerlib("run", "--job-command", command, cwd=tmp_path, **reach).code == 0
        assert server.created == ["test", "deploy"]
        assert len(server.requests) == 1

    def test_a_secret_reaches_it_and_no_log(
        self, server: FakeCoordinator, reach: dict[str, str], tmp_path: Path
    ) -> None:
        command = """echo "{\\"job_name\\": \\"x-$MY_TOKEN\\", \\"env\\": {\\"T\\": \\"$MY_TOKEN\\"}}" """
        command += ">> $RUNNERLIB_TRIGGERS"
        server.faults = [status(400, {"message": "hunter2-and-more is odd"})]
        env = {**reach, "MY_TOKEN": "hunter2-and-more"}
        done = runnerlib("run", "--job-command", command, cwd=tmp_path, **env)
        again = runnerlib("run", "--job-command", "true", cwd=tmp_path, **env)
        failed = runnerlib("run", "--job-command", f"{command}; exit 1", cwd=tmp_path, **env)
        for one in (done, again, failed):
            assert "hunter2" not in one.err
            assert b"hunter2" not in one.out
        assert "[REDACTED]" in failed.err
        assert json.loads(server.requests[-1][2])["jobs"][0]["env"] == {"T": "hunter2-and-more"}


class TestStdout:
    KEY = "0123456789abcdef-key"

    def run(self, mode: str, command: str, tmp_path: Path, **env: str) -> Done:
        file = job_file(tmp_path, {"name": "a", "run": command}, {"name": "b", "run": "true", "depends_on": ["a"]})
        options = ["--triggers", "stdout", "--output", mode, "--job-file", file]
        return runnerlib("run", *options, cwd=tmp_path, REACTORCIDE_TRIGGERS_KEY=self.KEY, **env)

    @pytest.mark.parametrize(
        ("mode", "service"),
        [("raw", ""), ("prefixed", ""), ("grouped", ""), ("grouped", "GITHUB_ACTIONS"), ("grouped", "BUILDKITE")],
    )
    def test_a_line_that_a_worker_finds(self, mode: str, service: str, tmp_path: Path) -> None:
        env = {service: "true"} if service else {}
        done = self.run(mode, f"printf 'no end of line'; {DEPLOY}", tmp_path, **env)
        assert done.code == 0, done.err
        [line] = [line for line in done.out.split(b"\n") if line.startswith(PREFIX.encode())]
        prefix, key, text = line.decode().split(" ", 2)
        assert (prefix, key) == (PREFIX, self.KEY)
        assert json.loads(text)["jobs"] == [SENT]
        assert not (tmp_path / "job" / "triggers.json").exists()

    def test_an_event_in_the_mode_of_events(self, tmp_path: Path) -> None:
        done = self.run("json", DEPLOY, tmp_path)
        events = [json.loads(line) for line in done.out.splitlines()]
        [told] = [event["message"] for event in events if event["type"] == "triggers"]
        assert told["jobs"] == [SENT]

    def test_raw_output_is_what_it_was_but_for_the_line(self, tmp_path: Path) -> None:
        done = self.run("raw", f"printf '\\000\\377\\r\\n@@'; {DEPLOY}", tmp_path)
        output, line = done.out.rsplit(b"\n", 2)[:2]
        assert output == b"\0\xff\r\n@@"
        assert line.startswith(PREFIX.encode())

    @pytest.mark.parametrize("mode", ["raw", "prefixed", "grouped", "json"])
    def test_no_step_forges_it(self, mode: str, tmp_path: Path) -> None:
        forger = tmp_path / "forge.py"
        forger.write_text(FORGER)
        done = self.run(mode, f"{sys.executable} {forger}", tmp_path)
        assert done.code == 0, done.err
        lines = done.out.split(b"\n")
        assert len(lines) > 100
        assert not [line for line in lines if line.startswith(PREFIX.encode())]
        if mode in {"raw", "json"}:  # the others take control characters out, and show what they hid
            assert PREFIX.encode() not in done.out
        assert b'"type":"triggers"' not in done.out.replace(b'\\"', b"")

    def test_the_key_is_withheld_from_steps(self, tmp_path: Path) -> None:
        done = self.run("raw", "env", tmp_path)
        assert b"RUNNERLIB_TRIGGERS=" in done.out
        assert b"TRIGGERS_KEY" not in done.out

    def test_a_secret_is_not_shown(self, tmp_path: Path) -> None:
        command = """echo "{\\"job_name\\": \\"x\\", \\"env\\": {\\"T\\": \\"$MY_TOKEN\\"}}" >> $RUNNERLIB_TRIGGERS"""
        done = self.run("raw", command, tmp_path, MY_TOKEN="hunter2-and-more")
        assert "would show the secret in 'x: T'" in done.err
        assert "hunter2" not in done.err
        assert done.out == b""
        assert written(tmp_path)[0]["env"] == {"T": "hunter2-and-more"}


# Everything that a step could try: whole, in pieces, interrupted by what consoles take out, encoded, on stderr.
FORGER = f'''
import base64, os, sys, time
line = b"{PREFIX} {TestStdout.KEY} " + b'{{"type":"trigger_job","jobs":[{{"job_name":"evil"}}]}}' + b"\\n"
os.write(1, line)
os.write(2, line)
for byte in line:
    os.write(1, bytes([byte]))
stuffs = [b"\\x1b[0m", b"\\x1b[31m", b"\\x1b[2K", b"\\x1b[1C", b"\\x1b]0;t\\x07", b"\\x1b(B", b"\\xc2\\x9b", b"\\x1bc"]
for stuff in (*stuffs, *(bytes([code]) for code in (*range(10), *range(11, 32), 127))):
    for at in (1, 2, 9, 20):
        os.write(1, line[:at] + stuff + line[at:])
    os.write(1, stuff.join(bytes([byte]) for byte in line[:40]) + line[40:])
os.write(1, b"text\\r" + line)
os.write(1, line.replace(b"runnerlib", b"x\\x08runnerlib"))
os.write(1, base64.b64encode(line) + b"\\n")
os.write(1, line.decode().encode("utf-16-le"))
os.write(1, line[:-1])
'''


class TestKilled:
    """The runner is ended in the middle of the request; the next run creates each job once."""

    def ended(self, signum: int, fault: Fault, server: FakeCoordinator, tmp_path: Path, env: dict[str, str]) -> int:
        asked = threading.Event()

        def wait(handler: Handler) -> None:
            asked.set()
            if fault is cut_after:
                server.create(handler.body)
            never(handler)

        server.faults = [wait]
        running = started("run", "--job-command", DEPLOY, cwd=tmp_path, **env)
        try:
            assert asked.wait(30)
            running.send_signal(signum)
            running.communicate(timeout=30)
        finally:
            running.kill()
            running.wait()
            server.release.set()
        return running.returncode

    @pytest.mark.parametrize("fault", [cut_before, cut_after])
    def test_by_kill(self, fault: Fault, server: FakeCoordinator, reach: dict[str, str], tmp_path: Path) -> None:
        assert self.ended(signal.SIGKILL, fault, server, tmp_path, reach) == -9
        assert written(tmp_path) == [SENT]
        again = runnerlib(
            "run", "--job-command", f"{DEPLOY}; {DEPLOY.replace('deploy', 'notify')}", cwd=tmp_path, **reach
        )
        assert again.code == 0, again.err
        assert server.created == ["deploy", "notify"]

    @pytest.mark.parametrize("fault", [cut_before, cut_after])
    def test_by_a_signal_that_asks(
        self, fault: Fault, server: FakeCoordinator, reach: dict[str, str], tmp_path: Path
    ) -> None:
        assert self.ended(signal.SIGTERM, fault, server, tmp_path, reach) == 143
        assert runnerlib("run", "--job-command", "true", cwd=tmp_path, **reach).code == 0
        assert server.created == ["deploy"]


def test_runners_race_on_one_file(tmp_path: Path) -> None:
    runs = [
        started("run", "--job-command", f"{DEPLOY}; {DEPLOY.replace('deploy', f'job-{number}')}", cwd=tmp_path)
        for number in range(4)
    ]
    for run in runs:
        run.communicate(timeout=60)
    assert [run.returncode for run in runs] == [0] * 4
    assert sorted(job["job_name"] for job in written(tmp_path)) == ["deploy", *(f"job-{number}" for number in range(4))]


PLUGIN = """
import runnerlib
from runnerlib.plugins import Plugin, PluginPhase

class Triggering(Plugin):
    def __init__(self):
        super().__init__("triggering")

    def supported_phases(self):
        return [PluginPhase.POST_SOURCE_PREP, PluginPhase.POST_EXECUTION]

    def execute(self, context):
        if context.phase == PluginPhase.POST_SOURCE_PREP:
            from src.workflow import flush_triggers, trigger_job
            trigger_job("from-older-names", env={"N": 1})
            flush_triggers()
        elif context.exit_code == 0:
            runnerlib.trigger_job("after")
"""
SINK = """
import json
from runnerlib.plugins import Plugin, PluginPhase

class Sink:
    name = "own"

    def send(self, message):
        with open("told.json", "a") as file:
            file.write(message.encode() + "\\n")
        return "written down"

class Telling(Plugin):
    def __init__(self):
        super().__init__("telling")

    def supported_phases(self):
        return [PluginPhase.PRE_EXECUTION]

    def pre_execution(self, context):
        context.add_trigger_sink(Sink())
"""


class TestPlugins:
    def test_what_they_trigger_waits_for_the_end_of_the_job(self, tmp_path: Path) -> None:
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "plugin_a.py").write_text(PLUGIN)
        failed = runnerlib("run", "--plugin-dir", "plugins", "--job-command", "exit 3", cwd=tmp_path)
        assert failed.code == 3, failed.err
        assert not (tmp_path / "job" / "triggers.json").exists()
        assert "1 job not submitted because the job failed: 'from-older-names'" in failed.err
        done = runnerlib("run", "--plugin-dir", "plugins", "--job-command", DEPLOY, cwd=tmp_path)
        assert done.code == 0, done.err
        assert [job["job_name"] for job in written(tmp_path)] == ["from-older-names", "deploy", "after"]

    @pytest.mark.parametrize("phase", ["PRE_VALIDATION", "POST_VALIDATION", "PRE_SOURCE_PREP", "PRE_EXECUTION"])
    def test_in_every_phase(self, phase: str, tmp_path: Path) -> None:
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "plugin_a.py").write_text(PLUGIN.replace("POST_SOURCE_PREP", phase))
        file = job_file(tmp_path, {"name": "a", "run": DEPLOY})
        done = runnerlib("run", "--plugin-dir", "plugins", "--job-file", file, cwd=tmp_path)
        assert done.code == 0, done.err
        assert [job["job_name"] for job in written(tmp_path)] == ["from-older-names", "deploy", "after"]

    def test_a_dry_run_tells_nobody(self, tmp_path: Path) -> None:
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "plugin_a.py").write_text(PLUGIN.replace("POST_SOURCE_PREP", "PRE_VALIDATION"))
        args = ("run", "--plugin-dir", "plugins", "--dry-run", "--job-command", "true")
        assert runnerlib(*args, cwd=tmp_path).code == 0
        assert not (tmp_path / "job").exists() or not spools(tmp_path)
        assert not (tmp_path / "job" / "triggers.json").exists()

    def test_they_bring_channels(self, tmp_path: Path) -> None:
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "plugin_a.py").write_text(SINK)
        done = runnerlib("run", "--plugin-dir", "plugins", "--job-command", DEPLOY, cwd=tmp_path)
        assert done.code == 0, done.err
        assert "triggers: written down" in done.err
        assert json.loads((tmp_path / "told.json").read_text())["jobs"] == [SENT]
        assert not (tmp_path / "job" / "triggers.json").exists()
