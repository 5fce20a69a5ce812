"""Inputs: what a run is told reaches commands as variables and conditions as texts, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnerlib import Input, Job, Workflow
from runnerlib.errors import ConfigError
from runnerlib.pipeline import job_file, workflow
from runnerlib.pipeline.job.inputs import values_of
from runnerlib.runner.journal import signatures
from tests.integration.cli import runnerlib
from tests.runner.workflow.house import planned, ran

JOB = """
job:
  inputs:
    text: {description: anything}
    kind: {type: choice, options: [a, b], default: a}
    go-on: {type: boolean, default: false}
    count: {type: number, default: -1.5}
    who: world
  steps:
    - name: show
      run: printf "%s|%s|%s|%s|%s\\n" "$INPUT_TEXT" "$INPUT_KIND" "$INPUT_GO_ON" "$INPUT_COUNT" "$INPUT_WHO"
    - {name: more, run: echo on, condition: inputs.go-on == 'true' and number(inputs.count) < 0}
"""
NASTY = """$(id) `id` ' " ; ${secret:a:b} ${{ x }} a,b=c"""


def test_values_reach_commands_and_conditions_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "j.yaml").write_text(JOB)
    run = ("run", "--job-file", "j.yaml", "--output", "raw")
    done = runnerlib(*run, "--set", f"text={NASTY}", "--set", "go-on=true", cwd=tmp_path)
    assert (done.code, done.out.decode()) == (0, f"{NASTY}|a|true|-1.5|world\non\n"), done.err
    done = runnerlib(*run, cwd=tmp_path, REACTORCIDE_INPUTS="text=x\nkind=b\n")
    assert done.out.decode() == "x|b|false|-1.5|world\n"
    plan = runnerlib("run", "--job-file", "j.yaml", "--plan", "--set", "text=x", cwd=tmp_path).out.decode()
    assert "  input text=x: from command line, --set\n  input kind=a, input go-on=false," in plan


def test_mistakes_in_values_are_told_all_at_once() -> None:
    inputs = job_file.parse(JOB, "j").job.inputs
    given = [("kind", "c"), ("go-on", "yes"), ("count", "1e3"), ("woh", ""), ("who", "a\0b")]
    with pytest.raises(ConfigError) as caught:
        values_of(inputs, given)
    assert str(caught.value).splitlines() == [
        "unknown input 'woh'; did you mean 'who'?",
        "the input 'text' (anything) has no value; give --set text=VALUE",
        "the input 'kind': one of a, b is expected",
        "the input 'go-on': true or false is expected",
        "the input 'count': a number is expected",
        "the input 'who': it holds a NUL byte",
    ]
    with pytest.raises(ConfigError, match="unknown input 'a': what runs has no inputs"):
        values_of({}, [("a", "b")])


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ("{a: {type: text}}", "w:1:9: inputs: a: unknown type 'text' (string, number, boolean, choice)"),
        ("{a: {type: number, default: x}}", "w:1:9: inputs: a: default: a number is expected"),
        ("{a: {type: choice}}", "w:1:9: inputs: a: 'options' and the type 'choice' go together"),
        ("{a-b: x, a_b: y}", "w:1:9: inputs: a_b: 'a_b' is too much like 'a-b': both are INPUT_A_B"),
        ("{1a: x}", "w:1:9: inputs: 1a: a name of up to 64 letters, digits, '_' and '-', no digit first, is expected"),
        ("{a: {tpye: string}}", "w:1:14: unknown key 'tpye'; did you mean 'type'?"),
    ],
)
def test_mistakes_in_declarations(inputs: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        workflow.parse(f"inputs: {inputs}\njobs: [{{name: j, command: x}}]", "w")
    assert str(caught.value).splitlines() == [told]


def test_conditions_name_inputs_that_there_are() -> None:
    steps = "steps: [{name: s, run: x, condition: inputs.aa == ''}]"
    with pytest.raises(ConfigError) as caught:
        workflow.parse(f"inputs: {{ab: x}}\njobs: [{{name: j, condition: inputs.ac == '', {steps}}}]", "w")
    assert [line.partition(": ")[2] for line in str(caught.value).splitlines()] == [
        "condition: unknown input 'ac' (ab)",
        "condition: unknown input 'aa' (ab)",
    ]


def test_jobs_of_a_workflow_have_the_inputs_of_it(tmp_path: Path) -> None:
    made = Workflow("w", inputs={"to": Input("choice", "a", ("a", "b"))})
    made.add_job("x", "echo $INPUT_TO", condition="inputs.to == 'b'")
    made.add_job(Job("y", inputs={"own": Input(default="1")}), depends_on="x", condition="always()")
    made.jobs[1].body.add_step("s", "echo $INPUT_TO $INPUT_OWN", condition="inputs.own == '1'")
    assert ran(made, tmp_path).outcomes == {"x": "skipped", "y": "success"}
    done = ran(made, tmp_path, REACTORCIDE_INPUTS="to=b")
    assert (done.output("x"), done.output("y/s")) == ("b\n", "b 1\n")
    with pytest.raises(ConfigError, match="unknown input 'ot'"):
        planned(made, tmp_path, None, REACTORCIDE_INPUTS="ot=b")


def test_what_ran_with_other_values_runs_again() -> None:
    job = job_file.parse(JOB, "j").job
    one, same, other = (signatures(job.replaced(input_values={"text": text})) for text in ("a", "a", "b"))
    assert one == same
    assert one["show"] != other["show"]
