"""Services run beside the steps of a job: ready before, used by variables, and gone after every kind of end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runnerlib import Job, JobResult, RunnerError, Service, Step, Workflow, execute, run_workflow
from runnerlib.events import Event, Notice, Warned
from runnerlib.executor.local import landlock
from tests.integration.cli import runnerlib, started
from tests.tools import tool
from tests.waiting import until

REDIS = 'exec redis-server --port "$PORT" --bind 127.0.0.1 --save "" --dir "$TMPDIR"'
PING = 'redis-cli -p "$PORT" ping'
SECRET = "swordfish-in-a-log"


class Heard:
    """Keeps the lines of the runner."""

    congested = False

    def __init__(self, told: Path | None = None) -> None:
        """A warning makes the file `told`."""
        self.lines: list[str] = []
        self._told = told

    def observe(self, event: Event) -> None:
        if isinstance(event, (Notice, Warned)):
            self.lines.append(event.text)
        if isinstance(event, Warned) and self._told is not None:
            self._told.touch()

    async def drain(self) -> None:
        """Be ready at any time."""


def run(tmp_path: Path, job: Job, **settings: Any) -> tuple[JobResult, Heard]:
    heard = Heard(tmp_path / "told")
    (tmp_path / "src").mkdir(exist_ok=True)
    settings = {"job_env": {"TMPDIR": str(tmp_path)}, **settings}
    return execute(job, source_dir=tmp_path / "src", workspace=tmp_path / "job", observer=heard, **settings), heard


def log(tmp_path: Path, name: str) -> str:
    return (tmp_path / f"job/artifacts/logs/services/{name}.log").read_text()


def is_gone(port: str) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", int(port))) != 0


@pytest.fixture
def redis() -> str:
    return tool("redis-server")


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that other users can reach, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="rl-db-") as made:
        yield Path(made)


@pytest.mark.usefixtures("redis")
def test_steps_use_redis(tmp_path: Path) -> None:
    use = 'redis-cli -h "$CACHE_HOST" -p "$CACHE_PORT_6379" set a 42; echo "a=$(redis-cli -p $CACHE_PORT get a)" >>'
    job = Job(
        "job",
        [Step("use", f"{use}$RUNNERLIB_OUTPUT; echo port=$CACHE_PORT >>$RUNNERLIB_OUTPUT")],
        services=[Service("cache", REDIS, PING, ports=6379)],
    )
    result, heard = run(tmp_path, job)
    assert (result.success, result.step("use").outputs["a"]) == (True, "42")
    assert is_gone(result.step("use").outputs["port"])
    assert "Ready to accept connections" in log(tmp_path, "cache")
    assert heard.lines[-1] == "service 'cache': ready"


def test_steps_use_postgresql(tmp_path: Path, open_directory: Path) -> None:
    tool("psql")
    (programs,) = {path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")}
    if os.geteuid() == 0:  # it refuses to run as root
        subprocess.run(["chown", "nobody", open_directory], check=True)
    nobody = "setpriv --reuid nobody --clear-groups" if os.geteuid() == 0 else ""
    server = f"""
    cd {open_directory}
    {nobody} {programs}/initdb -D data -A trust -U tester >/dev/null
    exec {nobody} {programs}/postgres -D data -p "$PORT" -k '' -c listen_addresses=127.0.0.1
    """
    sql = 'psql -h "$DB_HOST" -p "$DB_PORT" -U tester -d postgres -tAc "select 40 + 2"'
    job = Job(
        "job",
        [Step("use", f'echo "a=$({sql})" >>$RUNNERLIB_OUTPUT; echo port=$DB_PORT >>$RUNNERLIB_OUTPUT')],
        services=[Service("db", server, 'pg_isready -h 127.0.0.1 -p "$PORT"', ports=[5432])],
    )
    result, _ = run(tmp_path, job)
    assert (result.success, result.step("use").outputs["a"]) == (True, "42"), log(tmp_path, "db")
    assert is_gone(result.step("use").outputs["port"])


def test_logs_are_masked_and_kept(tmp_path: Path) -> None:
    speaking = Service("speaker", 'echo "key $A_TOKEN $OWN"; exec sleep 1000', "true", env={"OWN": "seen"})
    job = Job("job", [Step("a", "false")], env={"A_TOKEN": SECRET}, services=[speaking])
    result, _ = run(tmp_path, job)
    assert result.exit_code == 1
    assert log(tmp_path, "speaker") == "key [REDACTED] seen\n"


def test_services_get_the_secrets_of_the_job_alone(tmp_path: Path) -> None:
    speaking = Service("speaker", 'echo "${A_TOKEN:-none} ${B_TOKEN:-none}"; exec sleep 1000', "true")
    env = {"A_TOKEN": SECRET, "B_TOKEN": "another-secret-text"}
    job = Job("job", [Step("a", "true", secrets=["B_TOKEN"])], env=env, secrets=["A_TOKEN"], services=[speaking])
    assert run(tmp_path, job)[0].success
    assert log(tmp_path, "speaker") == "[REDACTED] none\n"


def test_what_a_service_alone_has_is_a_secret_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with a secret name is masked, and a reference replaced, as in those of steps."""
    env = {"DB_PASSWORD": SECRET, "KEY": "${secret:db:key}"}
    speaking = Service("speaker", 'echo "$DB_PASSWORD ${#KEY} $KEY"; exec sleep 1000', "true", env=env)
    job = Job("job", [Step("a", "true")], services=[speaking])
    monkeypatch.setenv("SECRET_DB__KEY", "key-of-the-db")
    assert run(tmp_path, job, secret_providers="env")[0].success
    assert log(tmp_path, "speaker") == "[REDACTED] 13 [REDACTED]\n"


