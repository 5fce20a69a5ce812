"""A plain run whose steps are in a container of a real engine: what is asked for, what they see, what is left."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.dockerd import containers
from tests.integration.cli import Done, runnerlib, started
from tests.waiting import until

SECRET = "hunter2-hunter2"
IMAGE = ("--runner-image", "rl-test:1")


def run(tmp_path: Path, env: dict[str, str], *args: str, **more: str) -> Done:
    Path(env["CALLS"]).write_text("")
    return runnerlib("run", *args, cwd=tmp_path, **{**env, **more})


def test_a_command(docker: dict[str, str], tmp_path: Path) -> None:
    """It has the workspace, no privileges and its variables; its output is masked, its exit code the run's."""
    command = (
        'id -u; grep -E "CapEff|NoNewPrivs" /proc/self/status; echo $REACTORCIDE_CODE_DIR; cat f; '
        'test "$MY_TOKEN" = "$(cat ../expected)" && echo "given $MY_TOKEN"; '
        "test -w $REACTORCIDE_SECRETS_SOCKET && echo may register secrets; "
        "echo made > $REACTORCIDE_ARTIFACTS_DIR/made; echo ${HOME_OF_THE_RUNNER-unset}; exit 7"
    )
    (tmp_path / "job/src").mkdir(parents=True)
    (tmp_path / "job/src/f").write_text("source\n")
    (tmp_path / "job/expected").write_text(SECRET)
    own = {"MY_TOKEN": SECRET, "REACTORCIDE_SECRET_ENV_NAMES": "MY_TOKEN", "HOME_OF_THE_RUNNER": "/root"}
    done = run(tmp_path, docker, *IMAGE, "--job-command", command, **own)
    assert done.out.decode().split("\n") == [
        str(os.geteuid() or 1001),
        "CapEff:\t0000000000000000",
        "NoNewPrivs:\t1",
        "/job/src",
        "source",
        "given [REDACTED]",
        "may register secrets",
        "unset",
        "",
    ]
    assert done.code == 7
    assert (tmp_path / "job/artifacts/made").read_text() == "made\n"
    assert "hunter2" not in Path(docker["CALLS"]).read_text() + done.err
    assert containers(docker) == []


def test_steps(docker: dict[str, str], tmp_path: Path) -> None:
    """One container for all of them; what they hand on, retries, time limits and conditions are as without."""
    once = "test -e ../once || { echo > ../once; false; }"
    steps: list[dict[str, object]] = [
        {"name": "give", "run": "echo v=1 >> $RUNNERLIB_OUTPUT; echo N=2 >> $RUNNERLIB_ENV; echo x > /job/kept"},
        {"name": "take", "run": 'echo "$RUNNERLIB_OUTPUT_GIVE_V $N"; cat ../kept'},
        {"name": "late", "run": "setsid sleep 1000 & sleep 1000", "timeout": 1, "allow_failure": True},
        {"name": "again", "run": once, "retry": {"max": 1, "backoff": 0}},
        {"name": "not", "run": "echo never", "condition": 'steps.late.outcome == "success"'},
        {"name": "missing", "run": ["no-such-program"], "allow_failure": True},
        {"name": "last", "run": "exit 3", "when": "always"},
    ]
    (tmp_path / "job.yaml").write_text(json.dumps({"job": {"name": "boxed", "steps": steps}}))
    done = run(tmp_path, docker, "--job-file", "job.yaml", *IMAGE, "--output", "json")
    events = [json.loads(line) for line in done.out.splitlines()]
    ended = {event["step"]: event for event in events if event["type"] == "step_finished"}
    assert {name: (event["outcome"], event["exit_code"]) for name, event in ended.items()} == {
        "give": ("success", 0),
        "take": ("success", 0),
        "late": ("failure", 124),
        "again": ("success", 0),
        "not": ("skipped", 0),
        "missing": ("failure", 127),
        "last": ("failure", 3),
    }
    assert ended["again"]["attempts"] == 2
    assert [event["text"] for event in events if event.get("step") == "take" and "text" in event] == ["1 2", "x"]
    assert done.code == 3
    assert Path(docker["CALLS"]).read_text().splitlines().count("run") == 1
    assert containers(docker) == []


