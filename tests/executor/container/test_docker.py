"""Jobs in containers of a real engine, which these tests start: a Docker of its own, with an image made of busybox."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from runnerlib.runner.workflow.status_records import job_result
from tests.dockerd import containers
from tests.integration.cli import Done, runnerlib, started
from tests.integration.terminal import on_terminal
from tests.waiting import until

SECRET = "hunter2-hunter2\nsecond-secret-line"


def run(tmp_path: Path, env: dict[str, str], jobs: list[dict[str, object]], *args: str) -> Done:
    (tmp_path / "w.json").write_text(json.dumps({"workflow": {"name": "boxes", "jobs": jobs}}))
    Path(env["CALLS"]).write_text("")
    return runnerlib("run", "--workflow-file", "w.json", *args, cwd=tmp_path, **env)


def test_steps_share_a_container_without_privileges(docker: dict[str, str], tmp_path: Path) -> None:
    steps = [
        {"name": "who", "run": "id -u; grep -E 'CapEff|NoNewPrivs' /proc/self/status; echo $HOST_ONLY-$HOME"},
        {"name": "secret", "run": 'test "$MY_TOKEN" = "$(cat ../expected)"; echo $?; echo "$MY_TOKEN"'},
        {
            "name": "ask",
            "run": "test -S $REACTORCIDE_SECRETS_SOCKET; echo $?; ls $RUNNERLIB_RECORDS; echo $REACTORCIDE_CODE_DIR",
        },
        {"name": "give", "run": "echo 'v=1' >> $RUNNERLIB_OUTPUT; mkdir dist; echo made > dist/f"},
        {"name": "take", "run": ["echo", "$V", "a b"]},
        {"name": "read", "run": "cat", "stdin": "from stdin"},
        {"name": "fail", "run": "exit 7", "allow_failure": True},
        {"name": "leave", "run": "sleep 1000 & echo left"},
        {"name": "late", "run": "sleep 1000", "timeout": 1, "allow_failure": True},
    ]
    first = {"name": "a", "image": "rl-test:1", "env": {"MY_TOKEN": SECRET}, "steps": steps}
    first["artifacts"] = {"upload": "dist/*"}
    here = {"name": "b", "needs": "a", "command": "cat $REACTORCIDE_ARTIFACTS_DIR/a/dist/f; echo $RUNNERLIB_OUTPUT_A_V"}
    here["artifacts"] = {"download": "a"}
    (tmp_path / "job/jobs/a").mkdir(parents=True)
    (tmp_path / "job/jobs/a/expected").write_text(SECRET)
    env = {**docker, "HOST_ONLY": "of the host"}
    done = run(tmp_path, env, [first, here], "--grace-period", "1", "--output", "json")
    events = [json.loads(line) for line in done.out.splitlines()]
    said: dict[str, list[str]] = {}
    for event in events:
        if event["type"] == "step_output":
            said.setdefault(event["step"], []).append(event["text"])
    ends = {event["step"]: (event["exit_code"], event["cause"]) for event in events if event["type"] == "step_finished"}
    assert said["a/who"] == ["1001", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "-/job"]
    assert said["a/secret"] == ["0", "[REDACTED]"]
    assert (said["a/take"], said["a/read"], said["a/leave"]) == (["$V a b"], ["from stdin"], ["left"])
    assert said["a/ask"] == ["0", "a.json", "a.lock", "/job/src"]
    assert said["b"] == ["made", "1"]
    assert ends["a/fail"] == (7, "exit")
    assert ends["a/late"] == (124, "timeout")
    assert {step for step, end in ends.items() if end == (0, "")} == set(ends) - {"a/fail", "a/late"}
    assert done.code == 0
    calls = Path(docker["CALLS"]).read_text()
    assert "--cap-drop\nALL\n--security-opt\nno-new-privileges\n" in calls
    assert "hunter2" not in calls
    assert "second-secret-line" not in calls
    assert calls.count("\nexec\n") >= len(steps)
    assert calls.splitlines().count("run") == 1
    assert list((tmp_path / "job/.runnerlib/scratch").iterdir()) == []
    assert containers(docker) == []


def test_steps_in_a_container_have_the_secrets_that_they_list(docker: dict[str, str], tmp_path: Path) -> None:
    show = 'echo "${#MY_TOKEN} ${#HOST_SECRET} ${#COPY}"'
    steps = [
        {
            "name": "with",
            "run": f'{show}; echo "COPY=$MY_TOKEN" >> $RUNNERLIB_ENV',
            "secrets": ["MY_TOKEN", "HOST_SECRET"],
        },
        {"name": "without", "run": show, "untrusted": True},
    ]
    first = {"name": "a", "image": "rl-test:1", "env": {"MY_TOKEN": "hunter2-hunter2"}, "steps": steps}
    done = run(tmp_path, {**docker, "HOST_SECRET": "of-the-host"}, [first], "--output", "json")
    events = [json.loads(line) for line in done.out.splitlines()]
    said = {event["step"]: event["text"] for event in events if event["type"] == "step_output"}
    assert done.code == 0, done
    assert said == {"a/with": "15 11 0", "a/without": "0 0 0"}


def test_a_step_that_puts_a_link_where_steps_hand_things_on(docker: dict[str, str], tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "scratch").mkdir(parents=True)
    swap = "cd /job; busybox rmdir .runnerlib/scratch; busybox mv .runnerlib/scratch x; "
    swap += f"busybox mv .runnerlib moved; busybox ln -s {outside} .runnerlib; echo swapped"
    steps = [{"name": "swap", "run": swap}, {"name": "next", "run": "true", "depends_on": ["swap"]}]
    done = run(tmp_path, docker, [{"name": "a", "image": "rl-test:1", "steps": steps}])
    assert b"swapped" in done.out
    assert (tmp_path / "job/jobs/a/.runnerlib").is_symlink()
    assert [path.name for path in outside.rglob("*")] == ["scratch"]
    again = run(tmp_path, docker, [{"name": "a", "image": "rl-test:1", "command": "true"}])
    assert b"a link stands where the runner keeps its files" in again.out + again.err.encode()
    assert [path.name for path in outside.rglob("*")] == ["scratch"]
    assert containers(docker) == []


def test_an_image_that_is_not_there(docker: dict[str, str], tmp_path: Path) -> None:
    done = run(tmp_path, docker, [{"name": "a", "image": "localhost:1/none:1", "command": "true"}])
    assert done.code == 125
    assert "cannot start a container of 'localhost:1/none:1': " in done.err
    assert containers(docker) == []


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_nothing_is_left_of_a_runner_that_is_ended(
    signum: signal.Signals, code: int, docker: dict[str, str], tmp_path: Path
) -> None:
    job = {"name": "a", "image": "rl-test:1", "command": "setsid sleep 1000 & echo x > ../ready; sleep 1000"}
    (tmp_path / "w.json").write_text(json.dumps({"workflow": {"name": "boxes", "jobs": [job]}}))
    with started("run", "--workflow-file", "w.json", "--grace-period", "1", cwd=tmp_path, **docker) as runner:
        until((tmp_path / "job/jobs/a/ready").exists)
        runner.send_signal(signum)
        runner.communicate()
    assert runner.returncode == code
    until(lambda: containers(docker) == [])
    found = job_result(tmp_path / "job/.runnerlib/jobs", "a")
    assert found is not None
    assert found["state"] == ("interrupted" if signum == signal.SIGKILL else "cancelled")


def test_want_of_memory_and_what_a_step_used(docker: dict[str, str], tmp_path: Path) -> None:
    """The figures are the container's own: the client of the engine uses some 30 MiB and little time."""
    eat = "x=x; while :; do x=$x$x; done"
    busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"
    limits = {"image": "rl-test:1", "resources": {"memory": {"limit": "64Mi"}}}
    eating = {"name": "eat", "run": eat, "allow_failure": True}
    steps = [eating, {"name": "busy", "run": busy}, {"name": "killed", "run": "kill -KILL $$", "allow_failure": True}]
    done = run(tmp_path, docker, [{"name": "j", "steps": steps, **limits}], "--output", "json")
    events = [json.loads(line) for line in done.out.splitlines()]
    ends = {event["step"]: event for event in events if event["type"] == "step_finished"}
    assert done.code == 0, done
    assert (ends["j/eat"]["exit_code"], ends["j/eat"]["cause"]) == (137, "oom")
    assert ends["j/eat"]["reason"] == "killed by the kernel: out of memory (limit 64 MiB)"
    assert (ends["j/killed"]["exit_code"], ends["j/killed"]["cause"]) == (137, "exit")
    assert ends["j/busy"]["usage"]["user"] >= 0.05
    assert ends["j/busy"]["usage"]["max_rss"] is None


