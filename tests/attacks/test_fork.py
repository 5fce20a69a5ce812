"""The example of the design: trusted tests of the CI source run over a fork, whose own tests attack everything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attacks.test_attacks import Arena, arena, needs_landlock, results

__all__ = ["arena"]

RUN_TESTS = """
import runpy, sys
sys.path.insert(0, "{attack}")
runpy.run_path("/proc/self/cwd/tests/test_evil.py")
"""
EVIL = """
import subprocess
from tools import *
for name, code in {attacks!r}.items():
    child = os.fork()
    if not child:
        run(name, lambda: eval(code))
        os._exit(0)
    os.waitpid(child, 0)
if not os.fork():
    os.setsid()
    if not os.fork():
        os.closerange(0, 100)
        for _ in range(600):
            time.sleep(0.1)
            with open("{marker}", "a") as file:
                file.write("x")
        os._exit(0)
    os._exit(0)
while not os.path.exists("{marker}"):
    time.sleep(0.02)
# A variable for each program that the runner may start after this step.
with open(os.environ["RUNNERLIB_ENV"], "a") as file:
    for name in {variables!r}:
        file.write(f"{{name}}={evil}\\n")
with open(os.environ["RUNNERLIB_PATH"], "a") as file:
    file.write("{evil}\\n")
"""
ATTACKS = {
    "ci": "restored(SCRIPT, lambda: SCRIPT.write_text('evil'))",
    "ci move": "there_and_back(CI, BASE / 'elsewhere')",
    "memory": "memory_read(RUNNER)",
    "environment": "shown(f'/proc/{RUNNER}/environ')",
    "socket": "socket_replaced()",
    "journal": "shown(OWN / 'journal.ndjson')",
    "triggers": "new(BASE / 'triggers.json', Path.touch)",
    "others triggers": "spool_of_others()",
    "limits": "limited(RUNNER)",
}
VARIABLES = ("LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "PYTHONPATH", "PYTHONSTARTUP", "GIT_SSH_COMMAND")
VARIABLES += ("GIT_CONFIG_GLOBAL", "GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF", "NODE_OPTIONS", "PERL5LIB")
# The command that fetches a secret, for a step after the attack: it writes down what it was started with.
FETCH = """#!/bin/sh
env >"{place}/helper"
echo fetched-secret-1234
"""


@needs_landlock
@pytest.mark.parametrize("untrusted", [False, True])
def test_the_tests_of_a_fork_reach_nothing_else(arena: Arena, untrusted: bool) -> None:
    place, marker = arena.place, arena.place / "job/src/marker"
    (place / "fork/tests").mkdir(parents=True)
    evil = place / "job/src/evil"
    attacks = {name: code for name, code in ATTACKS.items() if arena.user == "user" or name != "environment"}
    (place / "fork/tests/test_evil.py").write_text(
        EVIL.format(attacks=attacks, marker=marker, evil=evil, variables=VARIABLES)
    )
    (place / "ci/run_tests.py").write_text(RUN_TESTS.format(attack=place / "attack"))
    (place / "fetch").write_text(FETCH.format(place=place))
    (place / "fetch").chmod(0o755)
    told = "echo '{\"env\":{}}' >>$RUNNERLIB_TRIGGERS"
    tests = {"name": "tests", "run": [arena.python, "-S", "../ci/run_tests.py"], "untrusted": untrusted}
    secret = {
        "name": "deploy",
        "run": 'echo "${#TOKEN}"; wc -c <marker; sh ../ci/run.sh',
        "env": {"TOKEN": "${secret:vault:x}"},
    }
    job = {"steps": [{"name": "before", "run": told}, tests, secret]}
    arena.write(json.dumps({"job": job}))
    words = ("--source-type", "copy", "--source-url", "./fork", "--secret-providers", "command")
    _, said = arena.run(*words, "--secret-command", f"{place}/fetch {{path}}")
    assert results(said) == dict.fromkeys(attacks, "held"), said
    assert all(f"deploy │ {line}\n" in said for line in ("19", "trusted")), said
    size = marker.stat().st_size
    assert f"deploy │ {size}\n" in said, said  # the process that was to stay was ended before the next step
    assert str(evil) not in (place / "helper").read_text()
    assert Path(place / "job/ci/run.sh").read_text() == "echo trusted\n"
