"""A pipeline as a program: tests a project, builds it when they pass, and leaves a report.

    python examples/pipeline.py                                              # in ./project
    runnerlib run --git-url ... -- python /job/ci/examples/pipeline.py /job/src   # as a job

The exit code is that of the first step that failed.
"""

import json
import os
import sys

import runnerlib

source = sys.argv[1] if len(sys.argv) > 1 else "project"

# A value that was made at run time is hidden from here on, in the jobs below and in this program's own log.
token = f"session-{os.urandom(8).hex()}"
runnerlib.register_secret(token, "SESSION")

job = runnerlib.Job("pipeline", timeout=1800, env={"SESSION": token})
job.add_step("style", "python -m compileall -q .", parallel=True)
job.add_step("test", "python -m unittest -q", parallel=True, retry=runnerlib.Retry(max=1), timeout=600)
job.add_step("build", 'tar -cf "$REACTORCIDE_ARTIFACTS_DIR/project.tar" .', depends_on=["style", "test"])
job.add_step("where", 'echo "tested with $SESSION on $(uname -s)"', when="always")

result = runnerlib.run_job(job, source_dir=source, artifacts_dir="out")

report = {
    "branch": runnerlib.env.branch,
    "job": runnerlib.env.job_id,
    "exit_code": result.exit_code,
    "steps": {step.name: step.outcome for step in result.steps},
}
with open("out/report.json", "w", encoding="utf-8") as file:
    json.dump(report, file, indent=2)
print(f"{job.name}: {'passed' if result.success else result.reason}")
sys.exit(result.exit_code)