def test_what_is_large_goes_by_file(docker: dict[str, str], tmp_path: Path) -> None:
    """A value of 1 MB, and a text of 200 KB that asks for it."""
    give = "{ printf 'v='; head -c 1000000 /dev/zero | tr '\\0' x; echo; } >> $RUNNERLIB_OUTPUT"
    take = f"#{' ' * 200_000}\nwc -c < $RUNNERLIB_LEFT_OUT/RUNNERLIB_OUTPUT_GIVE_V"
    steps = [{"name": "give", "run": give}, {"name": "take", "run": take}]
    (tmp_path / "job.yaml").write_text(json.dumps({"job": {"steps": steps}}))
    done = run(tmp_path, docker, "--job-file", "job.yaml", *IMAGE, "--output", "json")
    assert done.code == 0
    events = [json.loads(line) for line in done.out.splitlines()]
    told = [event["text"] for event in events if event["type"] == "step_output" and event["step"] == "take"]
    assert "".join(told).strip() == "1000000"


def test_the_variables_of_the_job_and_no_others(docker: dict[str, str], tmp_path: Path) -> None:
    """Also where the runner happens to have the same; in place of its PATH the image's counts, unless the job says."""
    show = "echo $MODE ${OTHER-unset} ${HERE-unset}; echo $PATH"
    steps: list[dict[str, object]] = [
        {"name": "a", "run": show},
        {"name": "b", "run": show, "env": {"OTHER": "same", "PATH": "/opt/tool/bin:/bin"}},
        {"name": "c", "run": show + '; echo /job/tools >> "$RUNNERLIB_PATH"; echo HERE=x >> "$RUNNERLIB_ENV"'},
        {"name": "d", "run": show},
    ]
    (tmp_path / "job.yaml").write_text(json.dumps({"job": {"name": "boxed", "env": {"MODE": "prod"}, "steps": steps}}))
    more = {"MODE": "prod", "OTHER": "same", "HERE": "x"}
    done = run(tmp_path, docker, "--job-file", "job.yaml", *IMAGE, "--output", "raw", **more)
    assert done.code == 0, done
    own = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert done.out.splitlines() == [
        *(b"prod unset unset", own),
        *(b"prod same unset", b"/opt/tool/bin:/bin"),
        *(b"prod unset unset", own),
        *(b"prod unset x", b"/job/tools:" + own),
    ]


def test_the_image_of_a_job_file(docker: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "flat.json").write_text(json.dumps({"image": "rl-test:1", "command": "make test", "name": "flat"}))
    (tmp_path / "job/src").mkdir(parents=True)
    (tmp_path / "job/src/Makefile").write_text("test:\n")
    Path(docker["CALLS"]).write_text("")
    done = runnerlib("run-job", "flat.json", "--container", cwd=tmp_path, **docker)
    assert (done.code, done.out) == (0, b"made test with a Makefile of 1 targets\n"), done
    done = runnerlib("run-job", "flat.json", "--dry-run", cwd=tmp_path, **docker)
    assert "image 'rl-test:1': the job runs right here; --container runs its steps in a container of it" in str(done)


def test_where_no_container_is_asked_for(tmp_path: Path) -> None:
    """Reactorcide tells every job the image it is in already; and where nobody can run one, none is wanted."""
    command = ("run", "--job-command", "echo right here")
    alone = runnerlib(*command, cwd=tmp_path, REACTORCIDE_RUNNER_IMAGE="rl-test:1")
    without = runnerlib(*command, *IMAGE, "--container-engine", "none", cwd=tmp_path)
    assert [(done.code, done.out) for done in (alone, without)] == [(0, b"right here\n")] * 2


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--runner-image", "localhost:1/none:1"], 125, "error: cannot start a container of 'localhost:1/none:1': "),
        (["--container"], 78, "error: container (command line, --container): the name of an image is expected"),
        (["--runner-image", "--privileged"], 78, "runner_image"),
        (["--runner-image", "x:1", "--container-engine", "podmann"], 78, "did you mean 'podman'?"),
    ],
)
def test_what_cannot_be(options: list[str], code: int, told: str, docker: dict[str, str], tmp_path: Path) -> None:
    done = run(tmp_path, docker, *options, "--job-command", "echo here")
    assert (done.code, done.out) == (code, b""), done
    assert told in done.err
    assert containers(docker) == []


