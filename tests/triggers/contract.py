"""Demands of a coordinator's parser of triggers, written from the contract alone: the oracle of the rules.

`refusal` gives the reason for which the whole message is refused, or an empty text.
"""

from __future__ import annotations

from typing import Any

TEXTS = frozenset(
    {
        *("condition", "source_type", "source_url", "source_ref", "ci_source_type", "ci_source_url", "ci_source_ref"),
        *("container_image", "job_command", "code_dir", "job_dir", "working_dir", "run_as_user", "item_var"),
        *("worker_class", "ci_origin", "execution_profile", "job_file"),
    }
)
LISTS_OF_TEXTS = ("depends_on", "capabilities", "image_pull_secrets")
NUMBERS = ("priority", "timeout")
MAPPINGS = ("characteristics", "resources", "run_local")
RESERVED = {"org", "org_id", "organization"}


def refusal(message: object) -> str:
    if not isinstance(message, dict) or message.get("type") != "trigger_job":
        return "type"
    if "version" in message:
        return "version"
    if reserved(message):
        return "reserved key"
    if "workflows" in message:
        jobs = [job for workflow in message["workflows"] for job in workflow["jobs"]]
    else:
        jobs = message.get("jobs")
    if not isinstance(jobs, list):
        return "jobs"
    evaluated = message.get("trigger_type") == "runnerlib_eval"
    return next((why for job in jobs if (why := job_refusal(job, evaluated))), "")


def names(message: dict[str, Any]) -> list[str]:
    """The names of all jobs in it."""
    graphs = [message.get("jobs", []), *(workflow["jobs"] for workflow in message.get("workflows", []))]
    return [job["job_name"] for graph in graphs for job in graph]


def startable(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The jobs that start some day: all that they wait for is in the same graph, and starts some day itself."""
    found: list[dict[str, Any]] = []
    while True:
        known = {job["job_name"] for job in found}
        more = [job for job in jobs if job not in found and known.issuperset(job.get("depends_on", []))]
        if not more:
            return [job for job in jobs if job in found]
        found += more


def job_refusal(job: object, evaluated: bool) -> str:
    if not isinstance(job, dict) or not isinstance(job.get("job_name"), str) or not job["job_name"]:
        return "job_name"
    for name, value in job.items():
        if not fits(name, value):
            return name
    if "job_file" in job:
        return "job_file"
    return "" if evaluated or not {"ci_origin", "execution_profile"} & set(job) else "ci_origin"


def fits(name: str, value: Any) -> bool:
    if name in TEXTS:
        return isinstance(value, str)
    if name in LISTS_OF_TEXTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if name in NUMBERS:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    if name in MAPPINGS:
        return isinstance(value, dict)
    if name == "env":
        return isinstance(value, dict) and all(isinstance(text, str) for pair in value.items() for text in pair)
    return isinstance(value, list) if name == "for_each" else True


def reserved(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(RESERVED & set(value)) or any(map(reserved, value.values()))
    return isinstance(value, list) and any(map(reserved, value))
