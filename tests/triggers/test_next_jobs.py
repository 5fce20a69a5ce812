"""The design's text, to the letter."""

from __future__ import annotations

from runnerlib.triggers.next_jobs import NextJob, next_jobs, run_command

# As the design that stands at this project's beginning has it.
DESIGN = """\
📋 Next jobs to run:
  → deploy-staging (waiting on: test, build - all complete)

Run the next job:
  $ python -m runnerlib.cli run --job deploy-staging --workflow-file pipeline.yaml
"""


def test_the_designs_output() -> None:
    assert next_jobs([NextJob("deploy-staging", ("test", "build"), reason="tests passed")], run_command) == DESIGN


def test_other_jobs() -> None:
    text = next_jobs(
        [NextJob("a", reason="tests passed"), NextJob("b c", ("x",), complete=False), NextJob("d")], run_command
    )
    assert text.splitlines()[1:4] == ["  → a (tests passed)", "  → b c (waiting on: x - not all complete)", "  → d"]
    assert "run --job 'b c' --workflow-file pipeline.yaml" in text
    assert next_jobs([], run_command) == ""
