"""A signature changes with what a step or job means, and not with fields that it does not use."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from runnerlib.pipeline.job import Job, Retry, Step
from runnerlib.pipeline.job.cache import Cache
from runnerlib.runner.journal import signatures
from runnerlib.runner.journal.signature import meaning, signed

# One other value for each field of a step.
OTHER = {
    "run": "false",
    "shell": "bash",
    "env": {"A": "1"},
    "working_dir": "x",
    "parallel": True,
    "when": "always",
    "condition": "always()",
    "required": False,
    "timeout": 1.0,
    "no_output_timeout": 1.0,
    "retry": Retry(0, backoff=2.0),
    "outputs": ("x",),
    "weight": 2,
    "stdin": "",
    "tty": True,
    "secrets": ("A",),
    "untrusted": True,
    "sandbox": "strict",
    "network": False,
    "image": "alpine:3",
    "env_file": (".env",),
    "cache": (Cache("k", ("a",)),),
    "sources": ("a",),
    "generates": ("a",),
    "reports": {"junit": ("a",)},
    "problem_matchers": ("gcc",),
    "resources": {"cpu": 1},
}


class Now(NamedTuple):
    """A definition of today."""

    name: str
    run: str
    limits: tuple[int, ...] = ()
    inner: Step | None = None


class Later(NamedTuple):
    """The same with more fields, in another order."""

    name: str
    added: str = "usual"
    inner: Step | None = None
    run: str = ""
    more: bool = True
    limits: tuple[int, ...] = ()


def test_a_field_with_its_default_changes_nothing() -> None:
    step = Step("s", "true", timeout=3)
    assert meaning(Now("a", "b", (1,), step)) == meaning(Later("a", run="b", limits=(1,), inner=step))
    assert list(meaning(Now("a", "b"))) == ["name", "run"]  # type: ignore[call-overload]
    assert meaning(Now("a", "b")) != meaning(Later("a", run="b", added="other"))


def test_every_field_counts() -> None:
    assert OTHER.keys() == set(Step._fields) - {"name", "depends_on", "description"}
    texts = {signatures(Job("j", [Step("s", "true")]))["s"]}
    for field, value in OTHER.items():
        step = Step(**{"name": "s", "run": "true", field: value})  # type: ignore[arg-type]
        texts.add(signatures(Job("j", [step]))["s"])
    texts.add(signatures(Job("j", [Step("s", "true")], env={"A": "1"}))["s"])
    assert len(texts) == len(OTHER) + 2


def test_a_description_changes_nothing() -> None:
    steps = [Step("s", "true"), Step("s", "true", description="what for")]
    one, other = (signatures(Job("j", [step]))["s"] for step in steps)
    assert one == other


@pytest.mark.parametrize(("one", "other"), [([], {}), ("1", 1), ([["a", 1]], {"a": 1}), (None, "None"), ("ab", ["ab"])])
def test_values_of_different_kinds_differ(one: object, other: object) -> None:
    assert signed({"s": ()}, lambda _: one) != signed({"s": ()}, lambda _: other)


def test_what_waits_changes_with_what_it_waits_for() -> None:
    graph: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ()}
    before = signed(graph, lambda name: name)
    after = signed(graph, lambda name: "other" if name == "a" else name)
    assert {name for name in graph if before[name] != after[name]} == {"a", "b"}
