"""`--profile`: what steps use while they run, and where the time of plugins goes."""

from __future__ import annotations

import json
from pathlib import Path

from runnerlib.events import ProcessSample, Sampled
from runnerlib.output.hook_times import HookTimes
from runnerlib.output.profile import Profile
from tests.integration.cli import runnerlib
from tests.output.show import EPOCH
from tests.output.test_json_lines import validator


def test_samples_are_events_and_the_summary_has_them(tmp_path: Path) -> None:
    run = "cp /bin/sleep ./correct-horse; ./correct-horse 1; :"
    (tmp_path / "job.yaml").write_text(f"job: {{name: p, steps: [{{name: busy, run: '{run}'}}]}}")
    words = ("run", "--here", "--job-file", "job.yaml", "--events", "e.json", "--secret-values-list", "correct-horse")
    done = runnerlib(*words, "--profile", cwd=tmp_path)
    assert done.code == 0, done
    lines = [json.loads(line) for line in (tmp_path / "e.json").read_text().splitlines()]
    for line in lines:
        validator().validate(line)
    samples = [line for line in lines if line["type"] == "sample"]
    assert {one["step"] for one in samples} == {"busy"}
    assert {"sh", "[REDACTED]"} <= {process["name"] for one in samples for process in one["processes"]}
    assert all(one["rss"] > 0 and one["total"] >= len(one["processes"]) > 0 for one in samples)
    assert "profile of 'busy': CPU " in done.err
    assert b"correct-horse" not in (tmp_path / "e.json").read_bytes()


def test_profile_with_a_name_is_that_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("profiles: {nightly: {job_command: echo night}}\n")
    done = runnerlib("run", "--config", "c.yaml", "--profile", "nightly", cwd=tmp_path)
    assert (done.code, done.out) == (0, b"night\n")
    done = runnerlib("run", "--profile", "--job-command", "echo day", cwd=tmp_path)
    assert (done.code, done.out) == (0, b"day\n")
    assert "wrong" not in done.err
    assert b"profile_steps" in runnerlib("config", "--profile", "--changed", cwd=tmp_path).out.replace(b"-", b"_")


def sample(*processes: ProcessSample) -> Sampled:
    return Sampled("build", EPOCH, 0.0, sum(one.rss for one in processes), 0, 0, len(processes), processes)


def test_the_tree_has_each_second_once() -> None:
    profile = Profile()
    make, cc, ld = (ProcessSample(n, n - 1, name, 0.0, 0.0, 1 << 20) for n, name in ((1, "make"), (2, "cc"), (3, "ld")))
    profile.add(sample(make, cc))
    profile.add(sample(make._replace(cpu=1.0), cc._replace(cpu=4.0)))
    # The compiler has ended, and 2 s of its time were never seen; a linker runs below nobody that is known.
    profile.add(sample(make._replace(cpu=1.0, children=6.0), ld._replace(cpu=3.0)))
    assert list(profile.lines()) == [
        "profile of 'build': CPU 10.0 s, memory 2.0 MiB, 2 processes",
        "  ld 3.0 s (30%)",
        "  make 7.0 s (70%)",
        "    cc 4.0 s (40%)",
    ]


def test_hooks_that_take_long_are_told(tmp_path: Path) -> None:
    (tmp_path / "plugin_slow.py").write_text(
        "import time\nfrom runnerlib.plugins import Plugin\n"
        "class Slow(Plugin):\n"
        "    def __init__(self): super().__init__('slow')\n"
        "    def post_step(self, context): time.sleep(0.15)\n"
        "    def cleanup(self, context): pass\n"
    )
    (tmp_path / "job.yaml").write_text("job: {name: j, steps: [{name: a, run: ':'}, {name: b, run: ':'}]}")
    done = runnerlib("run", "--job-file", "job.yaml", "--plugin-dir", ".", cwd=tmp_path)
    (line,) = [line for line in done.out.decode().splitlines() if line.startswith("plugin 'slow'")]
    assert line.startswith("plugin 'slow': post_step took 0.")
    assert line.endswith(" s in 2 calls")
    assert list(HookTimes().lines()) == []
