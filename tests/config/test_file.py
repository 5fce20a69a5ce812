"""Configuration files: YAML and JSON, and what is said of files that are neither."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.config import load, read, resolve
from runnerlib.errors import ConfigError
from tests.pipeline.job_file.test_job_file import WORDS


@pytest.mark.parametrize(
    "text",
    [
        "job_command: make test\nsecret_env_names: [A, B]\n",
        '{"job_command": "make test", "secret_env_names": ["A", "B"]}',
        "# nothing but YAML\njob_command: 'make test'\nsecret_env_names: A,B\n",
    ],
)
def test_yaml_and_json(tmp_path: Path, text: str) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(text)
    config = read({}, {}, str(file)).config
    assert config.job_command == "make test"
    assert config.secret_env_names == ("A", "B")


def test_the_variable_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("job_command: make")
    assert read({}, {"REACTORCIDE_CONFIG": str(file)}).config.job_command == "make"


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("# nothing yet\n")
    assert load(str(file)) == {}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"- a\n- b\n", "must hold a mapping of setting names to values"),
        (b"5: x\n", "must hold a mapping of setting names to values"),
        (b"a: [hunter2\nb: c", "line 2, column 2: not valid YAML or JSON$"),
        (b"a: b: hunter2", "line 1, column 5: not valid YAML or JSON: a text with ': ' in it needs quotes"),
        (b"a: !!python/object/apply:os.system [hunter2]", "line 1, column 4: tags are not allowed"),
        (b"a: \x00hunter2", "not valid YAML or JSON: a character that may not stand there$"),
        (b"\xff\xfe\xfa hunter2", "not a UTF-8 text file"),
    ],
)
def test_a_broken_file_is_located_and_never_quoted(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "job.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load(str(file))
    assert str(file) in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(str(tmp_path / "none.yaml"))


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (LAUGHS, "more than 200,000 values when every alias is followed"),
        ("a: &a [*a]", "more than 20 levels of nesting when every alias is followed"),
        ("a: &a {b: *a}", "more than 20 levels of nesting when every alias is followed"),
        ("[" * 100_000, "more than 20 levels of nesting"),
        ("{a: " * 100_000, "more than 20 levels of nesting"),
        (
            "job_command: a\njob_command: hunter2\n",
            "line 2, column 1: the key 'job_command' is there twice, first in line 1",
        ),
        ("job_env: {A: x, A: hunter2}", "line 1, column 17: the key 'A' is there twice"),
        ("? [a]\n: hunter2", "a key is a text"),
        ("a: !!binary aHVudGVyMg==", "tags are not allowed"),
        ("a: !vault hunter2", "tags are not allowed"),
        ("a: !!python/name:os.system", "tags are not allowed"),
        ("a: 2024-02-30", "a date or a number that there is not"),
        (f"a: {'1' * 5000}", "a date or a number that there is not"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1"),
        ("a: {<<: hunter2}", "'<<' takes a mapping or a list of mappings"),
        ("a" * ((1 << 20) + 1), "more than 1 MiB"),
    ],
    ids=lambda value: value[:20],
)
def test_hostile_files(tmp_path: Path, content: str, complaint: str) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load(str(file))
    assert complaint in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_anchors_and_merges_work(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("profiles:\n  a: &a {job_timeout: 1, grace_period: 2}\n  b: {<<: *a, grace_period: 3}\n")
    assert load(str(file)) == {
        "profiles": {"a": {"job_timeout": 1, "grace_period": 2}, "b": {"job_timeout": 1, "grace_period": 3}}
    }


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=25).map("".join)))
def test_any_text_is_settings_or_a_config_error(text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write("".join(c for c in text if not "\ud800" <= c <= "\udfff"))
        file.flush()
        try:
            resolve({}, {}, load(file.name), file.name)
        except ConfigError as error:
            assert str(error)
