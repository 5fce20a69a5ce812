"""The command line leaves no process: of steps that hide, of hooks, of a runner that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.executor.local.steps import alive
from tests.waiting import until

RUNNERLIB = [sys.executable, "-m", "runnerlib", "run"]
# Each tells the number of a daemon that carries no mark: neither the limit nor the variable.
STAY = "/bin/sh -c 'echo $$ >>pids; exec /bin/sleep 100000'"
HIDING = {
    "no marks": f"ulimit -x 5; env -i /usr/bin/setsid -f {STAY} >/dev/null 2>&1",
    "no marks, output held": f"ulimit -x 5; env -i /usr/bin/setsid -f {STAY}",
    "deaf": 'ulimit -x 5; env -i /usr/bin/setsid -f /bin/sh -c \'trap "" TERM; echo $$ >>pids; '
    "while :; do /bin/sleep 1000; done' >/dev/null 2>&1",
    "twice": f"(ulimit -x 7; env -i /usr/bin/setsid -f /usr/bin/setsid -f {STAY}) >/dev/null 2>&1",
    "mark of the runner": f"ulimit -x $(awk '/file locks/ {{print $4}}' /proc/$PPID/limits); "
    f"env -i /usr/bin/setsid -f {STAY} >/dev/null 2>&1",
}
# Until the daemon is there.
WAIT = "; until test -s pids; do sleep 0.01; done"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "plugins").mkdir()
    return tmp_path


def run(place: Path, *words: str, count: int = 1) -> str:
    """Return the output of a run that leaves none of `count` processes that have written down their numbers."""
    argv = [*RUNNERLIB, "--grace-period", "0.5", *words]
    done = subprocess.run(argv, cwd=place, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    pids = [int(line) for line in (place / "pids").read_text().split()]
    assert len(pids) == count
    assert not [pid for pid in pids if alive(pid)]
    return done.stdout + done.stderr


def write(place: Path, name: str, text: str) -> None:
    """A file in which `pids` is the path of the list of numbers."""
    (place / name).write_text(text.replace("pids", str(place / "pids")))


@pytest.mark.parametrize("how", HIDING)
def test_a_command_whose_daemon_drops_its_marks(place: Path, how: str) -> None:
    write(place, "step.sh", HIDING[how] + WAIT)
    said = run(place, "--job-command", f"exec bash {place}/step.sh")
    assert "was still running after" in said or "holds the output open" in said or how == "mark of the runner"


def test_steps_beside_each_other(place: Path) -> None:
    """The runner cannot tell which of the two has left it; the job has."""
    write(place, "step.sh", f'{HIDING["no marks"]}; until test "$(wc -l <pids)" = 2; do sleep 0.01; done')
    steps = ", ".join(f"{{name: {name}, parallel: true, run: 'bash {place}/step.sh'}}" for name in "ab")
    (place / "job.yaml").write_text(f"job: {{max_parallel: 2, steps: [{steps}]}}\n")
    assert "it is stopped" in run(place, "--job-file", "job.yaml", count=2)


def test_what_was_there_before_is_left_alone(place: Path) -> None:
    """A shell that becomes the runner, as with `exec runnerlib run > >(tee log)`, leaves it its children."""
    words = " ".join([*RUNNERLIB, "--job-command", "true"])
    sleep = "sleep 100000 >/dev/null 2>&1 &"
    command = f"{sleep} echo $! >before; ({sleep} echo $! >>before); exec {words}"
    done = subprocess.run(["bash", "-c", command], cwd=place, capture_output=True, text=True, check=False)
    before = [int(line) for line in (place / "before").read_text().split()]
    try:
        assert (done.returncode, "stopped" in done.stderr) == (0, False)
        assert all(map(alive, before))
    finally:
        for pid in before:
            os.kill(pid, signal.SIGKILL)


PLUGIN = """
import subprocess, time
from runnerlib.plugins import Plugin

STAY = "echo $$ >>pids; exec sleep 100000"

class Server(Plugin):
    def __init__(self):
        super().__init__("server")

    def wait(self, process):
        while True:
            with open("pids") as file:
                if str(process) in file.read().split():
                    return
            time.sleep(0.01)

    def daemon(self, *words):
        command = f"echo $$; {STAY} >/dev/null 2>&1"
        pipe = subprocess.Popen(["setsid", "-f", *words, "/bin/sh", "-c", command], stdout=subprocess.PIPE).stdout
        with pipe:
            self.wait(int(pipe.read()))

    def pre_validation(self, context):
        open("pids", "a").close()
        self.daemon()

    def pre_execution(self, context):
        self.server = subprocess.Popen(["sh", "-c", STAY])
        self.wait(self.server.pid)

    def pre_step(self, context):
        self.daemon("env", "-i")

    def cleanup(self, context):
        assert self.server.poll() is None, "it was ended too early"
        print("still there")
"""


def test_what_hooks_leave_is_named_and_ended_when_the_run_is_over(place: Path) -> None:
    write(place, "plugins/plugin_server.py", PLUGIN)
    said = run(place, "--plugin-dir", "plugins", "--job-command", "true", count=3)
    assert "server: still there" in said
    assert said.count("was still running after the run; it is stopped") == 3


def test_what_hooks_of_a_workflow_leave(place: Path) -> None:
    write(place, "plugins/plugin_server.py", PLUGIN)
    (place / "flow.yaml").write_text("jobs: {a: {command: 'true'}, b: {command: 'true'}}\n")
    said = run(place, "--plugin-dir", "plugins", "--workflow-file", "flow.yaml", count=6)
    assert said.count("was still running after the run; it is stopped") == 6


# Kills the guard, waits for a new one, and kills the runner.
ASSASSIN = """
import os, signal, time
def guards():
    found = []
    for thread in os.listdir(f"/proc/{runner}/task"):
        for pid in open(f"/proc/{runner}/task/{thread}/children").read().split():
            try:
                state = open(f"/proc/{pid}/stat").read()
            except OSError:
                continue
            if "(watchdog) " in state and "(watchdog) Z" not in state:
                found.append(int(pid))
    return found
runner = os.getppid()
print(os.spawnlp(os.P_NOWAIT, "setsid", "setsid", "sleep", "100000"), flush=True)
for _ in range(3):
    (before,) = guards()
    os.kill(before, signal.SIGKILL)
    while guards() in ([], [before]):  # none of both is left at once
        time.sleep(0.01)
os.kill(runner, signal.SIGKILL)
signal.pause()
"""


@pytest.mark.parametrize("kind", ["command", "workflow"])
def test_a_guard_that_a_step_has_killed_is_replaced(kind: str, place: Path) -> None:
    (place / "step.py").write_text(ASSASSIN)
    command = f"exec {sys.executable} {place}/step.py"
    (place / "flow.yaml").write_text(f"jobs: {{a: {{command: '{command}'}}}}\n")
    words = ["--job-command", command] if kind == "command" else ["--workflow-file", "flow.yaml"]
    argv = [*RUNNERLIB, "--output", "raw", *words]
    runner = subprocess.run(argv, cwd=place, capture_output=True, text=True, timeout=60, check=False)
    assert runner.returncode == -signal.SIGKILL
    until(lambda: not alive(int(runner.stdout)))
    assert runner.stderr.count("the guard of the job was ended") == 1
