"""Files of other systems given as ours, and words of theirs in ours."""

from __future__ import annotations

import pytest

from runnerlib.errors import ConfigError
from runnerlib.pipeline import job_file, workflow
from runnerlib.pipeline.foreign.recognise import GITHUB, GITLAB, WOODPECKER, kind_of
from tests.looped import assert_each
from tests.pipeline.foreign.examples import EXAMPLES

KINDS = dict(zip(EXAMPLES, (GITHUB, GITLAB, WOODPECKER), strict=True))


def test_each_is_told_what_it_is() -> None:
    def check(name: str, kind: str) -> None:
        for path in (name, "other.yml"):
            for parse in (job_file.parse, workflow.parse):
                with pytest.raises(ConfigError) as told:
                    parse(EXAMPLES[name], path)
                how = f"`runnerlib import {path}` prints what it is as a workflow of runnerlib"
                assert str(told.value) == f"{path}: this is a {kind}; {how}"

    assert_each(check, KINDS.items())


OURS = (
    "job: {steps: [{name: a, run: x}]}",
    "workflow: {jobs: [{name: a, command: x}]}",
    "on: push\njobs: {a: {runs-on: x, command: y}}",
    "jobs: {a: {steps: [{name: a, run: x, if: y}]}}",
    "job: {script: x, steps: []}",
    "name: x\ncommand: y\nimage: z",
    "steps: [{name: a, run: b}]",
    "stages: [x]",
    "",
    "- a",
)


def test_files_of_ours_with_a_mistake_are_ours() -> None:
    def check(text: str) -> None:
        assert kind_of(text, "pipeline.yaml") == ""

    assert_each(check, ((text,) for text in OURS))


STEP = {
    "if": "'condition'",
    "script": "'run', one text for a shell",
    "commands": "'run', one text for a shell",
    "needs": "'depends_on'",
    "continue-on-error": "'allow_failure'",
    "timeout-minutes": "'timeout', as in 'timeout: 5m'",
    "working-directory": "'working_dir'",
    "environment": "'env'",
}
JOB = {
    "if": "'condition'",
    "script": "'command', one text for a shell",
    "runs-on": "'runs_on'",
    "tags": "'runs_on'",
    "strategy": "'matrix', in the job itself",
    "stage": "'depends_on', with the names of the jobs to wait for",
    "before_script": "'steps': make it a step in front of the others",
    "variables": "'env'",
    "container": "'image'",
    "fail-fast": "'fail_fast'",
}


def test_words_of_others_get_ours() -> None:
    def check(form: str, key: str, said: str) -> None:
        with pytest.raises(ConfigError) as told:
            workflow.parse(form % key, "x.yaml")
        assert f"unknown key '{key}'; here it is {said}" in str(told.value)

    step = "workflow: {jobs: [{name: a, steps: [{name: a, run: b, %s: c}]}]}"
    job = "workflow: {jobs: [{name: a, steps: [{name: a, run: b}], %s: c}]}"
    assert_each(check, [(step, *one) for one in STEP.items()] + [(job, *one) for one in JOB.items()])


def test_what_nothing_here_stands_for_says_so() -> None:
    with pytest.raises(ConfigError, match="unknown key 'uses': actions cannot be run here"):
        job_file.parse("job: {steps: [{name: a, run: x, uses: actions/checkout@v4}]}", "x.yaml")