def test_steps_with_limits_of_their_own(docker: dict[str, str], tmp_path: Path) -> None:
    """They share a container with those that have the same ones, and the workspace with all."""
    eat = {"run": "x=x; while :; do x=$x$x; done", "allow_failure": True}
    limit = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; cat made"
    own = {"memory": "48Mi", "cpu": 1}
    steps = [
        {"name": "plain", "run": "echo shared >made"},
        {"name": "own", "run": limit, "resources": own},
        {"name": "eats", **eat, "resources": own},
        {"name": "apart", "run": limit, "resources": own, "untrusted": True},
    ]
    done = run(tmp_path, docker, [{"name": "j", "image": "rl-test:1", "steps": steps}], "--output", "json")
    events = [json.loads(line) for line in done.out.splitlines()]
    said = [(one["step"], one["text"]) for one in events if one["type"] == "step_output" and one["text"] != "Killed"]
    expected = [(f"j/{step}", text) for step in ("own", "apart") for text in (str(48 << 20), "shared")]
    assert said == expected, done.err
    (eats,) = [one for one in events if one["type"] == "step_finished" and one["step"] == "j/eats"]
    assert eats["cause"] == "oom"
    assert Path(docker["CALLS"]).read_text().splitlines().count("run") == 3


def serving(tmp_path: Path, **job: object) -> list[dict[str, object]]:
    """A job whose service answers at a port what another image has."""
    service = {
        "image": "rl-other:1",
        "run": 'echo "serving with $MY_TOKEN"; while true; do echo answer | nc -l -p "$PORT"; done',
        "ready": 'test -n "$(nc 127.0.0.1 $PORT </dev/null)"',
        "ports": 5432,
    }
    return [{"name": "a", "image": "rl-test:1", "env": {"MY_TOKEN": SECRET}, "services": {"db": service}, **job}]


