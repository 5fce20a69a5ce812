"""The schemas in an editor: what is completed, shown and complained of by yaml-language-server itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runnerlib.pipeline.schema import SCHEMAS, schema
from tests.looped import assert_each
from tests.pipeline.schema.language_server import Editor, editor

FILES = {"job": "job.yaml", "workflow": "flow.yaml", "config": "settings.yaml", "project": "runnerlib.yaml"}
STEP = "job:\n  steps:\n    - name: a\n      run: make\n      "
JOB = "jobs:\n  - name: a\n    command: make\n    "


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("editor")
    for name in SCHEMAS:
        (path / f"{name}.schema.json").write_text(json.dumps(schema(name)))
    return path


@pytest.fixture
def opened(directory: Path) -> Iterator[Editor]:
    with editor({str(directory / f"{name}.schema.json"): f"**/*-{file}" for name, file in FILES.items()}) as made:
        yield made


def test_what_an_editor_does_with_them(opened: Editor, directory: Path) -> None:
    """In one editor: its start takes a second."""
    number = 0

    def written(kind: str, text: str) -> str:
        nonlocal number
        number += 1
        return opened.opened(directory / f"{number}-{FILES[kind]}", text)

    def offers(kind: str, text: str, words: set[str]) -> None:
        lines = text.split("\n")
        found = opened.completions(written(kind, text), len(lines) - 1, len(lines[-1]))
        assert words <= set(found), found

    def complains(kind: str, text: str, *expected: str) -> None:
        found = opened.complaints(written(kind, text))
        assert len(found) == len(expected), found
        assert all(part in one for part, one in zip(expected, found, strict=True)), found

    def shows(kind: str, text: str, line: int, expected: str) -> None:
        column = len(text.split("\n")[line]) - len(text.split("\n")[line].lstrip(" -")) + 1
        found = opened.hover(written(kind, text), line, column)
        assert expected in found.replace("\\", ""), found

    assert_each(
        offers,
        [
            ("job", "", {"job", "command"}),
            ("job", STEP, {"when", "timeout", "shell", "retry"}),
            ("job", STEP + "when: ", {"on_success", "on_failure", "always"}),
            ("job", STEP + "sandbox: ", {"auto", '"off"', "source", "strict"}),
            ("job", STEP + "shell: ", {"sh", "bash", "python3"}),
            ("job", STEP + "required: ", {"true", "false"}),
            ("job", "job:\n  steps: []\nsource:\n  type: ", {"git", "copy", "tarball", "none"}),
            ("workflow", JOB, {"condition", "needs", "matrix", "image"}),
            ("workflow", JOB + "condition: ", {"all_success", "any_failed", "always"}),
            ("workflow", JOB + "source_type: ", {"git", "copy"}),
            ("config", "", {"container_engine", "output", "max_parallel", "profiles"}),
            ("config", "container_engine: ", {"auto", "docker", "podman", "none"}),
            ("config", "output: ", {"raw", "prefixed", "grouped", "json", "live"}),
            ("config", "source_type: ", {"git", "hg"}),
            ("config", "profiles:\n  ci:\n    log_format: ", {"text", "json"}),
            ("project", "", {"job", "jobs", "command", "output"}),
            ("project", STEP + "when: ", {"on_success", "on_failure", "always"}),
            ("project", JOB + "condition: ", {"all_success", "any_failed", "always"}),
            ("project", "container_engine: ", {"docker", "podman"}),
        ],
    )
    assert_each(
        complains,
        [
            ("job", STEP + "timeout: 5m\n      required: no\n      shell: fish -c\n"),
            ("job", STEP + "when: alwys\n", "4: Value is not accepted"),
            ("job", STEP + "whem: always\n", "4: Property whem is not allowed"),
            ("job", "job:\n  steps:\n    - name: a\n", 'Missing property "run"'),
            ("workflow", JOB + "condition: jobs.a.outcome == 'success'\n"),
            ("config", "job_timeout: 5\nsource_type: fossil\noutput: mine\n"),
            ("config", "container_engine: dokker\n", "0: Value is not accepted"),
            ("project", STEP + "timeout: soon\n", "4: String does not match"),
            ("project", JOB + "nees: b\n", "3: Property nees is not allowed"),
            ("project", "job_comand: x\n", "0: Property job_comand is not allowed"),
            ("project", "job_command: x\nprofiles: {ci: {output: raw}}\n"),
        ],
    )
    assert_each(
        shows,
        [
            ("job", STEP + "weight: 2\n", 4, "share of `max_parallel` that the step takes"),
            ("workflow", JOB + "depends_on: []\n", 3, "names of jobs to wait for"),
            ("config", "output: raw\n", 0, "how output is shown"),
            ("project", JOB, 0, "list of jobs"),
        ],
    )
