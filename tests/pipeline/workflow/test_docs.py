"""The page about workflows: its examples load, its tables are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runnerlib.pipeline.workflow import parse
from runnerlib.pipeline.workflow.file_keys import JOB_KEYS, WORKFLOW_KEYS

PAGE = (Path(__file__).parents[3] / "docs" / "workflows.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml workflow\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def rows(heading: str) -> list[str]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_load(text: str) -> None:
    assert parse(text, "pipeline.yaml").jobs


def test_tables_of_keys_are_complete() -> None:
    assert sorted(rows("Keys of a workflow")) == sorted(WORKFLOW_KEYS)
    assert sorted(rows("Keys of a job in a workflow")) == sorted(JOB_KEYS)
