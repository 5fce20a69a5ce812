"""From files of the layout to the message: the form of the contract, commands, conditions, what is left out."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from runnerlib.errors import ConfigError
from runnerlib.pipeline.workflow import Workflow
from runnerlib.pipeline.workflow.file import load_job
from runnerlib.triggers.evaluate.evaluate import Evaluation, changes_of, evaluate, id_of
from runnerlib.triggers.evaluate.event import Event, event
from runnerlib.triggers.evaluate.to_triggers import triggers
from tests.triggers.contract import refusal

TOLD = {
    "BRANCH": "main",
    "SHA": "abc123",
    "SOURCE_URL": "https://example.com/app.git",
    "CI_SOURCE_URL": "https://example.com/ci.git",
    "CI_SOURCE_REF": "def456",
}
PUSH = event("push", TOLD, {})
CI = """
name: ci-pipeline
on: {events: [push], branches: [main, release/*]}
vars: {level: 3}
jobs:
  test: {command: pytest, image: "python:3.12", timeout: 10m, priority: 5, environment: {LEVEL: 1, ON: true}}
  lint: {command: ruff check}
  build: {command: make, needs: [test, lint]}
  deploy: {command: "./deploy.sh 'it''s'", depends_on: [build], condition: 'branch == "main"'}
"""


def layout(root: Path, **files: str) -> Path:
    for name, text in files.items():
        kind, _, rest = name.partition("__")
        path = root / ".reactorcide" / kind / f"{rest}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def evaluated(root: Path, happened: Event = PUSH, changed: Collection[str] | None = None) -> Evaluation:
    return evaluate(happened, root, lambda: changed, {})


def sent(found: Evaluation) -> dict[str, Any]:
    assert found.message is not None, found
    message: dict[str, Any] = json.loads(found.message.encode())
    assert not refusal(message)
    return message


def test_the_form_of_the_contract(tmp_path: Path) -> None:
    message = sent(evaluated(layout(tmp_path, workflows__ci=CI)))
    operation = message.pop("operation_id")
    assert operation
    [flow] = message.pop("workflows")
    assert message == {
        "type": "trigger_job",
        "trigger_type": "runnerlib_eval",
        "policy_violations": [],
        "changed_ci_paths": [],
        "actor_subjects": [],
    }
    jobs = flow.pop("jobs")
    assert flow == {
        "id": "ci",
        "name": "ci-pipeline",
        "source_file": ".reactorcide/workflows/ci.yaml",
        "ci_origin": "base",
        "ci_repository": "https://example.com/ci.git",
        "ci_sha": "def456",
        "execution_profile": "standard",
        "worker_class": "default",
        "policy_revision": "",
        "policy_rule_id": "",
        "approval_id": None,
        "dependency_paths": [".reactorcide/workflows/ci.yaml"],
        "vars": {"level": 3},
    }
    test, lint, build, deploy = jobs
    told = {f"REACTORCIDE_{name}": value for name, value in TOLD.items()} | {"REACTORCIDE_EVENT_TYPE": "push"}
    assert test == {
        "job_name": "test",
        "condition": "all_success",
        "env": {**told, "LEVEL": "1", "ON": "true"},
        "source_type": "git",
        "source_url": TOLD["SOURCE_URL"],
        "source_ref": "abc123",
        "ci_source_type": "git",
        "ci_source_url": TOLD["CI_SOURCE_URL"],
        "ci_source_ref": "def456",
        "container_image": "python:3.12",
        "job_command": "runnerlib run --job-command pytest",
        "priority": 5,
        "timeout": 600,
    }
    assert lint["job_command"] == "runnerlib run --job-command 'ruff check'"
    assert (build["depends_on"], deploy["depends_on"]) == (["test", "lint"], ["build"])
    assert deploy["condition"] == "all_success"
    assert shlex.split(deploy["job_command"])[-1] == "./deploy.sh 'it''s'"


def test_a_condition_is_decided_where_it_can_be(tmp_path: Path) -> None:
    text = CI.replace("branches: [main, release/*]", "branches: []") + "  after: {command: x, needs: [deploy]}\n"
    text += "  cleanup: {command: x, needs: [deploy, build], condition: always}\n"
    root = layout(tmp_path, workflows__ci=text)
    other = event("push", {**TOLD, "BRANCH": "feature"}, {})
    jobs = sent(evaluated(root, other))["workflows"][0]["jobs"]
    assert [job["job_name"] for job in jobs] == ["test", "lint", "build", "cleanup"]
    assert (jobs[-1]["depends_on"], jobs[-1]["condition"]) == (["build"], "always")
    jobs = sent(evaluated(root))["workflows"][0]["jobs"]
    assert [job["job_name"] for job in jobs] == ["test", "lint", "build", "deploy", "after", "cleanup"]


def test_what_a_coordinator_cannot_decide_is_told(tmp_path: Path) -> None:
    text = CI.replace("""'branch == "main"'""", """'success() && branch == "main"'""")
    found = evaluated(layout(tmp_path, workflows__ci=text, workflows__other=CI.replace("ci-pipeline", "other")))
    assert [flow["name"] for flow in sent(found)["workflows"]] == ["other"]
    [error] = found.errors
    assert error.startswith(".reactorcide/workflows/ci.yaml: job 'deploy': condition: it asks how other jobs end")


def test_changed_in_a_condition(tmp_path: Path) -> None:
    text = CI.replace("""'branch == "main"'""", """'changed("src/**")'""")
    root = layout(tmp_path, workflows__ci=text)
    for changed, count in ((["docs/a"], 3), (["src/a"], 4), ([], 3), (None, 4)):
        assert len(sent(evaluated(root, PUSH, changed))["workflows"][0]["jobs"]) == count


def test_a_matrix_becomes_jobs_and_for_each_stays(tmp_path: Path) -> None:
    text = """
name: ci
on: [push]
jobs:
  build: {command: make, matrix: {os: [linux, macos], py: ["3.11"]}}
  each: {command: make, for_each: [a, {b: 1}], item_var: WHAT}
  after: {command: make, needs: [build, each]}
"""
    jobs = sent(evaluated(layout(tmp_path, workflows__ci=text)))["workflows"][0]["jobs"]
    named = {job["job_name"]: job for job in jobs}
    assert list(named) == ["build[0]", "build[1]", "each", "after"]
    assert [named[f"build[{n}]"]["env"]["MATRIX_OS"] for n in (0, 1)] == ["linux", "macos"]
    assert (named["each"]["for_each"], named["each"]["item_var"]) == (["a", {"b": 1}], "WHAT")
    assert named["after"]["depends_on"] == ["build[0]", "build[1]", "each"]


def test_a_coordinator_gets_what_include_and_exclude_leave(tmp_path: Path) -> None:
    matrix = "{os: [linux, macos], exclude: [{os: macos}], include: [{os: linux, fast: true}, {os: bsd}]}"
    text = f"name: ci\non: [push]\njobs: {{build: {{command: make, matrix: {matrix}}}}}\n"
    jobs = sent(evaluated(layout(tmp_path, workflows__ci=text)))["workflows"][0]["jobs"]
    told = [{name: value for name, value in job["env"].items() if name.startswith("MATRIX_")} for job in jobs]
    assert told == [{"MATRIX_OS": "linux", "MATRIX_FAST": "true"}, {"MATRIX_OS": "bsd"}]


def test_each_run_of_a_job_of_steps_is_told_which_it_is(tmp_path: Path) -> None:
    """Else every one of them would run all."""
    text = """
name: ci
on: [push]
jobs:
  grid: {matrix: {os: [linux, macos]}, steps: [{name: a, run: x}]}
  each: {for_each: [1, 2], item_var: N, steps: [{name: a, run: x}], needs: [grid]}
  after: {command: make, needs: [each]}
"""
    jobs = sent(evaluated(layout(tmp_path, workflows__ci=text)))["workflows"][0]["jobs"]
    runs = ["grid[0]", "grid[1]", "each[0]", "each[1]"]
    assert [job["job_name"] for job in jobs] == [*runs, "after"]
    assert [job["job_command"].partition(" --job ")[2].strip("'\n") for job in jobs[:4]] == runs
    assert [job["env"].get("N") for job in jobs[2:4]] == ["1", "2"]
    assert not any("for_each" in job or "item_var" in job for job in jobs)
    assert jobs[2]["depends_on"] == ["grid[0]", "grid[1]"]
    assert jobs[4]["depends_on"] == ["each[0]", "each[1]"]


def test_all_keys_arrive(tmp_path: Path) -> None:
    text = """
name: ci
on: [push]
jobs:
  one:
    command: make
    raw_command: true
    capabilities: [docker]
    image_pull_secrets: [registry]
    run_as: {user: "1001:1001"}
    worker_class: big
    characteristics: {gpu: true}
    resources: {cpu: {limit: "2"}}
    run_local: {as_runner: true}
    disable_run_local: true
    code_dir: /job/code
    job_dir: /job/code/sub
    working_dir: /job/code
    source_type: none
  two: {command: "runnerlib eval"}
  three: {command: [make, "a b"]}
  four: {steps: [{name: a, run: make}]}
"""
    one, two, three, four = sent(evaluated(layout(tmp_path, workflows__ci=text)))["workflows"][0]["jobs"]
    expected = {
        "job_command": "make",
        "capabilities": ["docker"],
        "image_pull_secrets": ["registry"],
        "run_as_user": "1001:1001",
        "worker_class": "big",
        "characteristics": {"gpu": True},
        "resources": {"cpu": {"limit": "2"}},
        "run_local": {"as_runner": True},
        "disable_run_local": True,
        "code_dir": "/job/code",
        "job_dir": "/job/code/sub",
        "working_dir": "/job/code",
        "source_type": "none",
    }
    assert {key: one[key] for key in expected} == expected
    assert two["job_command"] == "runnerlib eval"
    assert shlex.split(shlex.split(three["job_command"])[-1]) == ["make", "a b"]
    assert four["job_command"] == "runnerlib run --workflow-file /job/ci/.reactorcide/workflows/ci.yaml --job four"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("make", "runnerlib run --job-command make"),
        ("make && echo 'x'", None),
        ("echo $X", "exec runnerlib run --job-command 'echo $X'"),
        ("echo ${X}; true &", "exec runnerlib run --job-command 'echo ${X}; true &'"),
        ("make\nmake test", "exec runnerlib run --job-command 'make\nmake test'"),
        ("make\n", "exec runnerlib run --job-command 'make\n'"),
        ("it's $X", None),
        # A worker takes these apart itself, unless there is a line break: `exec` is no program.
        ("echo $(date)", "exec runnerlib run --job-command 'echo $(date)\n'"),
        ("echo $?", "exec runnerlib run --job-command 'echo $?\n'"),
        # One's own:
        ("runnerlib run --job-command 'echo $X'", "exec runnerlib run --job-command 'echo $X'"),
        ("runnerlib run --job-file a.yaml", "runnerlib run --job-file a.yaml"),
        ("runnerlib run --job-file $A && echo", "runnerlib run --job-file $A && echo"),
        ("runnerlib run --job-file $A\necho", "runnerlib run --job-file $A\necho"),
        ("runnerlib run --job-file $A; echo", "runnerlib run --job-file $A; echo"),
        ("runnerlib run --job-command 'echo $(date)'", "runnerlib run --job-command 'echo $(date)'"),
        ("runnerlib run --job-command 'echo $X", "runnerlib run --job-command 'echo $X"),
        ("runnerlib eval --event-type $X", "runnerlib eval --event-type $X"),
        ("runnerlib trigger $X", "runnerlib trigger $X"),
    ],
)
def test_the_shell_of_a_worker_makes_way(command: str, expected: str | None, tmp_path: Path) -> None:
    job = json.dumps({"name": "ci", "on": ["push"], "jobs": {"a": {"command": command}}})
    [one] = sent(evaluated(layout(tmp_path, workflows__ci=job)))["workflows"][0]["jobs"]
    found = one["job_command"]
    if expected is not None:
        assert found == expected
    if not command.startswith("runnerlib "):
        assert found.startswith("exec ") == ("$" in command or "\n" in command)
        assert shlex.split(found)[-1].rstrip("\n") == command.rstrip("\n")


def test_a_raw_command_stays_raw(tmp_path: Path) -> None:
    job = json.dumps({"name": "ci", "on": ["push"], "jobs": {"a": {"command": "echo $X", "raw_command": True}}})
    [one] = sent(evaluated(layout(tmp_path, workflows__ci=job)))["workflows"][0]["jobs"]
    assert one["job_command"] == "echo $X"


def test_filters_say_what_they_leave_out(tmp_path: Path) -> None:
    found = evaluated(
        layout(
            tmp_path,
            workflows__a=CI,
            workflows__b=CI.replace("[push]", "[tag_created]").replace("ci-pipeline", "b"),
            workflows__c=CI.replace("release/*", "x").replace("main, ", "").replace("ci-pipeline", "c"),
            workflows__d=CI.replace("vars:", "paths: {include: [docs/**]}\nvars:").replace("ci-pipeline", "d"),
            workflows__e="name: [\n",
        ),
        PUSH,
        ["src/a.py"],
    )
    assert [flow["name"] for flow in sent(found)["workflows"]] == ["ci-pipeline"]
    assert found.notes == (
        "workflow 'b': it is meant for tag_created",
        "workflow 'c': it is meant for the branches x",
        "workflow 'd': no file that it is meant for has changed",
    )
    assert len(found.errors) == 1
    assert "e.yaml:" in found.errors[0]


def test_bare_jobs_stand_for_themselves_where_there_is_no_workflow(tmp_path: Path) -> None:
    job = "name: {}\ntriggers: {{events: [{}]}}\njob: {{command: make, depends_on: [{}]}}\n"
    files = {
        "jobs__a": job.format("a", "push", ""),
        "jobs__b": job.format("b", "push", "a, elsewhere"),
        "jobs__c": job.format("c", "tag_created", ""),
    }
    message = sent(evaluated(layout(tmp_path, **files)))
    assert message["trigger_type"] == "runnerlib"
    assert [job["job_name"] for job in message["jobs"]] == ["a", "b"]
    assert message["jobs"][1]["depends_on"] == ["a", "elsewhere"]
    message = sent(evaluated(layout(tmp_path, workflows__ci=CI)))
    assert "jobs" not in message


def test_a_bare_job_does_not_wait_for_one_that_does_not_run(tmp_path: Path) -> None:
    job = "name: {}\ntriggers: {{events: [{}]}}\njob: {{command: make, depends_on: [{}], condition: {}}}\n"
    files = {
        "jobs__a": job.format("a", "tag_created", "", "all_success"),
        "jobs__b": job.format("b", "push", "a", "all_success"),
        "jobs__c": job.format("c", "push", "b", "all_success"),
        "jobs__d": job.format("d", "push", "a", "always"),
    }
    found = evaluated(layout(tmp_path, **files))
    assert [(one["job_name"], one.get("depends_on")) for one in sent(found)["jobs"]] == [("d", None)]
    assert found.notes == (
        "job 'a': it is meant for tag_created",
        "job 'b': it needs 'a', which does not run",
        "job 'c': it needs 'b', which does not run",
    )


def test_one_file_alone(tmp_path: Path) -> None:
    root = layout(tmp_path, workflows__ci=CI, workflows__other=CI)
    file = root / ".reactorcide" / "workflows" / "other.yaml"
    flows = sent(evaluate(PUSH, root, lambda: None, {}, file))["workflows"]
    assert [flow["source_file"] for flow in flows] == [".reactorcide/workflows/other.yaml"]
    file.write_text("name: [")
    with pytest.raises(ConfigError):
        evaluate(PUSH, root, lambda: None, {}, file)


def test_nothing_there(tmp_path: Path) -> None:
    assert evaluated(tmp_path) == Evaluation(
        None, (f"there is no workflow and no job in '{tmp_path}/.reactorcide'",), ()
    )


def test_the_id_of_a_workflow(tmp_path: Path) -> None:
    root = layout(tmp_path, workflows__ci="id: own\n" + CI.lstrip())
    assert sent(evaluated(root))["workflows"][0]["id"] == "own"


@pytest.mark.parametrize(
    ("file", "found"),
    [
        (".reactorcide/workflows/pr.yaml", "pr"),
        (".reactorcide/workflows/pr.yml", "pr"),
        (".reactorcide/workflows/My CI_2.yaml", "my-ci-2"),
        (".reactorcide/workflows/deploy.prod.yaml", "deploy-prod"),
        (".reactorcide/workflows/team/Pr.yaml", "team-pr"),
        ("../other/.reactorcide/workflows/pr.yaml", "pr"),
        ("pipelines/ci.yaml", "pipelines-ci"),
        ("../ci.yaml", "ci"),
        (f"{'x' * 100}.yaml", "x" * 63),
        (f"{'x' * 62}-y.yaml", "x" * 62),
    ],
)
def test_an_id_from_the_path(file: str, found: str) -> None:
    assert id_of(Workflow("any"), file) == found
    assert id_of(Workflow("any", id="own"), file) == "own"


def test_workflows_that_no_policy_could_tell_apart(tmp_path: Path) -> None:
    root = layout(tmp_path, workflows__pr=CI, workflows__日本=CI, workflows__own="id: pr\n" + CI.lstrip())
    (root / ".reactorcide" / "workflows" / "pr.yml").write_text(CI)
    found = evaluated(root)
    assert [flow["source_file"] for flow in sent(found)["workflows"]] == [".reactorcide/workflows/own.yaml"]
    same = "the id 'pr' is that of '.reactorcide/workflows/own.yaml' already; give one of them an 'id' of its own"
    assert found.errors == (
        f".reactorcide/workflows/pr.yaml: {same}",
        f".reactorcide/workflows/pr.yml: {same}",
        ".reactorcide/workflows/日本.yaml: no id can be made from the name of the file; give the workflow an 'id'",
    )


@pytest.mark.parametrize("name", ["Own", "-own", "o_wn", "x" * 64, "ö"])
def test_an_id_that_a_coordinator_would_refuse(name: str, tmp_path: Path) -> None:
    found = evaluated(layout(tmp_path, workflows__ci=f"id: {name}\n" + CI.lstrip()))
    assert found.message is None
    assert "ci.yaml:1:5: id: an id has lower case letters, digits and '-'" in found.errors[0]


def test_the_files_that_a_workflow_depends_on(tmp_path: Path) -> None:
    text = """
name: ci
on: [push]
jobs:
  a: {job_file: one.yaml}
  b: {job_file: .reactorcide/jobs/two.yaml, condition: 'branch == "other"'}
  c: {job_file: ./one.yaml, needs: [a]}
"""
    job = "name: one\njob: {command: make}\n"
    root = layout(tmp_path / "real", workflows__ci=text, jobs__one=job, jobs__two=job, jobs__unused=job)
    (tmp_path / "link").symlink_to(root)
    for place in (root, tmp_path / "link"):
        assert sent(evaluated(place))["workflows"][0]["dependency_paths"] == [
            ".reactorcide/workflows/ci.yaml",
            ".reactorcide/jobs/one.yaml",
            ".reactorcide/jobs/two.yaml",
        ]


def test_a_condition_that_is_false_says_what_it_compared(tmp_path: Path) -> None:
    files = {
        "workflows__w": "name: w\non: {events: [push]}\njobs:\n"
        "  a: {image: i, command: make, condition: branch == 'release'}\n"
        "  b: {image: i, command: make, needs: [a]}\n"
        "  c: {image: i, command: make}\n"
    }
    found = evaluated(layout(tmp_path, **files))
    assert [one["job_name"] for one in sent(found)["workflows"][0]["jobs"]] == ["c"]
    assert found.notes == (
        "job 'a': its condition is false: branch == 'release' (branch is 'main')",
        "job 'b': it needs 'a', which does not run",
    )


class TestChanges:
    def git(self, directory: Path, *args: str) -> str:
        env = {"GIT_CONFIG_GLOBAL": "/dev/null", "PATH": "/usr/bin:/bin", "HOME": str(directory)}
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *who, *args], cwd=directory, env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def repository(self, path: Path) -> str:
        self.git(path, "init", "-q", "-b", "main")
        self.git(path, "commit", "-q", "--allow-empty", "-m", "one")
        base = self.git(path, "rev-parse", "HEAD")
        (path / "src").mkdir()
        for name in ("src/a.py", "b.md"):
            (path / name).write_text("x")
            self.git(path, "add", name)
            self.git(path, "commit", "-q", "-m", name)
        return base

    def test_all_commits_of_a_push_count(self, tmp_path: Path) -> None:
        happened = event("push", {"DIFF_BASE": self.repository(tmp_path)}, {})
        notes: list[str] = []
        changes = changes_of(happened, tmp_path, (), notes.append)
        assert changes() == {"src/a.py", "b.md"}
        assert notes == []

    def test_what_is_given_is_not_looked_up(self, tmp_path: Path) -> None:
        assert changes_of(PUSH, tmp_path, ("x",), print)() == ("x",)

    @pytest.mark.parametrize("told", [{"DIFF_BASE": "0" * 40}, {"DIFF_BASE": "f" * 40}, {"PR_BASE_REF": "gone"}])
    def test_what_nobody_knows_leaves_nothing_out_and_is_told_once(self, told: dict[str, str], tmp_path: Path) -> None:
        self.repository(tmp_path)
        notes: list[str] = []
        changes = changes_of(event("push", told, {}), tmp_path, (), notes.append)
        assert (changes(), changes()) == (None, None)
        assert len(notes) == 1
        assert notes[0].startswith("what changed is not known: ")
        assert notes[0].endswith("; filters of paths do not count")

    def test_no_repository(self, tmp_path: Path) -> None:
        notes: list[str] = []
        assert changes_of(event("push", {"DIFF_BASE": "main"}, {}), tmp_path, (), notes.append)() is None
        assert "cannot open the git repository" in notes[0]


def test_a_job_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yaml"
    file.write_text(
        "name: deploy\ntriggers: {events: [push]}\nenvironment: {A: 1}\njob: {command: make, depends_on: [x]}\n"
    )
    [one] = triggers([load_job(file)], Event("", {"REACTORCIDE_SHA": "abc"}), lambda: None)
    assert one.to_dict() == {
        "job_name": "deploy",
        "condition": "all_success",
        "env": {"REACTORCIDE_SHA": "abc", "A": "1"},
        "depends_on": ["x"],
        "job_command": "runnerlib run --job-command make",
    }
    file.write_text("name: deploy\njob: {steps: [{name: a, run: make}]}\n")
    with pytest.raises(ConfigError, match="needs a 'command'"):
        triggers([load_job(file)], Event("", {}), lambda: None)


def test_inputs_have_their_defaults_and_what_a_command_does_not_say_is_in_its_file(tmp_path: Path) -> None:
    text = """
name: w
on: push
inputs: {target: {type: choice, options: [a, b], default: a}}
jobs:
  one: {command: x, condition: inputs.target == 'a'}
  two: {command: x, condition: inputs.target == 'b'}
  four: {command: x, retry: 2}
"""
    jobs = {
        job["job_name"]: job for job in sent(evaluated(layout(tmp_path, workflows__w=text)))["workflows"][0]["jobs"]
    }
    assert list(jobs) == ["one", "four"]
    assert jobs["one"]["env"]["INPUT_TARGET"] == "a"
    assert "--workflow-file /job/ci/.reactorcide/workflows/w.yaml --job four" in jobs["four"]["job_command"]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("approve: true", "job 'j': approve: a coordinator knows nothing of it; `runnerlib run` does"),
        ("allow_failure: true", "job 'j': allow_failure: a coordinator knows nothing of it; `runnerlib run` does"),
        ("for_each: [1], max_runs: 1", "job 'j': max_runs: a coordinator knows nothing of it; `runnerlib run` does"),
    ],
)
def test_what_a_coordinator_does_not_do_is_told(key: str, told: str, tmp_path: Path) -> None:
    found = evaluated(layout(tmp_path, workflows__w=f"name: w\non: push\njobs: {{j: {{command: x, {key}}}}}"))
    assert found.errors == (f".reactorcide/workflows/w.yaml: {told}",)


def test_an_input_without_a_default_is_told(tmp_path: Path) -> None:
    found = evaluated(layout(tmp_path, workflows__w="name: w\non: push\ninputs: {v: }\njobs: {j: {command: x}}"))
    assert found.errors == (".reactorcide/workflows/w.yaml: the input 'v' has no value; give --set v=VALUE",)
