"""The file that `runnerlib init` writes: valid for every project, with the steps that its files call for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.cli._starter import Language, Starter, languages, text
from runnerlib.pipeline import job_file
from runnerlib.pipeline.job import Step
from tests.looped import assert_each

PYPROJECT = """\
[build-system]
requires = []
[project]
name = "x"
[project.optional-dependencies]
dev = ["nothing"]
[tool.ruff]
[tool.mypy]
files = ["x"]
"""

PROJECTS: list[tuple[dict[str, str], list[str], str]] = [
    (
        {"pyproject.toml": PYPROJECT, "tests/test_x.py": ""},
        ["install", "lint", "types", "test"],
        "--editable '.[dev]' ruff",
    ),
    (
        {"pyproject.toml": "[dependency-groups]\ntests = []\n", "test_x.py": ""},
        ["install", "test"],
        "--group tests pytest",
    ),
    ({"pyproject.toml": "not TOML"}, ["install", "check"], "-m compileall"),
    ({"requirements.txt": "", "test/x.py": ""}, ["install", "test"], "-r requirements.txt pytest"),
    ({"package.json": '{"scripts": {"test": "x", "build": "x"}}'}, ["install", "build", "test"], "npm run test"),
    ({"package.json": "[]", "package-lock.json": ""}, ["install"], "npm ci"),
    ({"package.json": "{}", "pnpm-lock.yaml": ""}, ["install"], "pnpm install"),
    ({"go.mod": ""}, ["vet", "build", "test"], "go test ./..."),
    ({"Cargo.toml": ""}, ["build", "test"], "cargo test"),
    ({"CMakeLists.txt": "", "Makefile": ""}, ["build", "test"], "ctest --test-dir build"),
    ({"meson.build": ""}, ["build", "test"], "meson test"),
    ({"configure": ""}, ["build", "test"], "make check"),
    ({"Makefile": "all:\n\ntest: all\n"}, ["build", "test"], "make test"),
    ({"Makefile": "all:\n"}, ["build"], "make"),
    (
        {"go.mod": "", "package.json": "{}", "Makefile": ""},
        ["node-install", "go-vet", "go-build", "go-test"],
        "npm install",
    ),
    ({"README": ""}, ["build", "test"], "echo"),
]


def steps_of(root: Path) -> list[Step]:
    """Return the steps of the file for a project, as its reader understands them."""
    job = job_file.parse(text(root, languages(root)), "runnerlib.yaml").job
    assert job.name == root.name
    assert all(step.description for step in job.steps)
    return job.steps


def test_the_steps_of_each_kind_of_project(tmp_path: Path) -> None:
    def check(files: dict[str, str], names: list[str], command: str) -> None:
        root = tmp_path / "a project: #1"
        shutil.rmtree(root, ignore_errors=True)
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        steps = steps_of(root)
        assert [step.name for step in steps] == names
        assert command in "\n".join(str(step.run) for step in steps)

    assert_each(check, PROJECTS)


@pytest.mark.parametrize("name", ["yes", "1.5", "a: b", "- x", "'", "ünï", "null"])
def test_any_name_of_a_directory_is_the_name_of_the_job(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    assert len(steps_of(tmp_path / name)) == 2


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), min_size=1, max_size=3))
def test_every_command_is_read_as_it_was_meant(lines: list[str]) -> None:
    run = "\n".join(line.strip() or "x" for line in lines)
    found = [Language("C", "x", [Starter("s", "It is: a #test", run)])]
    (step,) = job_file.parse(text(Path("/x"), found), "f").job.steps
    assert (str(step.run).removesuffix("\n"), step.description) == (run, "It is: a #test")
