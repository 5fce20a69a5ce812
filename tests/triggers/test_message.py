"""Messages: their form, what is the same item, and what cannot be sent."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from runnerlib.triggers.job_trigger import TriggerError
from runnerlib.triggers.message import EVALUATED, message, parse
from tests.triggers.contract import refusal


def job(name: str, **fields: Any) -> dict[str, Any]:
    return {"job_name": name, "condition": "all_success", **fields}


def test_the_plain_form() -> None:
    made = message([job("a"), job("b", depends_on=["a"])])
    sent = json.loads(made.encode())
    assert list(sent) == ["type", "operation_id", "trigger_type", "jobs"]
    assert (sent["type"], sent["trigger_type"]) == ("trigger_job", "runnerlib")
    assert uuid.UUID(sent["operation_id"]).version == 4
    assert not refusal(sent)
    assert made.job_names == ("a", "b")
    assert parse(made.encode(), "x") == made


def test_the_form_of_workflows() -> None:
    flow = {"id": "ci", "jobs": [job("a")]}
    made = message([flow], "workflows", EVALUATED, {"policy_violations": [], "changed_ci_paths": ["x"]})
    sent = json.loads(made.encode())
    assert list(sent) == ["type", "operation_id", "trigger_type", "workflows", "policy_violations", "changed_ci_paths"]
    assert not refusal(sent)
    assert parse(made.encode(), "x") == made
    assert made.job_names == ("a",)


def test_it_is_one_line_of_ascii() -> None:
    text = message([{"job_name": "ä\n\u2028😀"}]).encode()
    assert text.isascii()
    assert text.isprintable()


def test_an_equal_item_is_the_same_item() -> None:
    first = message([{"job_name": "a", "env": {"X": "1", "Y": "2"}}, {"job_name": "a"}, {"job_name": "a"}])
    assert len(first.items) == 2
    other = message([{"env": {"Y": "2", "X": "1"}, "job_name": "a"}, {"job_name": "b"}])
    both = first.extended(other)
    assert (both.operation_id, [job["job_name"] for job in both.items]) == (first.operation_id, ["a", "a", "b"])
    assert [job["job_name"] for job in other.without(first.items).items] == ["b"]


def test_jobs_that_wait_for_each_other_are_refused() -> None:
    jobs = [{"job_name": "a", "depends_on": ["b", "elsewhere"]}, {"job_name": "b", "depends_on": ["a"]}]
    with pytest.raises(TriggerError, match="jobs to trigger wait for each other: a → b → a"):
        message(jobs)
    with pytest.raises(TriggerError, match="wait for each other"):
        message([{"jobs": jobs}], "workflows")


WRONG: list[tuple[Any, str]] = [
    ("{", "not valid JSON"),
    ("[" * 100_000, "not valid JSON"),
    ("[]", "a mapping with type 'trigger_job' is expected"),
    ('{"type":"trigger"}', "a mapping with type 'trigger_job' is expected"),
    ('{"type":"trigger_job","version":1,"jobs":[]}', "the key 'version' is not allowed"),
    ('{"type":"trigger_job"}', "jobs: a list is expected, got nothing"),
    ('{"type":"trigger_job","jobs":{}}', "jobs: a list is expected, got a mapping"),
    ('{"type":"trigger_job","jobs":[{"job_name":"a","env":{"N":[1]}}]}', "trigger 'a': env: N: a text is expected"),
    ('{"type":"trigger_job","jobs":[{"job_name":"a","job_file":"x"}]}', "unknown field 'job_file'"),
    ('{"type":"trigger_job","workflows":[{"jobs":1}]}', "a workflow is a mapping with a list of jobs"),
    ('{"type":"trigger_job","workflows":[1]}', "a workflow is a mapping with a list of jobs"),
    ('{"type":"trigger_job","jobs":[],"operation_id":7}', "operation_id and trigger_type are texts"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_what_is_no_message(text: str, told: str) -> None:
    with pytest.raises(TriggerError) as caught:
        parse(text, "FILE")
    assert str(caught.value).startswith("FILE: ")
    assert told in str(caught.value)


def test_an_older_file_gets_an_operation_id() -> None:
    made = parse('{"type":"trigger_job","jobs":[{"job_name":"a","priority":"3"}],"workflow":{"name":"ci"}}', "x")
    assert uuid.UUID(made.operation_id)
    assert made.more == {"workflow": {"name": "ci"}}
    assert made.items == (job("a", priority=3),)
