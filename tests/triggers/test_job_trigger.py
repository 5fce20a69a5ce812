"""Every rule of a coordinator's parser: what it would refuse is refused at the call or mended, by name."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runnerlib.triggers.job_trigger import RULES, FieldError, JobTrigger, TriggerError, made, trigger_of
from runnerlib.triggers.message import message
from tests.triggers.contract import LISTS_OF_TEXTS, TEXTS, job_refusal, refusal

MENDED: list[tuple[str, Any, Any]] = [
    ("env", {"N": 1}, {"N": "1"}),
    ("env", {"N": 1.5, "T": True, "F": False}, {"N": "1.5", "T": "true", "F": "false"}),
    ("env", {"EMPTY": "", "REF": "${secret:path:key}"}, {"EMPTY": "", "REF": "${secret:path:key}"}),
    ("env", {}, {}),
    ("depends_on", "test", ["test"]),
    ("depends_on", ("test", "lint"), ["test", "lint"]),
    ("capabilities", "docker", ["docker"]),
    ("priority", "10", 10),
    ("priority", -5, -5),
    ("priority", 10.0, 10),
    ("timeout", "600", 600),
    ("condition", "", "all_success"),
    ("condition", "all_success(needs)", "all_success"),
    ("condition", "always()", "always"),
    ("condition", " any_failed ", "any_failed"),
    ("for_each", ("a", 1, {"k": [None]}), ["a", 1, {"k": [None]}]),
    ("for_each", range(3), [0, 1, 2]),
    ("resources", {"cpu": {"limit": 2}, "list": (1, 2)}, {"cpu": {"limit": 2}, "list": [1, 2]}),
    ("run_as_user", 1001, "1001"),
    ("run_as_user", "1001:1002", "1001:1002"),
    ("run_as_user", "runner", "runner"),
    ("image_pull_secrets", ["registry.example", "a"], ["registry.example", "a"]),
]


@pytest.mark.parametrize(("field", "given", "sent"), MENDED)
def test_what_is_mended(field: str, given: Any, sent: Any) -> None:
    trigger = JobTrigger("deploy", **{field: given})
    assert trigger.to_dict() == {"job_name": "deploy", "condition": "all_success", field: sent}
    assert not job_refusal(json.loads(json.dumps(trigger.to_dict())), evaluated=False)


REFUSED: list[tuple[str, Any, str]] = [
    ("env", {"N": None}, "N: a text is expected, got nothing"),
    ("env", {"N": ["hunter2"]}, "N: a text is expected, got a list"),
    ("env", {"N": {"a": "hunter2"}}, "N: a text is expected, got a mapping"),
    ("env", {"N": math.nan}, "N: a text is expected, got a number"),
    ("env", {"N": "hunter2\0"}, "N: a text without NUL bytes is expected"),
    ("env", {"N": "hunter2\udcff"}, "N: a text is expected that is UTF-8"),
    ("env", ["hunter2=x"], "a mapping of names to texts is expected, got a list"),
    ("env", "A=hunter2", "a mapping of names to texts is expected, got a text"),
    ("env", {"A B": "hunter2"}, "'A B' is no name of a variable"),
    ("env", {1: "hunter2"}, "a number is no name of a variable"),
    ("env", {"": "hunter2"}, "'' is no name of a variable"),
    ("env", {"org": "x"}, "'org' belongs to the coordinator; a job cannot set it"),
    ("env", {"org_id": "x"}, "'org_id' belongs to the coordinator; a job cannot set it"),
    ("env", {"organization": "x"}, "'organization' belongs to the coordinator; a job cannot set it"),
    ("resources", {"a": [{"org": 1}]}, "'org' belongs to the coordinator; a job cannot set it"),
    ("characteristics", {"organization": 1}, "'organization' belongs to the coordinator; a job cannot set it"),
    ("run_local", {"org_id": 1}, "'org_id' belongs to the coordinator; a job cannot set it"),
    ("for_each", [{"x": {"org": 1}}], "item 1: 'org' belongs to the coordinator; a job cannot set it"),
    ("depends_on", ["test", 1], "item 2: a text is expected, got a number (put it in quotes)"),
    ("depends_on", [""], "item 1: a text is expected, got an empty one"),
    ("depends_on", {"test": 1}, "a list is expected, got a mapping"),
    ("depends_on", ["test", "test"], "'test' is there twice"),
    ("depends_on", ["deploy"], "it would wait for itself"),
    ("condition", "any_success", "unknown condition 'any_success'; did you mean 'all_success'?"),
    ("condition", "branch == 'main'", "unknown condition 'branch == 'main''"),
    ("condition", True, "a text is expected, got true or false (put it in quotes)"),
    ("source_ref", 1.0, "a text is expected, got a number (put it in quotes)"),
    ("job_command", ["make"], "a text is expected, got a list"),
    ("container_image", "", "a text is expected, got an empty one"),
    ("priority", "high", "a whole number is expected, got a text"),
    ("priority", True, "a whole number is expected, got true or false"),
    ("priority", 1.5, "a whole number is expected, got a number"),
    ("priority", 2**63, "a whole number is expected, got a number"),
    ("priority", math.inf, "a whole number is expected, got a number"),
    ("timeout", 0, "a whole number of seconds, 1 or more, is expected"),
    ("timeout", "10m", "a whole number is expected, got a text"),
    ("capabilities", [["docker"]], "item 1: a text is expected, got a list"),
    ("image_pull_secrets", ["a", "a"], "'a' is there twice"),
    ("image_pull_secrets", ["Upper"], "'Upper' is no name of a Kubernetes secret"),
    ("image_pull_secrets", ["-a"], "'-a' is no name of a Kubernetes secret"),
    ("image_pull_secrets", ["a..b"], "'a..b' is no name of a Kubernetes secret"),
    ("image_pull_secrets", ["a" * 64], f"'{'a' * 64}' is no name of a Kubernetes secret"),
    (
        "image_pull_secrets",
        [".".join(["a" * 60] * 5)],
        f"'{'.'.join(['a' * 60] * 5)}' is no name of a Kubernetes secret",
    ),
    ("image_pull_secrets", [""], "item 1: a text is expected, got an empty one"),
    ("for_each", "abc", "a list is expected, got a text"),
    ("for_each", [{1: "x"}], "item 1: the keys of a mapping are texts, got a number"),
    ("for_each", [math.nan], "item 1: a finite number is expected; JSON has no other"),
    ("for_each", [object()], "item 1: JSON has nothing for a object"),
    ("item_var", "a b", "'a b' is no name of a variable"),
    ("worker_class", 1, "a text is expected, got a number (put it in quotes)"),
    ("characteristics", ["gpu"], "a mapping is expected, got a list"),
    ("resources", {"a": object()}, "JSON has nothing for a object"),
    ("run_as_user", "nobody", "'runner', 'root', UID or UID:GID is expected"),
    ("run_as_user", "1:2:3", "'runner', 'root', UID or UID:GID is expected"),
    ("run_as_user", True, "a text is expected, got true or false (put it in quotes)"),
    ("disable_run_local", "yes", "true or false is expected, got a text"),
    ("ci_origin", "base", "only the evaluation of a workflow may set it (`runnerlib eval`)"),
    ("execution_profile", "standard", "only the evaluation of a workflow may set it (`runnerlib eval`)"),
]


@pytest.mark.parametrize(("field", "value", "told"), REFUSED)
def test_what_is_refused_names_the_field(field: str, value: Any, told: str) -> None:
    with pytest.raises(TriggerError) as caught:
        JobTrigger("deploy", **{field: value})
    assert str(caught.value).startswith(f"trigger 'deploy': {field}: {told}")
    assert "hunter2" not in str(caught.value)
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("field", sorted(TEXTS & RULES.keys() - {"condition", "ci_origin", "execution_profile"}))
def test_every_text_is_one(field: str) -> None:
    for wrong in (1.5, b"x", ["x"], {"x": 1}):
        with pytest.raises(TriggerError, match=field):
            JobTrigger("deploy", **{field: wrong})


@pytest.mark.parametrize("name", ["", None, 1, "a\0b"])
def test_a_job_has_a_name(name: Any) -> None:
    with pytest.raises(TriggerError, match="job_name"):
        JobTrigger(name)
    with pytest.raises(TriggerError, match="needs a job_name"):
        made({"env": {}})


def test_nesting_ends() -> None:
    deep: list[Any] = []
    for _ in range(30):
        deep = [deep]
    with pytest.raises(TriggerError, match="more than 20 levels of nesting"):
        JobTrigger("deploy", for_each=deep)


def test_an_unknown_field_is_told_with_a_suggestion() -> None:
    for call in (
        lambda: made({"job_name": "a", "enviroment": {}}),
        lambda: trigger_of({"job_name": "a", "enviroment": 1}),
    ):
        with pytest.raises(FieldError, match=r"trigger 'a': unknown field 'enviroment'") as caught:
            call()
        assert isinstance(caught.value, TypeError)
    with pytest.raises(FieldError, match="did you mean 'timeout'"):
        made({"job_name": "a", "timeouts": 1})
    with pytest.raises(FieldError, match="unknown field 'job_file'"):
        made({"job_name": "a", "job_file": "x.yaml"})


@pytest.mark.parametrize("value", [None, "deploy", ["deploy"], 1])
def test_only_a_mapping_describes_a_trigger(value: Any) -> None:
    with pytest.raises(TriggerError, match="a job to trigger is a mapping of fields"):
        trigger_of(value)


def test_a_name_cannot_fake_lines() -> None:
    with pytest.raises(TriggerError) as caught:
        JobTrigger("\x1b[2Jdeploy", priority="x")  # type: ignore[arg-type]
    assert "\x1b" not in str(caught.value)


TEXT = st.text("aZ9_-:/ \0\n\udcffä😀", max_size=5) | st.sampled_from(["org", "always", "12", "root"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(RULES)), ANYTHING, max_size=2))
@example({"condition": None})
def test_whatever_is_accepted_a_coordinator_takes(given: dict[str, Any]) -> None:
    fields = {"job_name": "deploy", **given}
    try:
        trigger = made(fields)
    except TriggerError:
        return
    assert not refusal(json.loads(message([trigger.to_dict()]).encode()))
    assert trigger_of(json.loads(json.dumps(trigger.to_dict()))).to_dict() == trigger.to_dict()


def test_what_is_sent_is_what_was_given() -> None:
    fields = {"job_name": "a", "env": {"A": "1"}, "depends_on": ["b"], "condition": "always", "timeout": 5}
    assert made(fields).to_dict() == fields
    assert set(LISTS_OF_TEXTS) <= RULES.keys()


def test_the_value_is_not_the_callers() -> None:
    env = {"A": "1"}
    trigger = JobTrigger("a", env=env)
    env["A"] = "2"
    assert trigger.env == {"A": "1"}


def test_the_package_is_light() -> None:
    code = "import sys, runnerlib.triggers.spool; print({'json', 'ssl', 'uuid', 'dataclasses'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_it_waits_for_is_a_list() -> None:
    job = JobTrigger("x")
    assert job.depends_on == []
    assert "depends_on" not in job.to_dict()
    assert JobTrigger("x", depends_on=("a", "b")).depends_on == ["a", "b"]
