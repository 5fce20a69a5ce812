"""Files of workflows: every form says the same, every mistake is told with its place."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from runnerlib.errors import ConfigError
from runnerlib.pipeline.job import Job, Step
from runnerlib.pipeline.workflow import Download, Filter, Workflow, WorkflowJob, load, load_layout, parse

PIPELINE = """\
workflow:
  name: ci-pipeline
  on: {events: [push], branches: [main]}
  vars: {version: 3.10, debug: yes, n: 3, ok: true, ratio: 0.5}
  jobs:
    - name: test
      image: python:3.12
      timeout: 5m
      steps:
        - {name: unit, run: pytest, outputs: [coverage]}
        - {name: types, run: mypy}
      outputs: {coverage: unit.coverage}
      artifacts: {upload: reports/**}
    - {name: lint, command: ruff check, env: {A: 1.10}}
    - name: build
      needs: [test, lint]
      command: [make, dist]
      matrix: {os: [linux, mac], py: [3.10, 3.12]}
      artifacts: {upload: [dist/*], download: [{job: test, files: "*.xml", to: reports}]}
      resources: {cpu: {limit: 2}, memory: {limit: 1Gi}}
      runs_on: big
      source: {type: git, url: https://example.org/x.git, ref: main}
    - name: deploy
      depends_on: build
      condition: branch == "main" and jobs.build.outcome == 'success' and vars.n == '3'
      for_each: [1, b, 3.10, {x: [null, true]}]
      item_var: TARGET
      command: ./deploy
      capabilities: [docker]
      worker_class: big
"""


def written(workflow: Workflow) -> object:
    return (workflow.name, workflow.on, workflow.vars, [shape(job) for job in workflow.jobs])


def shape(job: WorkflowJob) -> object:
    body = job.body
    return (*job._replace(body=None), body.name, body.steps, body.env, body.timeout)  # type: ignore[arg-type]


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "p.yaml")
    return str(caught.value).split("\n")


def test_everything_a_file_can_say() -> None:
    workflow = parse(PIPELINE, "ci.yaml")
    test, lint, build, deploy = workflow.jobs
    assert workflow.on == Filter(("push",), ("main",))
    assert workflow.vars == {"version": "3.10", "debug": "yes", "n": 3, "ok": True, "ratio": 0.5}
    assert (test.image, test.timeout, test.outputs) == ("python:3.12", 300, {"coverage": "unit.coverage"})
    assert [step.name for step in test.body.steps] == ["unit", "types"]
    assert test.upload == ("reports/**",)
    assert (lint.command, lint.env, lint.body.steps[0].argv) == (
        "ruff check",
        {"A": "1.10"},
        ("/bin/sh", "-c", "ruff check"),
    )
    assert (build.depends_on, build.command) == (("test", "lint"), ("make", "dist"))
    assert build.matrix == {"os": ("linux", "mac"), "py": ("3.10", 3.12)}
    assert build.download == (Download("test", ("*.xml",), "reports"),)
    assert build.settings == {"source_type": "git", "source_url": "https://example.org/x.git", "source_ref": "main"}
    assert (build.runs_on, build.resources) == (("big",), {"cpu": {"limit": 2}, "memory": {"limit": "1Gi"}})
    assert deploy.for_each == (1, "b", "3.10", {"x": [None, True]})
    assert (deploy.item_var, deploy.remote) == ("TARGET", {"capabilities": ("docker",), "worker_class": "big"})


def test_json_and_the_form_of_the_layout_say_the_same() -> None:
    plain = yaml.load(PIPELINE, yaml.BaseLoader)
    for job in plain["workflow"]["jobs"]:  # what JSON has to write as what it is
        if "for_each" in job:
            job["for_each"] = [1, "b", "3.10", {"x": [None, True]}]
        if "matrix" in job:
            job["matrix"]["py"] = ["3.10", 3.12]
    plain["workflow"]["vars"] = {"version": "3.10", "debug": "yes", "n": 3, "ok": True, "ratio": 0.5}
    plain["workflow"]["jobs"][2]["resources"]["cpu"]["limit"] = 2
    expected = written(parse(PIPELINE, "ci.yaml"))
    assert written(parse(json.dumps(plain), "ci.yaml")) == expected
    assert written(parse(json.dumps(plain["workflow"]), "ci.yaml")) == expected
    named = {**plain["workflow"], "jobs": {job.pop("name"): job for job in plain["workflow"]["jobs"]}}
    named["triggers"] = named.pop("on")
    assert written(parse(json.dumps(named), "ci.yaml")) == expected


def test_python_says_the_same() -> None:
    workflow = Workflow("w")
    job = Job("test")
    job.add_step("unit", "pytest")
    workflow.add_job(job, image="python:3.12")
    workflow.add_job("lint", "ruff check", env={"A": "1"})
    workflow.add_job("build", ["make"], depends_on=["test", "lint"], upload="dist/*", for_each=[1, 2])
    workflow.add_job("pack", steps=[Step("a", "true")], depends_on="build", download="build", outputs=["x"])
    workflow.check()
    text = """
name: w
jobs:
  test: {image: "python:3.12", steps: [{name: unit, run: pytest}]}
  lint: {command: ruff check, env: {A: 1}}
  build: {command: [make], needs: [test, lint], artifacts: {upload: dist/*}, for_each: [1, 2]}
  pack: {steps: [{name: a, run: "true"}], needs: build, artifacts: {download: build}, outputs: x}
"""
    assert written(parse(text, "w.yaml")) == written(workflow)


@pytest.mark.parametrize("spelling", ["on", "'on'", "On", "triggers"])
def test_on_is_a_key_and_no_truth_value(spelling: str) -> None:
    text = f"name: w\n{spelling}: push\njobs: {{a: {{command: x}}}}\n"
    if spelling == "On":
        assert complaints(text)[0].startswith("p.yaml:2:1: unknown key 'On'")
    else:
        assert parse(text, "p.yaml").on == Filter(("push",))


def test_every_mistake_at_once_in_the_order_of_the_file() -> None:
    text = """\
workflow:
  name: ci
  on: {events: [pussh]}
  jobs:
    - {name: test, command: x, timeot: 3}
    - {name: a/b, command: x}
    - {name: build, needs: [test, lnt], command: y}
    - name: deploy
      condition: brunch == "main"
      command: z
      steps: []
      matrix: {os: []}
      artifacts: {upload: ../x}
    - name: notify
      outputs: {u: nope.u}
      steps:
        - {name: say, run: echo, neds: x}
      approval_id: 3
"""
    assert [re.split(r" \(|; did you", line)[0].removesuffix(" or digit") for line in complaints(text)] == [
        "p.yaml:3:17: unknown event 'pussh'",
        "p.yaml:5:32: unknown key 'timeot'",
        "p.yaml:6:14: name: a name has 1 to 100 letters, digits, '-', '_', '.' and spaces, and begins with a letter",
        "p.yaml:7:28: depends_on: unknown job 'lnt'",
        "p.yaml:9:18: condition: unknown name 'brunch'",
        "p.yaml:10:16: command: contradicts 'steps'; give one of them",
        "p.yaml:11:14: a job needs at least one step",
        "p.yaml:12:15: matrix: os: at least one value is expected",
        "p.yaml:13:18: artifacts: upload: '../x' is no glob of files in the directory of the job",
        "p.yaml:15:16: outputs: unknown step 'nope'",
        "p.yaml:17:34: unknown key 'neds'",
        "p.yaml:18:7: 'approval_id' is what only a coordinator may say of a job",
    ]


def test_all_that_is_wrong_with_the_graph_is_told_at_once() -> None:
    jobs = (
        "a: {command: x, needs: zz}\n  b: {command: x, needs: c}\n"
        "  c: {command: x, needs: b, condition: jobs.yy.exit_code == 0}\n"
        "  d: {command: x, artifacts: {download: xx}}"
    )
    assert [line.partition(": ")[2] for line in complaints(f"jobs:\n  {jobs}\n")] == [
        "depends_on: unknown job 'zz' (a, b, c, d)",
        "depends_on: the jobs wait for each other: b -> c -> b",
        "condition: unknown job 'yy' (a, b, c, d)",
        "artifacts: download: unknown job 'xx' (a, b, c, d)",
    ]


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        (
            "a: {command: x, needs: c}\n  b: {command: x, needs: a}\n  c: {command: x, needs: b}",
            "p.yaml:2:26: depends_on: the jobs wait for each other: a -> c -> b -> a",
        ),
        ("a: {command: x, condition: all_sucess}", "did you mean 'all_success'?"),
        ("a: {command: x, condition: 'branch = 1'}", "p.yaml:2:38: condition: unknown sign '='; did you mean '=='?"),
        (
            "a: {command: x}\n  b: {command: x, condition: jobs.a.exit_code == 0}",
            "p.yaml:3:30: condition: it looks at job 'a', which this job does not wait for; name it in depends_on",
        ),
        (
            "a: {command: x}\n  b: {command: x, needs: a, condition: \"jobs['a[0]'].exit_code == 0\"}",
            "unknown job 'a[0]' (a, b)",
        ),
        ("a: {command: x, for_each: []}", "for_each: at least one item is expected"),
        ("a: {command: x, for_each: [1], matrix: {b: [1]}}", "matrix: contradicts 'for_each'; give one of them"),
        ("a: {command: x, matrix: {a: [1, 2], b: [1]}, item_var: 1x}", "item_var: '1x' is no name of a variable"),
        ("a: {command: x, artifacts: {download: b}}", "artifacts: download: unknown job 'b'"),
        ("a: {command: x}\n  b: {command: x, needs: a, artifacts: {download: a}}", "the job 'a' uploads nothing"),
        ("a: {command: x, image: '-v /:/host'}", "image: the name of an image is expected"),
        ("a: {needs: []}", "p.yaml:2:6: the job 'a' needs 'steps' or a 'command'"),
        ("a: {command: x, needs: [], depends_on: []}", "'depends_on' is the same as 'needs'; give one of them"),
        ("a: {command: x, on: push}", "unknown key 'on'"),
        ("a: {command: x, job_file: /etc/passwd}", "job_file: a path below the directory of the source is expected"),
        ("a-b: {command: x}\n  a_b: {command: x}", "too much like 'a-b': both are A_B in variables"),
        ("a: 3", "a job is a mapping of keys to values, got a number"),
        ("a: {command: x, env: {'1': x}}", "p.yaml:2:25: env: '1' is no name of a variable"),
    ],
)
def test_a_mistake(jobs: str, told: str) -> None:
    assert any(told in line for line in complaints(f"jobs:\n  {jobs}\n")), complaints(f"jobs:\n  {jobs}\n")


def test_too_many_instances() -> None:
    values = json.dumps(list(range(17)))
    assert (
        "a job runs at most 256 times, not 289"
        in complaints(f"jobs: {{a: {{command: x, matrix: {{a: {values}, b: {values}}}}}}}")[0]
    )
    jobs = {f"j{number}": {"command": "x", "for_each": list(range(250))} for number in range(41)}
    assert "make more than 10,000 jobs" in complaints(json.dumps({"jobs": jobs}))[0]


def test_what_is_no_workflow() -> None:
    assert complaints("a: 1")[0] == "p.yaml:1:1: a workflow file needs 'workflow', or 'jobs'"
    assert complaints("[]")[0].startswith("p.yaml:1:1: a workflow file is a mapping")
    assert complaints("workflow: {name: x, jobs: []}")[0] == "p.yaml:1:27: a workflow needs at least one job"
    assert "a workflow needs at least one job" in complaints("workflow: {name: x}")[0]
    assert "not valid YAML" in complaints("workflow: {")[0]


def test_a_single_job_is_a_workflow() -> None:
    workflow = parse("name: test\ntriggers: {events: push}\njob: {image: alpine, command: make}", "t.yaml")
    assert [(job.name, job.image, job.command) for job in workflow.jobs] == [("test", "alpine", "make")]
    assert workflow.on == Filter(("push",))


BARE = """\
name: test
triggers: {events: [push]}
paths: {include: ['src/**']}
environment: {A: 1, B: 2}
job: {image: alpine, command: make, timeout: 60, capabilities: [docker]}
"""


class TestLayout:
    """`.reactorcide/workflows` and `.reactorcide/jobs`."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        for kind in ("workflows", "jobs"):
            (tmp_path / ".reactorcide" / kind).mkdir(parents=True)
        self.write(
            tmp_path,
            "jobs/test.yaml",
            "name: test\ntriggers: {events: [push]}\npaths: {include: ['src/**']}\n"
            "environment: {A: 1, B: 2}\njob: {image: alpine, command: make, timeout: 60, capabilities: [docker]}",
        )
        return tmp_path

    def write(self, root: Path, name: str, text: str) -> None:
        (root / ".reactorcide" / name).write_text(text)

    def test_bare_jobs(self, root: Path) -> None:
        layout = load_layout(root)
        (job,) = layout.jobs
        assert (job.name, job.image, job.env, job.timeout) == ("test", "alpine", {"A": "1", "B": "2"}, 60)
        assert job.on == Filter(("push",), (), ("src/**",))
        assert job.remote == {"capabilities": ("docker",)}
        assert layout.workflows == layout.errors == ()

    def test_a_job_file_lies_below_the_keys_that_are_inline(self, root: Path) -> None:
        self.write(
            root,
            "workflows/ci.yml",
            """
name: ci
on: {events: push}
jobs:
  unit: {job_file: test.yaml, environment: {B: 3, C: 4}, job: {image: debian}}
  again: {job_file: .reactorcide/jobs/test.yaml, image: fedora, needs: unit, steps: [{name: s, run: x}]}
""",
        )
        layout = load_layout(root)
        assert layout.errors == ()
        unit, again = layout.workflows[0].jobs
        assert (unit.name, unit.image, unit.command, unit.timeout) == ("unit", "debian", "make", 60)
        assert unit.env == {"A": "1", "B": "3", "C": "4"}
        assert unit.on == Filter()
        assert (again.image, again.command, again.body.steps[0].name) == ("fedora", None, "s")

    def test_a_bad_file_is_told_and_left_out(self, root: Path) -> None:
        self.write(root, "workflows/a.yaml", "jobs: {a: {comand: x}}")
        self.write(root, "workflows/b.yaml", "jobs: {b: {command: x}}")
        self.write(root, "workflows/c.txt", "nothing")
        self.write(root, "jobs/bad.yaml", "job: {command: x}")
        layout = load_layout(root)
        assert [workflow.name for workflow in layout.workflows] == ["b"]
        assert [job.name for job in layout.jobs] == ["test"]
        first, second = layout.errors
        assert "a.yaml:1:12: unknown key 'comand'" in first
        assert "bad.yaml:1:1: a job needs 'name'" in second

    def test_what_is_wrong_with_a_job_file_is_told_in_its_place(self, root: Path) -> None:
        self.write(root, "jobs/test.yaml", "name: test\njob: {comand: x}")
        self.write(root, "workflows/ci.yaml", "jobs: {a: {job_file: test.yaml}, b: {command: x, needs: c}}")
        with pytest.raises(ConfigError, match=r"test.yaml:2:7: unknown key 'comand'"):
            load(root / ".reactorcide/workflows/ci.yaml")

    def test_a_job_file_stays_inside(self, root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        outside = tmp_path_factory.mktemp("outside") / "x.yaml"
        outside.write_text("name: x\njob: {command: secret-thing}")
        (root / "link.yaml").symlink_to(outside)
        (root / ".reactorcide/jobs/link.yaml").symlink_to(outside)
        for given, told in (("link.yaml", "leads out of"), ("../x.yaml", "without '..'"), ("no.yaml", "no such file")):
            self.write(root, "workflows/ci.yaml", f"jobs: {{a: {{job_file: {given}}}}}")
            with pytest.raises(ConfigError, match=told) as caught:
                load(root / ".reactorcide/workflows/ci.yaml")
            assert "secret-thing" not in str(caught.value)
        assert [job.name for job in load_layout(root).jobs] == ["test"]

    def test_nothing_there(self, tmp_path: Path) -> None:
        assert load_layout(tmp_path) == ((), (), ())
