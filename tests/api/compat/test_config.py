"""The names of Reactorcide's `src.config`, and what its documentation says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

import runnerlib
from runnerlib.api.compat.config import (
    ConfigManager,
    RunnerConfig,
    config_manager,
    get_config,
    get_environment_vars,
    get_secrets_to_mask,
)
from runnerlib.errors import ConfigError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job").mkdir()
    return tmp_path / "job"


def test_what_there_is_to_set() -> None:
    assert ConfigManager.DEFAULTS["code_dir"] == "/job/src"
    assert ConfigManager.ENV_VARS["job_command"] == "REACTORCIDE_JOB_COMMAND"
    assert "job_command" not in ConfigManager.DEFAULTS


def test_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACTORCIDE_JOB_COMMAND", "env")
    assert config_manager.get_config().job_command == get_config().job_command == "env"
    assert config_manager.get_config(job_command="mine").job_command == "mine"


def test_variables_of_a_job(here: Path) -> None:
    (here / "env").write_text("# comment\nA=1\n\nB = x=y \n")
    expected = {"A": "1", "B": " x=y"}
    assert config_manager.parse_job_environment("# comment\nA=1\n\nB = x=y \n") == expected
    assert config_manager.parse_job_environment("./job/env") == expected
    assert config_manager.parse_job_environment(None) == config_manager.parse_job_environment("") == {}
    for wrong in ("A", "=x", "./job/none", "./job/../x"):
        with pytest.raises(ConfigError):
            config_manager.parse_job_environment(wrong)


def test_the_environment_of_a_job() -> None:
    config = RunnerConfig(job_command="make", job_env="A=1")
    expected = {
        "REACTORCIDE_CODE_DIR": "/job/src",
        "REACTORCIDE_JOB_DIR": "/job/src",
        "REACTORCIDE_JOB_COMMAND": "make",
        "A": "1",
    }
    assert get_environment_vars(config) == config_manager.get_all_environment_vars(config) == expected
    assert "REACTORCIDE_JOB_COMMAND" not in get_environment_vars(RunnerConfig())


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (RunnerConfig(), ["one", "two"]),
        (RunnerConfig(secret_values_list=""), []),
        (RunnerConfig(secret_values_list="a, b,,a"), ["a", " b"]),
        (RunnerConfig(secret_values_list=("a,b", "c")), ["a,b", "c"]),
        (RunnerConfig(secret_env_names=("B", "NONE")), ["two"]),
        (RunnerConfig(secret_env_names=("B",), secret_values_list="./job/values"), ["two", "from file", "#1"]),
    ],
)
def test_secrets(here: Path, config: RunnerConfig, expected: list[str]) -> None:
    (here / "values").write_text("from file\n\n#1\n")
    env = {"REACTORCIDE_JOB_DIR": "/job", "A": "one", "B": "two", "C": "one", "EMPTY": ""}
    assert get_secrets_to_mask(config, env) == expected


class TestSettingsByPosition:
    """The meaning of `RunnerConfig` there."""

    def test_they_are_in_its_order(self) -> None:
        values = (
            "/job/src",
            "/job/jd",
            "true",
            "img",
            "A=1",
            "s1,s2",
            "N1,N2",
            "file",
            "git",
            "url",
            "ref",
            "copy",
            "u2",
            "r2",
        )
        config = RunnerConfig(*values)
        assert (config.code_dir, config.job_dir, config.job_command, config.runner_image) == values[:4]
        assert (config.job_env, config.secret_values_list, config.secret_env_names) == ("A=1", "s1,s2", ("N1", "N2"))
        assert (config.secrets_file, config.source_type, config.source_url, config.source_ref) == values[7:11]
        assert (config.ci_source_type, config.ci_source_url, config.ci_source_ref) == values[11:]
        assert isinstance(config, runnerlib.RunnerConfig)
        assert RunnerConfig("/job/src", None, "true") == RunnerConfig(code_dir="/job/src", job_command="true")
        assert get_environment_vars(RunnerConfig("/job/src", "/job/jd", "true"))["REACTORCIDE_JOB_DIR"] == "/job/jd"

    def test_wrong_ones_are_refused(self) -> None:
        with pytest.raises(TypeError, match="at most 14 values without a name are expected, got 15"):
            RunnerConfig(*["x"] * 15)
        with pytest.raises(TypeError, match="'code_dir' is given twice"):
            RunnerConfig("/job/src", code_dir="/job/src")
        with pytest.raises(TypeError, match=r"unknown setting 'job_comand'.*did you mean 'job_command'"):
            RunnerConfig(job_comand="x")
        with pytest.raises(ValueError, match="code_dir"):
            RunnerConfig(1)

    def test_elsewhere_settings_have_names(self) -> None:
        with pytest.raises(TypeError, match="positional"):
            runnerlib.RunnerConfig("/job/src")  # type: ignore[misc]


def test_a_wrong_setting_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="max_parallel"):
        get_config(max_parallel="many")
