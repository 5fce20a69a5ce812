"""The workflow of ci_pipeline.yaml, from Python: test and lint side by side, then build, then deploy on main.

REACTORCIDE_BRANCH=main python examples/ci_pipeline.py
"""

from __future__ import annotations

import sys

import runnerlib
from runnerlib import Job, Workflow


def pipeline() -> Workflow:
    """The four jobs."""
    workflow = Workflow("ci-pipeline", vars={"package": "demo"})
    test = Job("test")
    test.add_step("unit", 'echo testing; echo "passed=3" >> "$RUNNERLIB_OUTPUT"')
    workflow.add_job(test)
    workflow.add_job("lint", "echo linting")
    workflow.add_job(
        "build",
        'echo "building after $RUNNERLIB_OUTPUT_TEST_PASSED tests"; echo package > demo.txt',
        depends_on=["test", "lint"],
        upload="demo.txt",
    )
    workflow.add_job(
        "deploy",
        'echo "deploying $(cat $REACTORCIDE_ARTIFACTS_DIR/build/demo.txt)"',
        depends_on=["build"],
        condition='branch == "main"',
        download="build",
    )
    return workflow


if __name__ == "__main__":
    result = runnerlib.run_workflow(pipeline())
    sys.exit(result.exit_code)
