"""The pages about job files and conditions: their examples load, their tables are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runnerlib.pipeline.conditions import LONGEST, VARIABLES, parse
from runnerlib.pipeline.conditions.parser import _FIELDS
from runnerlib.pipeline.conditions.terms import FUNCTIONS
from runnerlib.pipeline.job import Retry
from runnerlib.pipeline.job_file import parse as parse_file
from runnerlib.pipeline.job_file.file import TOP_KEYS
from runnerlib.pipeline.job_file.job import JOB_KEYS
from runnerlib.pipeline.job_file.steps import CACHE_KINDS, CONCURRENCY_KINDS, RETRY_KEYS, SERVICE_KINDS, STEP_KEYS

DOCS = Path(__file__).parents[3] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("jobs.md", "conditions.md")}


def blocks(info: str) -> list[str]:
    form = re.compile(rf"^```{info}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [block for page in PAGES.values() for block in form.findall(page)]


def rows(page: str, heading: str) -> list[str]:
    """The first cells of the tables below a heading, without their back-quotes."""
    section = PAGES[page].partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)


@pytest.mark.parametrize("text", blocks("yaml job"))
def test_examples_load(text: str) -> None:
    assert parse_file(text, "job.yaml").job.steps


@pytest.mark.parametrize("line", "".join(blocks("text condition")).splitlines())
def test_conditions_are_conditions(line: str) -> None:
    assert parse(line).text == line


@pytest.mark.parametrize(
    ("page", "heading", "expected"),
    [
        ("jobs.md", "Keys at the top", [*TOP_KEYS, "x-…"]),
        ("jobs.md", "Keys of a job", JOB_KEYS),
        ("jobs.md", "Keys of a step", STEP_KEYS),
        ("jobs.md", "Keys of a retry", RETRY_KEYS),
        ("jobs.md", "Keys of a cache", list(CACHE_KINDS)),
        ("jobs.md", "Keys of a concurrency group", list(CONCURRENCY_KINDS)),
        ("jobs.md", "Keys of a service", list(SERVICE_KINDS)),
    ],
)
def test_tables_of_keys_are_complete(page: str, heading: str, expected: list[str]) -> None:
    assert sorted(rows(page, heading)) == sorted(expected)


def test_tables_of_conditions_are_complete() -> None:
    names = rows("conditions.md", "Names")
    fields = [name.split(".")[2] for name in names if name.startswith("steps.")]
    assert sorted(fields) == sorted(_FIELDS)
    assert sorted(name for name in names if "." not in name) == sorted(VARIABLES)
    assert sorted(row.partition("(")[0] for row in rows("conditions.md", "Functions")) == sorted(FUNCTIONS)
    assert f"{LONGEST:,} characters" in PAGES["conditions.md"]


def test_defaults_are_true() -> None:
    retry = Retry()
    section = PAGES["jobs.md"].partition("## Keys of a retry")[2]
    for key, shown in (
        ("backoff", f"{retry.backoff:g}s"),
        ("limit", f"{retry.limit:g}s"),
        ("jitter", f"{retry.jitter}"),
    ):
        assert re.search(rf"^\| `{key}` .*\| `{re.escape(shown)}` \|$", section, re.MULTILINE)


def test_other_examples_of_the_pages() -> None:
    for text in ("'-rc' in tag", "branch in ['a', 'b']", "not branch == 'main'", "number(env.COUNT) > 3"):
        assert text in PAGES["conditions.md"]
        parse(text)