@pytest.mark.parametrize(
    ("service", "told"),
    [
        (Service("s", "exit 3", "false"), "service 's' has ended before it was ready: exit code 3; its log is '"),
        (Service("s", ["/nowhere"]), "service 's' does not start: "),
        (Service("s", "exec sleep 1000", "false", ready_timeout=0.3), "service 's' was not ready after 0.3 s; its log"),
        (Service("s", "exec sleep 1000", ports=1, ready_timeout=0.3), "service 's' was not ready after 0.3 s; its log"),
    ],
    ids=["ends", "does not start", "is never ready", "opens no port"],
)
def test_a_service_that_is_not_ready_fails_the_job(tmp_path: Path, service: Service, told: str) -> None:
    with pytest.raises(RunnerError) as caught:
        run(tmp_path, Job("job", [Step("a", "touch ran")], services=[service]))
    assert str(caught.value).startswith(told)
    assert not (tmp_path / "src/ran").exists()


def test_a_service_that_ends_early_is_told(tmp_path: Path) -> None:
    job = Job("job", [Step("a", "touch go; until [ -e ../told ]; do sleep 0.01; done")])
    job.services = (Service("s", "until [ -e go ]; do sleep 0.01; done; exit 4", "true"),)
    result, heard = run(tmp_path, job)
    assert result.success
    assert any(line.startswith("service 's' has ended before the job: exit code 4") for line in heard.lines)


@pytest.mark.skipif(not landlock.abi(), reason="the kernel has no Landlock")
@pytest.mark.usefixtures("redis")
def test_services_are_in_the_sandbox_of_the_job(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    service = Service("s", f"echo mine >inside; echo mine >{outside}; exec sleep 1000", "test -e inside")
    job = Job("job", [Step("a", "cat inside")], services=[service])
    assert run(tmp_path, job, sandbox="strict")[0].success
    assert not outside.exists()
    assert "ermission denied" in log(tmp_path, "s")
    job = Job(
        "job", [Step("a", 'redis-cli -p "$CACHE_PORT" ping')], services=[Service("cache", REDIS, PING, ports=6379)]
    )
    assert run(tmp_path, job, sandbox="strict", network=True)[0].success


@pytest.mark.usefixtures("redis")
def test_jobs_of_workflows_have_services(tmp_path: Path) -> None:
    work = Workflow("ci")
    work.add_job("a", 'redis-cli -p "$CACHE_PORT" ping', services=[Service("cache", REDIS, PING, ports=6379)])
    work.add_job("b", 'redis-cli -p "$CACHE_PORT" ping', services=[Service("cache", REDIS, PING, ports=6379)])
    settings: dict[str, Any] = {"job_env": {"TMPDIR": str(tmp_path)}, "max_parallel": 2}
    assert run_workflow(work, workspace=tmp_path / "job", observer=Heard(), **settings).success


NAME = "a name has 1 to 32 lower case letters, digits and '-', and begins with a letter"
JOB = """
job:
  services:
    cache:
      run: exec redis-server --port "$PORT" --bind 127.0.0.1 --save ""
      ready: redis-cli -p "$PORT" ping
      ports: 6379
  steps:
    - {name: a, run: 'echo $CACHE_PORT; exec sleep 1000'}
"""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.usefixtures("redis")
def test_services_are_gone_with_the_runner(tmp_path: Path, signum: int) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    running = started("run", "--job-file", "job.yaml", "--output", "raw", cwd=tmp_path)
    assert running.stdout is not None
    port = running.stdout.readline().decode().strip()
    assert not is_gone(port)
    running.send_signal(signum)
    running.communicate(timeout=60)
    until(lambda: is_gone(port))


def test_wrong_services_are_told_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("""
job:
  services:
    Db: {run: x}
    a: {run: x, ports: 0, ready_timout: 5}
  steps: [{name: a, run: x}]
""")
    done = runnerlib("validate", "job.yaml", cwd=tmp_path)
    assert done.err.splitlines() == [
        f"error: job.yaml:4:5: services: Db: {NAME}",
        "error: job.yaml:4:5: services: a: ports: ports from 1 to 65535 are expected, got 0",
        "error: job.yaml:5:27: unknown key 'ready_timout'; did you mean 'ready_timeout'?",
    ]
    (tmp_path / "job.yaml").write_text("job: {services: {a: {ready: x}}, steps: [{name: a, run: x}]}")
    done = runnerlib("validate", "job.yaml", cwd=tmp_path)
    assert "services: a: 'run' is missing, the command of the service, or an 'image' that has one" in done.err
