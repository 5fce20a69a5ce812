"""The keywords of the public calls are known to type checkers: the right ones pass, each misspelled one is told."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runnerlib.api.call import INSTEAD
from runnerlib.config import SETTINGS, parsers
from runnerlib.config.keywords import SettingKeywords, WorkflowSettingKeywords
from runnerlib.pipeline.job import Step
from runnerlib.pipeline.job.keywords import StepKeywords
from runnerlib.pipeline.workflow.job import BODY_KEYS, JOB_KEYS
from runnerlib.pipeline.workflow.keywords import JobKeywords
from runnerlib.triggers.job_trigger import JobTrigger
from runnerlib.triggers.keywords import TriggerKeywords

# What a setting may be given as, by the function that reads it.
GIVEN_AS = {
    parsers.text: "str",
    parsers.plain_name: "str",
    parsers.marker: "str",
    parsers.store: "str",
    parsers.smtp: "str",
    parsers.notifications: "Texts",
    parsers.boolean: "bool | str",
    parsers.count: "int | str",
    parsers.size: "int | str",
    parsers.line_length: "int | str",
    parsers.seconds: "float | str",
    parsers.duration: "float | str",
    parsers.names: "Texts",
    parsers.words: "Texts",
    parsers.values: "Texts",
    parsers.some_of: "Texts",
    parsers.environment: "str | Mapping[str, str]",
    parsers.inputs: "Texts | Mapping[str, object]",
    parsers.options: "Texts | Mapping[str, object]",
    parsers.network: "bool | int | str | list[int] | tuple[int, ...]",
}

RIGHT = """
import runnerlib
from runnerlib import Job, Retry, Step, Workflow


async def program(names: list[str]) -> None:
    job = Job("build")
    job.add_step("a", "true", shell="bash", env={"A": "1"}, working_dir=".", parallel=True, when="always", retry=2)
    job.add_step("b", ["true"], depends_on="a", condition="always()", required=False, timeout=1, no_output_timeout=2.5)
    job.add_step("c", "true", depends_on=["a"], retry=Retry(1), outputs="x", weight=2, stdin="", tty=False)
    job.add_step("d", "true", secrets=["A_TOKEN"])
    job.add_step("e", "true", secrets=(), untrusted=True)
    runnerlib.run_job(job, source_dir=".", output="raw", log_level="info", max_parallel=2, git_url=None)
    runnerlib.run_job(command="true", secret_env_names=names, job_env={"A": "1"}, grace_period=1, container=True)
    runnerlib.execute("true", code_dir="x", secrets_list="a,b", triggers=["api"], max_line="off", log_limit="1M")
    await runnerlib.execute_async("true", plugin_timeout=2.5, source_options={"depth": 1}, secret_command=("a", "b"))
    runnerlib.run_step(Step("a", "true"), job_timeout=3, timestamps=True)
    work = Workflow("ci")
    work.add_job("a", "true", env={"A": "1"}, image="alpine", for_each=[1, 2], item_var="N", priority=1)
    work.add_job(job, depends_on="a", condition="always", matrix={"os": ["a", "b"]}, settings={"code_dir": "x"})
    work.add_job("c", steps=[Step("a", "true")], timeout=5, secrets=(), upload="*.txt", if_no_files="warn")
    work.add_job("d", ["true"], download="c", outputs=["x"], runs_on=["big"], resources={"cpu": 2}, working_dir="x")
    runnerlib.run_workflow(work, resume=True, only=["a"], artifacts_dir="out", max_parallel=3, output="json")
    runnerlib.trigger_job("next", {"A": 1}, "other", timeout=5, priority=2, capabilities=["x"], run_as_user=1000)
    runnerlib.submit_job("next", container_image="alpine", for_each=[1], resources={"cpu": "1"}, source_ref="main")
    context = runnerlib.WorkflowContext()
    context.trigger_job("next", condition="always", job_command="true", image_pull_secrets=["a"], job_dir="x")
    context.submit_job("next", characteristics={}, worker_class="big", disable_run_local=True, working_dir="x")
