"""JSON Schemas accept every file that the readers accept: files that are there, and many that are made."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from runnerlib._util import yaml_nodes as document
from runnerlib.config import SETTINGS, RunnerConfig, resolve
from runnerlib.errors import ConfigError
from runnerlib.pipeline import job_file, workflow
from runnerlib.pipeline.job_file import flat
from runnerlib.pipeline.job_file.job import JOB_KEYS
from runnerlib.pipeline.job_file.steps import STEP_KEYS
from runnerlib.pipeline.schema import SCHEMAS, schema
from runnerlib.pipeline.schema.config_file import kind_schema
from runnerlib.pipeline.schema.description import OF_PAGES
from runnerlib.pipeline.schema.value import COMPOSED, SIMPLE
from runnerlib.pipeline.workflow import file_keys as keys
from tests.integration.cli import runnerlib
from tests.pipeline.job_file import jobs
from tests.pipeline.workflow.test_file import PIPELINE

ROOT = Path(__file__).parents[3]
VALIDATORS = {name: Draft202012Validator(schema(name)) for name in SCHEMAS}


def problems(name: str, content: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATORS[name].iter_errors(content)]


def content_of(text: str) -> Any:
    """The plain data of a YAML text as an editor has it: keys are texts, and so are dates."""
    root = document.compose(text)
    assert root is not None

    def value(node: document.Node) -> Any:
        if node.id == "sequence":
            return [value(item) for item in node.value]
        if node.id == "scalar":
            return (
                node.value
                if node.tag.endswith(":timestamp")
                else yaml.safe_load(f"!!{node.tag[18:]} {json.dumps(node.value)}")
            )
        found: dict[str, Any] = {}
        for key, item in node.value:
            if key.tag.endswith(":merge"):
                for merged in item.value if item.id == "sequence" else [item]:
                    found = {**value(merged), **found}
            else:
                found[key.value] = value(item)
        return found

    return value(root)


def blocks(info: str) -> list[str]:
    found = []
    for page in sorted(ROOT.glob("docs/*.md")):
        form = re.compile(rf"^```{info}\n(.*?)^```", re.MULTILINE | re.DOTALL)
        found += form.findall(page.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", SCHEMAS)
def test_they_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


class TestRealFiles:
    """Examples and the blocks of the documentation."""

    @pytest.mark.parametrize("text", blocks("yaml"))
    def test_configurations_of_the_documentation(self, text: str) -> None:
        assert problems("config", content_of(text)) == []

    @pytest.mark.parametrize("text", blocks("yaml job"))
    def test_jobs_of_the_documentation(self, text: str) -> None:
        assert problems("job", content_of(text)) == []

    @pytest.mark.parametrize("text", [*blocks("yaml workflow"), PIPELINE])
    def test_workflows_of_the_documentation(self, text: str) -> None:
        assert problems("workflow", content_of(text)) == []

    def test_there_are_such_blocks(self) -> None:
        assert len(blocks("yaml")) > 3
        assert len(blocks("yaml job")) > 3

    def test_examples(self) -> None:
        assert problems("config", content_of((ROOT / "examples/job.yaml").read_text())) == []
        assert problems("job", content_of((ROOT / "examples/pipeline.yaml").read_text())) == []


@settings(max_examples=40, deadline=None)
@given(st.data(), jobs.jobs())
def test_a_job_that_is_written_is_valid(data: st.DataObject, job: Any) -> None:
    text = jobs.Writer(data.draw)(job)
    job_file.parse(text, "f")
    assert problems("job", content_of(text)) == []


STEP = {"name": "a", "run": "make"}
SEEDS: dict[str, list[Any]] = {
    "job": [
        {
            "job": {
                "name": "j",
                "env": {"A": "b"},
                "timeout": "5m",
                "max_parallel": 2,
                "steps": [STEP, {**STEP, "name": "b"}],
            }
        },
        {"x-a": 1, "job": {"steps": [STEP]}, "source": {"type": "git", "url": "u", "options": {"depth": 1}}},
        {
            "name": "n",
            "command": "make",
            "environment": {"A": 1},
            "source": {"type": "copy", "path": "/x"},
            "resources": {},
        },
        {
            "name": "n",
            "triggers": {"events": ["push"]},
            "environment": {"A": 1},
            "job": {"image": "i", "command": "make", "timeout": 60, "capabilities": ["docker"]},
        },
        {"name": "n", "description": "d", "steps": [STEP], "source_type": "git"},
    ],
    "workflow": [
        content_of(PIPELINE),
        {"name": "w", "jobs": [{"name": "a", "command": "make", "needs": []}, {"name": "b", "steps": [STEP]}]},
        {"command": "make", "name": "alone", "on": ["push"], "paths": {"include": "src/**"}},
    ],
    "config": [{"job_command": "make", "job_env": {"A": "b"}, "profiles": {"p": {"job_timeout": 5}}}, {}],
}
SEEDS["project"] = [*SEEDS["job"], *SEEDS["workflow"][:2], *SEEDS["config"]]
KEYS = [*STEP_KEYS, *JOB_KEYS, *keys.JOB_KEYS, *keys.WORKFLOW_KEYS, *flat.KEYS, *SETTINGS]
KEYS += [
    "x-y",
    "max",
    "on",
    "limit",
    "exit_codes",
    "pattern",
    "upload",
    "download",
    "events",
    "include",
    "type",
    "path",
]
SCALARS = [
    "",
    "a",
    "5m",
    "1h30m",
    "90",
    "yes",
    "push",
    "git",
    "copy",
    0,
    1,
    75,
    -1,
    2.5,
    True,
    False,
    None,
    "json",
    "timeout",
]


def mutated(rng: random.Random, content: Any) -> Any:
    """`content` with one part replaced, removed or added."""
    content = copy.deepcopy(content)
    at = content
    while True:
        inside = [key for key, value in _items(at) if isinstance(value, (dict, list)) and value]
        if not inside or rng.random() < 0.3:
            break
        at = at[rng.choice(inside)]
    if isinstance(at, list):
        at[rng.randrange(len(at))] = made(rng, 2)
    elif at and rng.random() < 0.4:
        key = rng.choice(list(at))
        at[key] = made(rng, 3)
        if rng.random() < 0.3:
            del at[key]
    else:
        at[rng.choice(KEYS)] = made(rng, 3)
    return content


def _items(part: Any) -> Any:
    return part.items() if isinstance(part, dict) else enumerate(part)


def made(rng: random.Random, depth: int) -> Any:
    kind = rng.random()
    if depth and kind < 0.2:
        return [made(rng, depth - 1) for _ in range(rng.randrange(3))]
    if depth and kind < 0.4:
        return {rng.choice(KEYS): made(rng, depth - 1) for _ in range(rng.randrange(3))}
    return rng.choice(SCALARS)


def read_config(content: Any) -> None:
    if not isinstance(content, dict):
        raise ConfigError("no mapping")
    resolve({}, {}, content, "f")


def kind_in_project(content: Any) -> str:
    marks = content.keys() if isinstance(content, dict) else set()
    return "workflow" if marks & {"jobs", "workflow"} else "job" if marks & {"job", "command", "steps"} else "config"


READERS: dict[str, Callable[[Any], object]] = {
    "job": lambda content: job_file.parse(json.dumps(content), "f"),
    "workflow": lambda content: workflow.parse(json.dumps(content), "f", Path("/nonexistent")),
    "config": read_config,
}
READERS["project"] = lambda content: READERS[kind_in_project(content)](content)


@pytest.mark.parametrize("name", SCHEMAS)
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_what_the_reader_accepts_is_valid(name: str, number: int) -> None:
    rng = random.Random(number)
    content = rng.choice(SEEDS[name])
    for _ in range(rng.randrange(4)):
        changed = mutated(rng, content)
        try:
            READERS[name](changed)
        except ConfigError:
            continue
        content = changed
        assert problems(name, content) == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_many_of_these_are_accepted(name: str) -> None:
    """Else the property above would say little."""
    rng, accepted = random.Random(1), 0
    for _ in range(300):
        try:
            READERS[name](mutated(rng, rng.choice(SEEDS[name])))
        except ConfigError:
            continue
        accepted += 1
    assert accepted > 30


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("job", "job: {steps: [{name: a}]}"),
        ("job", "job: {steps: [{name: a, run: x, timout: 5m}]}"),
        ("job", "job: {steps: [{name: a, run: x, timeout: soon}]}"),
        ("job", "job: {steps: [{name: a, run: x, parallel: maybe}]}"),
        ("job", "job: {steps: [{name: a, run: x, retry: {max: -1}}]}"),
        ("job", "job: {steps: [{name: a, run: x, retry: {limit: 5}}]}"),
        ("job", "job: {steps: [{name: a, run: x, env: {A-B: x}}]}"),
        ("job", "job: {steps: []}"),
        ("job", "job: {}"),
        ("job", "job: {steps: [{name: a, run: x}]}\nsteps: []"),
        ("job", "command: x\nsource: {url: u}"),
        ("job", "- a"),
        ("workflow", "workflow: {jobs: {a: {command: x, need: b}}}"),
        ("workflow", "workflow: {name: w}"),
        ("workflow", "jobs: {a: {command: x, on: push}}"),
        ("workflow", "on: pushed\njobs: {a: {command: x}}"),
        ("config", "job_comand: x"),
        ("config", "job_timeout: 0"),
        ("config", "grace_period: -1"),
        ("config", "job_command: [a]"),
        ("config", "log_format: xml"),
        ("config", "profiles: {a: {profile: b}}"),
        ("config", "job_env: {A: 1}"),
    ],
)
def test_mistakes_are_found(name: str, text: str) -> None:
    assert problems(name, content_of(text))
    with pytest.raises(ConfigError):
        READERS[name](content_of(text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("job", "job: {steps: [{name: 1.10, run: x, env: {A: yes, B: 2024-01-01, C: 0o17}, parallel: yes}]}"),
        ("job", "x-env: &e {A: b}\njob: {env: {<<: *e}, steps: [{name: a, run: [x, 5]}]}"),
        ("workflow", "on: push\njobs: {a: {command: x}}"),
        ("config", "grace_period: '5'\nsecret_env_names: A,B\njob_timeout:\nprofiles: {a: null}"),
    ],
)
def test_spellings(name: str, text: str) -> None:
    assert problems(name, content_of(text)) == []


class TestNothingIsForgotten:
    """The declaration of a new kind of value says what a schema makes of it."""

    def test_settings(self) -> None:
        names = {field.name for field in fields(RunnerConfig)}
        assert {name for name in names if kind_schema(SETTINGS[name].parse) is not None} == names

    def test_jobs_of_workflows(self) -> None:
        kinds = {
            name: key.kind.func if isinstance(key.kind, partial) else key.kind for name, key in keys.JOB_KEYS.items()
        }
        assert {name for name, kind in kinds.items() if kind in COMPOSED or kind in SIMPLE} == set(keys.JOB_KEYS)


def test_the_command(tmp_path: Path) -> None:
    for name in SCHEMAS:
        done = runnerlib("schema", name, cwd=tmp_path)
        assert (done.code, json.loads(done.out)) == (0, json.loads(json.dumps(schema(name))))
    assert "yaml-language-server: $schema=job.schema.json" in runnerlib("schema", "--help", cwd=tmp_path).out.decode()
    assert runnerlib("schema", "jbo", cwd=tmp_path).code == 2


def described(at: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Each key of a schema and what it says of it."""
    if isinstance(at, list):
        for number, item in enumerate(at):
            yield from described(item, f"{path}/{number}")
    if isinstance(at, dict):
        for key, item in at.get("properties", {}).items():
            yield f"{path}/{key}", item.get("description", "")
        for key, item in at.items():
            yield from described(item, f"{path}/{key}")


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_key_says_what_it_is_for(name: str) -> None:
    keys_of = [(path, text) for path, text in described(schema(name)) if "/properties/profiles/" not in path]
    assert len(keys_of) > 20
    assert [path for path, text in keys_of if not text.strip()] == []


@pytest.mark.parametrize("heading", sorted(OF_PAGES))
def test_the_page_of_job_files_says_the_same(heading: str) -> None:
    page = (ROOT / "docs/jobs.md").read_text(encoding="utf-8")
    table = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))
    assert {key: re.sub(r"\[(.*?)\]\(.*?\)", r"\1", text) for key, text in rows.items()} == OF_PAGES[heading]