def test_without_an_engine(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = runnerlib("run", *IMAGE, "--job-command", "echo here", cwd=tmp_path, PATH=str(tmp_path / "bin"))
    assert (done.code, done.out) == (78, b"")
    assert "the image 'rl-test:1' needs a container engine, and there is no docker or podman in the PATH" in done.err
    assert not (tmp_path / "job").exists()


def test_an_engine_that_does_not_answer(docker: dict[str, str], tmp_path: Path) -> None:
    gone = {**docker, "DOCKER_HOST": f"unix://{tmp_path}/gone"}
    done = run(tmp_path, gone, *IMAGE, "--job-command", "echo here")
    assert (done.code, done.out) == (125, b""), done
    assert "cannot start a container of 'rl-test:1': " in done.err


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_nothing_is_left(signum: signal.Signals, code: int, docker: dict[str, str], tmp_path: Path) -> None:
    command = "setsid sleep 1000 & echo x > ../ready; sleep 1000"
    with started(
        "run", *IMAGE, "--grace-period", "1", "--job-command", command, cwd=tmp_path, **docker
    ) as runner:  # fmt: skip
        until((tmp_path / "job/ready").exists)
        runner.send_signal(signum)
        runner.communicate()
    assert runner.returncode == code
    until(lambda: containers(docker) == [])


# It does not end with its input, as `docker run` does not while it fetches, but when the container is removed.
FETCHING = """#!/bin/sh
case $1 in
  run) echo $$ >fetching; exec sleep 1000 ;;
  rm) kill $(cat fetching) ;;
esac
"""


def test_stopped_while_the_image_is_fetched(tmp_path: Path) -> None:
    """A fetch can take long, and says nothing meanwhile."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text(FETCHING)
    (tmp_path / "bin/docker").chmod(0o755)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    with started("run", *IMAGE, "--job-command", "echo here", cwd=tmp_path, PATH=path) as runner:
        until(lambda: (tmp_path / "job/fetching").exists() and bool((tmp_path / "job/fetching").read_text()))
        runner.terminate()
        out, _ = runner.communicate()
    assert (runner.returncode, out) == (143, b"")
    assert not Path(f"/proc/{(tmp_path / 'job/fetching').read_text().strip()}").exists()


HOOKS = """
from runnerlib.plugins import Plugin


class Hooks(Plugin):
    def __init__(self):
        super().__init__("hooks")

    def pre_container(self, context):
        context.env_vars["FROM_A_HOOK"] = "set"
        print("before")

    def post_container(self, context):
        print(f"after {context.exit_code}")

    def cleanup(self, context):
        print("cleaned")
"""


def test_hooks_are_on_this_side(docker: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/plugin_hooks.py").write_text(HOOKS)
    done = run(tmp_path, docker, *IMAGE, "--plugin-dir", "plugins", "--job-command", "echo $FROM_A_HOOK; exit 4")
    assert (done.code, done.out) == (4, b"set\n"), done
    said = [line.rpartition(" ")[2] if "after" not in line else "after" for line in done.err.splitlines()]
    assert [word for word in said if word in {"before", "after", "cleaned"}] == ["before", "after", "cleaned"]


def test_directories_outside_of_the_workspace(docker: dict[str, str], tmp_path: Path) -> None:
    """A program that runs a job may grant it some; they have the same path in the container."""
    (tmp_path / "w").mkdir()
    (tmp_path / "granted").mkdir()
    own = {"RUNNERLIB_WORKSPACE": f"{tmp_path}/w", "RUNNERLIB_GRANTED": f"{tmp_path}/granted"}
    keep = ("--artifacts-dir", f"{tmp_path}/granted/kept")
    done = run(tmp_path, docker, *IMAGE, *keep, "--job-command", "echo x > $REACTORCIDE_ARTIFACTS_DIR/made", **own)
    assert done.code == 0, done
    assert (tmp_path / "granted/kept/made").read_text() == "x\n"


def test_a_workflow_has_it_where_a_job_names_none(docker: dict[str, str], tmp_path: Path) -> None:
    jobs = [{"name": "a", "command": "id -u"}, {"name": "b", "image": "alpine:latest", "command": "id -u"}]
    (tmp_path / "w.json").write_text(json.dumps({"workflow": {"name": "boxes", "jobs": jobs}}))
    done = run(tmp_path, docker, "--workflow-file", "w.json", *IMAGE)
    assert done.code == 0, done
    assert done.out.decode().count(str(os.geteuid() or 1001)) == 2
    calls = Path(docker["CALLS"]).read_text().splitlines()
    assert (calls.count("rl-test:1"), calls.count("alpine:latest")) == (1, 1)
