"""One job of forty steps with everything in it, as Python and as YAML, and what must come of it."""

from __future__ import annotations

import yaml

from runnerlib.pipeline.job import Job, Retry, Step

EXPECTED = {
    "success": {"prepare", "flaky", "by pattern", "by time", "after all", "report", "only if", "cleanup", "alarm"},
    "failure": {"may fail", "bad", "slow", "silent", "promise"},
    "skipped": {"never", "not if", "depends on bad", "further"},
}


def forty() -> Job:
    """Five groups of steps, failures of every kind, retries, conditions; its exit code is 7."""
    job = Job("forty", env={"COLOUR": "red"}, max_parallel=4)
    job.add_step(
        "prepare", "echo digest=abc >> $RUNNERLIB_OUTPUT; echo FROM_PREPARE=1 >> $RUNNERLIB_ENV", outputs=["digest"]
    )
    for number in range(22):
        job.add_step(
            f"unit {number}", f"test $RUNNERLIB_OUTPUT_PREPARE_DIGEST = abc && echo unit {number}", parallel=True
        )
    again = Retry(max=3, backoff=0)
    job.add_step("flaky", "test $RUNNERLIB_ATTEMPT = 3", parallel=True, retry=again)
    job.add_step(
        "by pattern",
        "echo net down; test $RUNNERLIB_ATTEMPT = 2",
        parallel=True,
        retry=Retry(max=1, backoff=0, pattern="net down"),
    )
    job.add_step(
        "by time",
        "test $RUNNERLIB_ATTEMPT = 2 || exec sleep 1000",
        parallel=True,
        timeout=2,
        retry=Retry(max=1, backoff=0, timeout=True),
    )
    job.add_step("may fail", ["false"], required=False)
    job.add_step(
        "only if",
        "test $FROM_PREPARE$COLOUR = 1red",
        condition='steps["may fail"].outcome == "failure" && env.COLOUR == "red"',
    )
    job.add_step("not if", "true", condition='env.COLOUR == "blue"')
    job.add_step("bad", "exit 7", depends_on=["only if"])
    job.add_step("slow", "exec sleep 1000", depends_on=["only if"], timeout=0.1)
    job.add_step("silent", "exec sleep 1000", depends_on=["only if"], no_output_timeout=0.1)
    job.add_step("promise", "true", depends_on=["only if"], outputs=["nothing"])
    job.add_step("depends on bad", "true", depends_on=["bad"])
    job.add_step("further", "true", depends_on=["depends on bad"])
    job.add_step("never", "true", depends_on=["prepare"], when="on_failure")
    job.add_step("alarm", "echo alarm", depends_on=["further"], when="on_failure")
    job.add_step("after all", "echo on", depends_on=["further"], condition="failure()")
    job.add_step("report", "cat", depends_on=["bad"], when="always", stdin="a report\nof two lines\n", shell="sh -c")
    job.add_step("cleanup", "true\ntrue", when="always", shell="bash", env={"COLOUR": "none"})
    return job


def as_yaml(job: Job) -> str:
    """The job as its file would be written, every key that is not at its default."""
    plain = Step("", "")
    steps = []
    for step in job.steps:
        keys: dict[str, object] = {"name": step.name, "run": step.run}
        for key, value, default in zip(step._fields[2:], step[2:], plain[2:], strict=True):
            if value != default:
                keys[key] = _retry(value) if isinstance(value, Retry) else dict(value) if key == "env" else value
        steps.append(keys)
    content: dict[str, object] = {"name": job.name, "env": job.env, "steps": steps}
    if job.max_parallel is not None:
        content["max_parallel"] = job.max_parallel
    return yaml.safe_dump({"job": content}, sort_keys=False)


def _retry(retry: Retry) -> dict[str, object]:
    on = {"exit_codes": list(retry.exit_codes), "pattern": retry.pattern, "timeout": retry.timeout}
    keys: dict[str, object] = {"max": retry.max, "backoff": retry.backoff, "limit": retry.limit, "jitter": retry.jitter}
    return {**keys, "on": {key: value for key, value in on.items() if value}} if any(on.values()) else keys
