"""Keys that all steps of a job have, and all jobs and steps of a workflow."""

from __future__ import annotations

import pytest

from runnerlib.errors import ConfigError
from runnerlib.pipeline import job_file, workflow
from runnerlib.pipeline.graph_text import as_text
from runnerlib.pipeline.job import Retry

JOB = """
job:
  defaults:
    steps: {shell: bash, timeout: 10m, allow_failure: true, retry: 2, env: {A: "1", B: "1"}, tty: true}
  steps:
    - {name: a, run: make}
    - {name: b, run: [make, all], timeout: 1d, required: true, env: {B: "2"}, stdin: x}
"""


def test_a_step_wins_over_the_defaults() -> None:
    job = job_file.parse(JOB, "f").job
    a, b = job.steps
    assert (a.shell, a.timeout, a.required, a.retry, a.env, a.tty) == (
        "bash",
        600,
        False,
        Retry(2),
        {"A": "1", "B": "1"},
        True,
    )
    # What contradicts the step itself is not for it.
    assert (b.shell, b.timeout, b.required, b.env, b.tty) == (None, 86400, True, {"A": "1", "B": "2"}, False)
    keys = ("shell", "timeout", "allow_failure", "retry", "env", "tty")
    assert as_text(job).splitlines()[-2:] == [
        "where values come from",
        f"  {', '.join(f'steps: {key}' for key in keys)}: from defaults, f:4",
    ]


WORKFLOW = """
workflow:
  defaults:
    jobs: {image: alpine, timeout: 30m, labels: big, env: {A: "1", B: "1"}, allow_failure: true}
    steps: {timeout: 1m, when: always}
  jobs:
    - {name: a, command: make}
    - name: b
      timeout: 2h
      runs_on: small
      env: {B: "2"}
      defaults: {steps: {timeout: 2m}}
      steps: [{name: s, run: make}]
    - {name: c, steps: [{name: s, run: make}]}
"""


def test_a_job_wins_over_the_defaults_and_each_knows_where_its_values_are_from() -> None:
    a, b, c = workflow.parse(WORKFLOW, "w").jobs
    assert (a.image, a.timeout, a.runs_on, a.env, a.allow_failure) == (
        "alpine",
        1800,
        ("big",),
        {"A": "1", "B": "1"},
        True,
    )
    assert (b.image, b.timeout, b.runs_on, b.env) == ("alpine", 7200, ("small",), {"A": "1", "B": "2"})
    assert [(one.body.steps[0].timeout, one.body.steps[0].when) for one in (b, c)] == [(120, "always"), (60, "always")]
    assert a.origins == dict.fromkeys(("image", "timeout", "runs_on", "env", "allow_failure"), "defaults, w:4")
    assert b.origins == {
        "image": "defaults, w:4",
        "allow_failure": "defaults, w:4",
        "steps: timeout": "defaults, w:12",
        "steps: when": "defaults, w:5",
    }


@pytest.mark.parametrize(
    ("defaults", "problems"),
    [
        ("{steps: {timout: 1}}", ["w:1:20: unknown key 'timout'; did you mean 'timeout'?"]),
        ("{steps: {run: x}}", ["w:1:20: unknown key 'run'"]),
        ("{step: {}}", ["w:1:12: unknown key 'step'; did you mean 'steps'?"]),
        (
            "{steps: {timeout: soon}}",
            ["w:1:29: timeout: a time as 90"],
        ),
        ("{jobs: {needs: x, retry: -1}}", ["w:1:19: unknown key 'needs'", "w:1:36: retry: a number"]),
        ("{jobs: {env: {A: 1}, environment: {}}}", ["w:1:32: 'environment' is the same as 'env'; give one of them"]),
        ("5", ["w:1:11: defaults: defaults is a mapping of keys to values, got a number"]),
    ],
)
def test_each_mistake_is_told_once(defaults: str, problems: list[str]) -> None:
    steps = ", ".join(f"{{name: s{number}, run: x}}" for number in range(3))
    with pytest.raises(ConfigError) as caught:
        workflow.parse(f"defaults: {defaults}\njobs: [{{name: a, steps: [{steps}]}}]", "w")
    told = str(caught.value).splitlines()
    assert len(told) == len(problems)
    assert [line.startswith(begin.partition(" (")[0]) for line, begin in zip(told, problems, strict=True)] == [
        True
    ] * len(told)


def test_a_problem_of_a_default_is_told_where_it_stands() -> None:
    text = "job:\n  defaults: {steps: {weight: 0}}\n  steps: [{name: a, run: x}, {name: b, run: x}]"
    with pytest.raises(ConfigError) as caught:
        job_file.parse(text, "f")
    assert str(caught.value) == "f:2:30: weight: a whole number, 1 or more, is expected, got 0"
