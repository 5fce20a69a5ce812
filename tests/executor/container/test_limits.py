"""Limits of what a container may do and see, and its look from outside: the same by both engines."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from runnerlib.executor.container import Limits, parse_capabilities, parse_user
from tests.dockerd import containers
from tests.integration.cli import Done, runnerlib, started
from tests.looped import assert_each
from tests.waiting import until

SECRET = "hunter2-hunter2"
IMAGE, OTHER = "rl-test:1", "rl-other:1"


class ContainerRuntime(NamedTuple):
    kind: str
    env: dict[str, str]

    def run(self, tmp_path: Path, steps: list[dict[str, object]], *args: str) -> tuple[Done, dict[str, list[str]]]:
        """Run steps in a container of IMAGE; what each wrote."""
        (tmp_path / "job.yaml").write_text(json.dumps({"job": {"name": "boxed", "steps": steps}}))
        Path(self.env["CALLS"]).write_text("")
        done = runnerlib("run", *self.words, *args, "--output", "json", cwd=tmp_path, **self.env)
        said: dict[str, list[str]] = {}
        for line in done.out.splitlines():
            event = json.loads(line)
            if event["type"] == "step_output":
                said.setdefault(event["step"], []).append(event["text"])
        return done, said

    @property
    def words(self) -> tuple[str, ...]:
        return "--job-file", "job.yaml", "--container-engine", self.kind, "--runner-image", IMAGE

    def ask(self, *words: str) -> str:
        return subprocess.run([self.kind, *words], env=self.env, check=True, capture_output=True, text=True).stdout


@pytest.fixture(params=["docker", "podman"], scope="session")
def engine(request: pytest.FixtureRequest) -> ContainerRuntime:
    return ContainerRuntime(request.param, request.getfixturevalue(request.param))


ORPHANS = "i=0; while [ $i -lt 30 ]; do (setsid sh -c 'sleep 0 & sleep 0 &'); i=$((i+1)); done"
ZOMBIES = "cat /proc/[0-9]*/status | grep -c State:.Z; true"


def test_what_a_step_may_do(engine: ContainerRuntime, tmp_path: Path) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/run.sh").write_text("echo trusted\n")
    spoil = "echo evil >>run.sh; busybox rm -f run.sh; echo >new; busybox mv ../ci ../other; busybox chmod 777 run.sh"
    steps: list[dict[str, object]] = [
        {"name": "who", "run": "id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status"},
        {"name": "orphans", "run": ORPHANS},
        {"name": "zombies", "run": f"until [ $({ZOMBIES}) = 0 ]; do sleep 0.1; done; echo none"},
        {"name": "kill", "run": "busybox killall -KILL cat; busybox killall -TERM sh; true", "allow_failure": True},
        {"name": "dir", "run": "true", "working_dir": "nothing/here", "allow_failure": True},
        {"name": "file", "run": "true", "working_dir": "/job/kept", "allow_failure": True},
        {"name": "ci", "run": f"cd /job/ci; {{ {spoil}; }} 2>&1 | grep -c Read-only; sh run.sh"},
        {
            "name": "write",
            "run": "{ echo >/etc/x; } 2>/dev/null || echo no; echo yes >/tmp/x; cat /tmp/x; ls /sys/class/net",
        },
    ]
    (tmp_path / "job").mkdir()
    (tmp_path / "job/kept").write_text("")
    more = ("--ci-source-type", "copy", "--ci-source-url", f"{tmp_path}/ci", "--grace-period", "1")
    done, said = engine.run(tmp_path, steps, *more, "--container-read-only", "--container-network", "none")
    none = "0" * 16
    own = str(os.geteuid() or 1001)
    assert said["who"] == [own, f"CapEff:\t{none}", f"CapBnd:\t{none}", "NoNewPrivs:\t1", "Seccomp:\t2"], done
    assert said["zombies"] == ["none"]
    assert said["ci"] == ["4", "trusted"]
    assert said["write"] == ["no", "yes", "lo"]
    ends = {one["step"]: one for one in map(json.loads, done.out.splitlines()) if one["type"] == "step_finished"}
    for name, path in (("dir", f"{tmp_path}/job/src/nothing/here"), ("file", f"{tmp_path}/job/kept")):
        assert ends[name]["reason"] == f"the directory of the job '{path}' does not exist"
        assert (ends[name]["exit_code"], ends[name]["cause"]) == (125, "runner")
    assert (done.code, done.err.count("warning")) == (0, 0), done
    assert (tmp_path / "job/ci/run.sh").read_text() == "echo trusted\n"
    assert containers(engine.env, engine.kind) == []


def test_what_is_seen_from_outside(engine: ContainerRuntime, tmp_path: Path) -> None:
    """Neither the arguments of a process nor the engine's own records have a secret; an image is never made."""
    wait = 'test "$MY_TOKEN" = hunter2-$MY_HALF && echo ready >../ready; read x; echo "$MY_TOKEN"'
    steps = [{"name": "a", "run": wait, "env": {"MY_HALF": "hunter2"}, "stdin": "x"}]
    steps += [{"name": "b", "run": "echo ready >../second; while test -e ../second; do sleep 0.1; done"}]
    (tmp_path / "job.yaml").write_text(
        json.dumps({"job": {"name": "boxed", "env": {"MY_TOKEN": SECRET}, "steps": steps}})
    )
    images = engine.ask("images", "-aq")
    more = ("--container-capabilities", "cap_chown", "--container-pull", "never")
    with started("run", *engine.words, *more, cwd=tmp_path, **engine.env) as runner:
        until((tmp_path / "job/second").exists)
        assert (tmp_path / "job/ready").exists()
        name = containers(engine.env, engine.kind)[0]
        told = engine.ask("inspect", name)
        words = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
        record = json.loads(told)[0]
        host = record["HostConfig"]
        (tmp_path / "job/second").unlink()
        out, err = runner.communicate()
    assert runner.returncode == 0, (out, err)
    assert SECRET not in told
    assert SECRET.encode() not in words
    assert b"runnerlib: ready" in words
    assert (record.get("BoundingCaps") or host["CapAdd"]) in (["CHOWN"], ["CAP_CHOWN"])  # podman, docker
    assert "no-new-privileges" in host["SecurityOpt"]
    assert not any("seccomp" in option for option in host["SecurityOpt"])
    assert (host["Privileged"], host["ReadonlyRootfs"]) == (False, False)
    assert engine.ask("images", "-aq") == images
    assert "--pull\nnever\n" in Path(engine.env["CALLS"]).read_text()