def test_steps_reach_the_services_of_their_job(docker: dict[str, str], tmp_path: Path) -> None:
    ask = 'echo "$DB_HOST $DB_PORT"; until said=$(nc $DB_HOST $DB_PORT </dev/null); do sleep 0.1; done; echo $said'
    steps = [{"name": "ask", "run": ask}, {"name": "other", "image": "rl-other:1", "run": f"{ask}; exit 3"}]
    done = run(tmp_path, docker, serving(tmp_path, steps=steps), "--output", "json", "--grace-period", "1")
    said = [json.loads(line) for line in done.out.splitlines()]
    texts = [event["text"] for event in said if event["type"] == "step_output"]
    assert texts == ["127.0.0.1 5432", "answer"] * 2, done.err
    assert done.code == 3
    log = (tmp_path / "job/jobs/a/artifacts/logs/services/db.log").read_text()
    assert "serving with [REDACTED]" in log
    assert "hunter2" not in log
    assert containers(docker) == []


def test_services_are_gone_with_a_killed_runner(docker: dict[str, str], tmp_path: Path) -> None:
    jobs = serving(tmp_path, command="echo begun; sleep 1000")
    (tmp_path / "w.json").write_text(json.dumps({"workflow": {"name": "boxes", "jobs": jobs}}))
    running = started("run", "--workflow-file", "w.json", "--output", "raw", cwd=tmp_path, **docker)
    assert running.stdout is not None
    assert running.stdout.readline() == b"begun\n"
    assert len(containers(docker)) == 2
    running.kill()
    running.communicate()
    until(lambda: containers(docker) == [])


def test_a_shell_where_a_step_has_failed(docker: dict[str, str], tmp_path: Path) -> None:
    """It is in the container of the step: the files and the user of the image, its variables and its directory."""
    step = {"name": "bad", "run": "echo kept > f; exit 3", "working_dir": "sub", "env": {"MODE": "fast"}}
    job = {
        "image": "rl-test:1",
        "env": {"MY_TOKEN": "hunter2-hunter2"},
        "steps": [step, {"name": "next", "run": "true"}],
    }
    (tmp_path / "w.json").write_text(json.dumps({"jobs": {"a": job}}))
    (tmp_path / "job/jobs/a/src/sub").mkdir(parents=True)
    with on_terminal("run", "--workflow-file", "w.json", "--shell-on-failure", cwd=tmp_path, **docker) as session:
        session.until("runnerlib: a: step 'bad' has failed; this shell is where it ran")
        session.until("failed step$ ")
        session.types("pwd; cat f; id -u; ls /bin/busybox; echo $MODE-$RUNNERLIB_STEP-$MY_TOKEN; test -t 0; echo $?\r")
        session.until("\n/job/src/sub\nkept\n1001\n/bin/busybox\nfast-bad-[REDACTED]\n0\n")
        session.types("sh -c 'echo begun | tr b B; sleep 1000'\r")
        session.until("\nBegun\n")  # said in the foreground, where ^C arrives
        session.types("\x03")
        session.until("failed step$ ")
        session.types("echo went on; exit\r")
        session.until("\nwent on\n")
        assert session.ends() == 3
    assert "hunter2" not in session.seen
    assert containers(docker) == []
