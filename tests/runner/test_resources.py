"""Resources of steps: processors and memory on this machine, how they are told, and what wrong ones get."""

from __future__ import annotations

import os
from pathlib import Path

from runnerlib import Job, Step, execute
from tests.integration.cli import runnerlib

LIST = 'sed -n "s/^Cpus_allowed_list:[[:space:]]*/n=/p" /proc/self/status >>$RUNNERLIB_OUTPUT'
DATA = 'echo "n=$(ulimit -d)" >>$RUNNERLIB_OUTPUT'
EAT = ["python3", "-c", "b = bytearray(300 << 20); print(len(b))"]


def test_steps_are_limited_and_others_are_not(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    steps = [
        Step("one", LIST, resources={"cpu": "500m"}),
        Step("all", LIST),
        Step("data", DATA, resources={"memory": {"limit": "64Mi"}}),
        Step("eats", EAT, resources={"cpu": 1, "memory": "128M"}, required=False),
        Step("may eat", EAT, resources={"cpu": 999, "memory": "1Ti"}),
        Step("none", ["no-such-command"], resources={"memory": "1G"}, required=False),
    ]
    result = execute(Job("job", steps), workspace=tmp_path / "job")
    assert result.success
    assert result.step("one").outputs["n"].isdecimal()
    if len(before) > 1:
        assert not result.step("all").outputs["n"].isdecimal()
    assert result.step("data").outputs["n"] == str(64 << 10)
    assert [result.step(name).exit_code for name in ("eats", "may eat", "none")] == [1, 0, 127]
    assert os.sched_getaffinity(0) == before


def test_wrong_resources_are_told_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("""
job:
  steps:
    - {name: a, run: x, resources: {cpus: 2}}
    - {name: b, run: x, resources: {cpu: many, memory: 1Kb}}
    - {name: c, run: x, resources: {memory: {}}}
    - {name: d, run: x, resources: 2}
""")
    done = runnerlib("validate", "job.yaml", cwd=tmp_path)
    cpu = "a number of processors such as 2, 0.5 or 500m is expected, got 'many'"
    memory = "a number of bytes such as 512Mi or 4G, 4M or more, is expected, got '1Kb'"
    assert done.err.splitlines() == [
        "error: job.yaml:4:37: unknown key 'cpus'; did you mean 'cpu'?",
        f"error: job.yaml:5:36: resources: cpu: {cpu}",
        f"error: job.yaml:5:36: resources: memory: {memory}",
        "error: job.yaml:6:45: resources: memory: 'limit' is missing",
        "error: job.yaml:7:36: resources: resources is a mapping of keys to values, got a number",
    ]


def test_plans_show_limits(tmp_path: Path) -> None:
    text = "{job: {steps: [{name: a, run: x, resources: {cpu: {limit: 1.5}, memory: 1Gi}}]}}"
    (tmp_path / "job.yaml").write_text(text)
    for drawing in ("text", "mermaid"):
        done = runnerlib("run", "--job-file", "job.yaml", "--plan", drawing, cwd=tmp_path)
        assert b"limited to 1.5 CPU, 1024 MiB" in done.out, (drawing, done)