POISON = """
for file in /job/.runnerlib/scratch/*.env /job/.runnerlib/scratch/0.1.output; do
  test -e "$file" && echo "found $file"
done
for name in .bashrc .runnerlib/journal.ndjson .runnerlib/scratch/../x triggers.json workflow-output.json ci/run.sh; do
  { echo evil >>"/job/$name"; } 2>/dev/null && echo "wrote $name"
done
{ echo '{}' >>"$RUNNERLIB_TRIGGERS"; } 2>/dev/null && echo triggered
ls /job/.runnerlib
cat /proc/[0-9]*/environ 2>/dev/null | grep -ac hunter2 || true
echo "$HOME ${MY_TOKEN-none} $(ls /sys/class/net)"
echo x >"$HOME/.bashrc"; echo x >"$REACTORCIDE_ARTIFACTS_DIR/x"; echo v=1 >>"$RUNNERLIB_OUTPUT"; echo ok >made
"""


def test_an_untrusted_step_has_a_container_of_its_own(engine: ContainerRuntime, tmp_path: Path) -> None:
    """It can neither read what others have there nor leave anything that a later step with a secret would use."""
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/run.sh").write_text("echo trusted\n")
    look = "ls -A /job /job/.runnerlib/scratch | grep -c bashrc; cat /job/src/made"
    steps: list[dict[str, object]] = [
        {"name": "holder", "run": "until test -e made; do sleep 0.1; done", "timeout": 60, "depends_on": []},
        {"name": "attack", "run": POISON, "untrusted": True, "depends_on": []},
        {"name": "open", "run": "ls /sys/class/net", "sandbox": "strict", "network": True, "depends_on": ["attack"]},
        {"name": "after", "run": f"{look}; echo $RUNNERLIB_OUTPUT_ATTACK_V-$MY_TOKEN", "depends_on": ["attack"]},
    ]
    words = ("--ci-source-type", "copy", "--ci-source-url", f"{tmp_path}/ci", "--job-env", f"MY_TOKEN={SECRET}")
    done, said = engine.run(tmp_path, steps, *words)
    assert done.code == 0, done
    assert said["attack"] == ["scratch", "secrets", "0", "/job/.runnerlib/scratch/home none lo"], done
    assert said["after"] == ["0", "ok", "1-[REDACTED]"]
    assert Path(engine.env["CALLS"]).read_text().count("\n--network\nnone\n") == 1  # not that of 'open'
    assert (tmp_path / "job/artifacts/x").exists()
    assert containers(engine.env, engine.kind) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_root_in_a_container_has_the_capabilities_that_are_given(engine: ContainerRuntime, tmp_path: Path) -> None:
    steps: list[dict[str, object]] = [
        {"name": "own", "run": "id -u; echo >f; busybox chown 5 f 2>/dev/null && busybox stat -c %u f || echo may not"},
    ]
    for given, expected in (("", "may not"), ("CHOWN,setuid", "5")):
        words = ("--container-user", "root", "--container-capabilities", given)
        done, said = engine.run(tmp_path, steps, *words)
        assert said == {"own": ["0", expected]}, done


