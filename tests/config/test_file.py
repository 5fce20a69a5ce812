"""Configuration files: YAML and JSON, and what is said of files that are neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnerlib.config import load, read
from runnerlib.errors import ConfigError


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
        (b"a: [hunter2\nb: c", "is not valid YAML or JSON, line 2, column 2"),
        (b"a: b: hunter2", "is not valid YAML or JSON, line 1, column 5"),
        (b"a: !!python/object/apply:os.system [hunter2]", "is not valid YAML or JSON, line 1, column 4"),
        (b"a: \x00hunter2", "is not valid YAML or JSON"),
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
