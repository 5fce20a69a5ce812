"""A fact stands in one place: these texts are written in one module each, and everything else derives from it."""

from __future__ import annotations

from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "runnerlib"

# A text of the source code, and the module that has it.
PLACES = {
    '"pull_request_updated"': "pipeline/workflow/job.py",
    '"RUNNERLIB_RECORDS"': "_util/paths.py",
    '"REACTORCIDE_SECRETS_PASSWORD"': "secrets/lookup.py",
    '"workflow-vars.json"': "triggers/workflow_variables.py",
    '"workflow-output.json"': "triggers/workflow_variables.py",
    '"/job/triggers.json"': "config/settings.py",
    '[A-Za-z_][A-Za-z0-9_]*"': "pipeline/job/model.py",
    '"json_lines"': "output/__init__.py",
    '"copy", "tarball"': "source/registry.py",
    "tarball, hg": "config/settings.py",  # help, which lies below the packages and is held by their tests
    "OTHER_TASKS =": "api/call.py",
}


@pytest.mark.parametrize("text", PLACES)
def test_a_fact_stands_in_one_place(text: str) -> None:
    found = [path for path in PACKAGE.rglob("*.py") if text in path.read_text(encoding="utf-8")]
    assert [path.relative_to(PACKAGE).as_posix() for path in found] == [PLACES[text]] * bool(PLACES[text])