def test_a_step_has_the_image_that_it_names(engine: ContainerRuntime, tmp_path: Path) -> None:
    """One container for each image: those of the same one share it."""
    host = "cat /proc/sys/kernel/hostname; echo $HERE; echo HERE=handed on >> $RUNNERLIB_ENV"
    steps: list[dict[str, object]] = [
        {"name": "a", "run": host},
        {"name": "b", "run": host, "image": OTHER},
        {"name": "c", "run": host},
        {"name": "d", "run": host, "image": OTHER},
    ]
    done, said = engine.run(tmp_path, steps)
    assert done.code == 0, done
    names = {step: lines[0] for step, lines in said.items()}
    assert names["a"] == names["c"] != names["b"] == names["d"]
    assert [said[step][1] for step in "abcd"] == ["", "handed on", "handed on", "handed on"]
    assert containers(engine.env, engine.kind) == []


def test_images_of_steps_alone(docker: dict[str, str], tmp_path: Path) -> None:
    named: dict[str, object] = {"name": "a", "run": "echo in a", "image": IMAGE}
    job = {"job": {"steps": [named, {"name": "b", "run": "echo in b"}]}}
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    done = runnerlib("run", "--job-file", "job.yaml", "--container", cwd=tmp_path, **docker)
    assert (done.code, done.out) == (78, b"")
    assert "the name of an image is expected for step 'b'" in done.err
    here = runnerlib("run", "--job-file", "job.yaml", "--output", "raw", cwd=tmp_path, **docker)
    assert here.out == b"in a\nin b\n"
    assert f"image '{IMAGE}' of step 'a': the job runs right here" in here.err
    workflow = {"workflow": {"name": "w", "jobs": [{"name": "j", "steps": [named]}, {"name": "k", "command": "true"}]}}
    (tmp_path / "w.json").write_text(json.dumps(workflow))
    done = runnerlib("run", "--workflow-file", "w.json", cwd=tmp_path, **docker)
    assert (done.code, b"in a" in done.out) == (0, True), done
    assert containers(docker) == []


def test_what_cannot_be(docker: dict[str, str], tmp_path: Path) -> None:
    wrong = {
        ("--container-network", "bridge"): "container_network",
        ("--container-pull", "sometimes"): "container_pull",
        (
            "--container-user",
            "nobody",
        ): "container_user (command line, --container-user): root or UID[:GID] is expected",
        ("--container-capabilities", "chown,x y"): "'X Y' is no capability",
    }

    def case(option: str, value: str, told: str) -> None:
        words = ("--runner-image", IMAGE, option, value, "--job-command", "echo here")
        done = runnerlib("run", *words, cwd=tmp_path, **docker)
        assert (done.code, done.out) == (78, b""), done
        assert told in done.err

    assert_each(case, [(*words, told) for words, told in wrong.items()])


def test_users_and_capabilities() -> None:
    assert [parse_user(text) for text in ("root", "7", "7:8")] == [(0, 0), (7, 7), (7, 8)]
    assert parse_capabilities(["CAP_CHOWN", "setuid"]) == ("CHOWN", "SETUID")
    assert Limits((7, 8)).stranger == (None if os.geteuid() else 7)
    assert Limits((os.geteuid(), 0)).stranger is Limits((0, 0)).stranger is None