"""

# Calls with a keyword that is misspelled or belongs elsewhere, or a value of the wrong type, and what mypy names: for a
# function of several forms its own name.
WRONG = {
    "job.add_step('a', 'true', dependson='b')": "dependson",
    "job.add_step('a', 'true', timeout='soon')": "timeout",
    "runnerlib.run_job(job, outputs='raw')": "run_job",
    "runnerlib.run_job(job, log_level='loud')": "run_job",
    "runnerlib.run_job(job, job_command='true')": "run_job",
    "runnerlib.run_job(command='true', grace_periode=1)": "run_job",
    "runnerlib.execute('true', gitref='main')": "gitref",
    "runnerlib.execute_async('true', max_paralel=1)": "max_paralel",
    "runnerlib.run_step(job.steps[0], secret_list='x')": "secret_list",
    "work.add_job('a', 'true', dependson=['b'])": "dependson",
    "work.add_job('a', 'true', if_no_files='panic')": "if_no_files",
    "runnerlib.run_workflow(work, resumes=True)": "resumes",
    "runnerlib.run_workflow(work, workflow_file='x')": "workflow_file",
    "runnerlib.trigger_job('a', prio=1)": "prio",
    "runnerlib.submit_job('a', image='x')": "image",
    "context.trigger_job('a', time_out=1)": "time_out",
    "context.submit_job('a', timeout='1h')": "timeout",
}


def keywords(kind: Any) -> dict[str, str]:
    """The keys of a TypedDict, each with its type as it is written."""
    return {name: given.__forward_arg__ for name, given in kind.__annotations__.items()}


def test_step_keywords_are_the_fields_of_a_step() -> None:
    assert set(keywords(StepKeywords)) == set(Step._fields) - {"name", "run"}


def test_job_keywords_are_what_add_job_takes() -> None:
    assert set(keywords(JobKeywords)) == {*BODY_KEYS, *JOB_KEYS}


def test_trigger_keywords_are_the_fields_of_a_trigger() -> None:
    parameters = {"job_name", "env", "depends_on", "condition"}
    assert set(keywords(TriggerKeywords)) == {field.name for field in dataclasses.fields(JobTrigger)} - parameters


def given_as(parse: Any) -> str:
    if isinstance(parse, partial) and parse.func is parsers.one_of:
        return f"Literal[{', '.join(map(repr, parse.args[0]))}]"
    return GIVEN_AS[parse.func if isinstance(parse, partial) else parse]


def test_setting_keywords_are_the_settings_and_what_they_take() -> None:
    expected = {name: f"{given_as(setting.parse)} | None" for name, setting in SETTINGS.items() if name not in INSTEAD}
    assert keywords(WorkflowSettingKeywords) == expected
    assert expected.keys() - keywords(SettingKeywords).keys() == {"artifacts_dir"}


def checked(program: str, directory: Path) -> str:
    """Return the report of a strict mypy on a program that uses the library."""
    file = directory / "program.py"
    file.write_text(program)
    options = ["--strict", "--config-file=", "--follow-imports=silent", f"--cache-dir={directory}/cache"]
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "mypy", *options, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return done.stdout


def test_mypy_knows_every_keyword(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    assert checked(RIGHT, tmp_path).startswith("Success")
    first = RIGHT.count("\n") + 1
    said = checked(RIGHT + "".join(f"    {call}\n" for call in WRONG), tmp_path).splitlines()
    for number, (call, word) in enumerate(WRONG.items(), first):
        found = [line for line in said if f"program.py:{number}: error: " in line]
        assert any(f'"{word}"' in line for line in found), (call, said)
    assert {line.split(":")[1] for line in said if " error: " in line} == {
        str(number) for number in range(first, first + len(WRONG))
    }
