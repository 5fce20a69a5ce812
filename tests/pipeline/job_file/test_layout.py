"""Files of `.reactorcide/jobs` as job files: they run, and mean what a coordinator and a workflow take them for."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnerlib.errors import ConfigError
from runnerlib.pipeline.job_file import flat, load, parse
from runnerlib.pipeline.job_file import reactorcide as layout
from runnerlib.pipeline.workflow.file import load_job
from runnerlib.pipeline.workflow.file_keys import FILE_KEYS, JOB_KEYS
from tests.integration.cli import runnerlib

FILES = {
    "test": """
name: test
description: the tests
triggers: {events: [push, pull_request_opened], branches: [main]}
paths: {include: ["src/**"], exclude: ["docs/**"]}
environment: {WHO: you, DEBUG: true}
run_local: {user: runner}
job:
  image: alpine:latest
  command: echo "hello $WHO $DEBUG"
  timeout: 600
""",
    "flat": "name: flat\non: push\nenv: {WHO: you}\ncommand: [sh, -c, 'echo hello $WHO true']\ntimeout: 1m\n",
    "steps": "name: s\non: push\njob: {steps: [{name: a, run: 'true'}, {name: b, run: echo hello 'you true'}]}\n",
    "minimal": "name: m\njob: {command: echo hello you true}\n",
    "both": """
name: both
environment: {WHO: they, DEBUG: true}
job: {environment: {WHO: you}, command: 'echo hello $WHO $DEBUG'}
""",
    "worker": """
name: worker
job:
  command: echo hello you true
  priority: 5
  raw_command: true
  disable_run_local: false
  capabilities: [docker, builder]
  image_pull_secrets: [registry]
  depends_on: [other]
  condition: all_success
  run_as: {user: "1001"}
  worker_class: big
  characteristics: {gpu: true}
  resources: {cpu: {limit: "2"}, memory: {limit: 1Gi}}
""",
    "sources": """
name: sources
environment: {WHO: you}
job: {command: 'cat file; echo "hello $WHO true"', code_dir: /job/src, source: {type: copy, path: SOURCE}}
""",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("by", [["run", "--job-file"], ["run-job"]], ids=" ".join)
def test_they_run(tmp_path: Path, name: str, by: list[str]) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_text("")
    file = tmp_path / ".reactorcide/jobs" / f"{name}.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(FILES[name].replace("SOURCE", str(tmp_path / "source")))
    done = runnerlib(*by, str(file.relative_to(tmp_path)), cwd=tmp_path)
    assert (done.code, "error" in done.err) == (0, False)
    assert b"hello you true\n" in done.out


@pytest.mark.parametrize("name", FILES)
def test_they_mean_what_trigger_takes_them_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "job.yaml").write_text(FILES[name])
    here, there = load(str(tmp_path / "job.yaml")), load_job(tmp_path / "job.yaml")
    assert (here.job.name, here.job.env, here.job.timeout) == (there.name, there.body.env, there.body.timeout)
    assert [step.run for step in here.job.steps] == [step.run for step in there.body.steps]
    assert {key: value for key, value in here.settings.items() if key != "runner_image"} == there.settings
    assert here.settings.get("runner_image") == there.image


def test_every_key_of_such_files_is_known() -> None:
    """The keys of a workflow and of the flat form, less those that only a workflow can have but `include`."""
    assert {*layout.TOP, "job"} == {*JOB_KEYS, *FILE_KEYS, *flat.KEYS} - {"job_file"} | {"include"}


def test_one_line_says_what_nobody_here_acts_on() -> None:
    [line] = parse(FILES["test"], "f").notices
    assert (
        line
        == "'triggers', 'paths' and 'run_local' are for Reactorcide's coordinator; this command does not act on them"
    )
    assert parse(FILES["minimal"], "f").notices == ()


WRONG = [
    ("name: x\non: push\ncommand: y\ntimeot: 5\n", "f:4:1: unknown key 'timeot'"),
    ("name: x\njob: {comand: y, image: z}\n", "f:2:7: unknown key 'comand'"),
    ("name: x\njob: {command: y, triggers: push}\n", "f:2:19: unknown key 'triggers'"),
    ("name: x\njob: {command: y, for_each: [1]}\n", "f:2:19: 'for_each' makes several jobs of one: give this file as"),
    ("name: x\nmatrix: {a: [1]}\njob: {command: y}\n", "f:2:1: 'matrix' makes several jobs of one"),
    ("name: x\nenv: {A: b}\nenvironment: {A: c}\njob: {command: y}\n", "f:3:1: 'environment' is the same as 'env'"),
    ("name: x\njob: {image: z}\n", "f:2:6: a job needs 'steps' or a 'command'"),
    ("name: x\njob: {command: y, steps: [{name: a, run: b}]}\n", "f:2:7: command: contradicts 'steps'"),
    ("name: x\njob: {command: y, timeout: 0}\n", "f:2:28: timeout: more than 0 seconds are expected"),
    ("name: x\nenvironment: {A-B: hunter2}\njob: {command: y}\n", "f:2:15: env: 'A-B' is no name of a variable"),
    ("on: push\ntimeout: soon\njob: {command: y, timeout: 5}\n", "f:2:10: timeout: a time as 90"),
    ("on: push\nsteps: []\njob: {steps: [{name: a, run: b}]}\n", "f:2:1: 'steps' stand below 'job' already"),
    ("name: x\njob: y\n", "f:2:6: a job is a mapping of keys to values"),
    ("name: x\njob: {job_file: other.yaml}\n", "unknown key 'job_file'"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_mistakes_stand_at_their_keys(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, "f")
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)
