"""Defaults < job file < file < environment < command line, and errors that say where a value came from."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.config import SETTINGS, Layer, Lowest, RunnerConfig, get_config, resolve
from runnerlib.errors import ConfigError

# A setting, and four different values it accepts in a layer that gives text.
TEXTS = {"job_command": "abcd", "grace_period": "1234", "secret_env_names": "XYZW", "mask_marker": "#*~+"}
GIVEN = (Layer.JOB_FILE, Layer.FILE, Layer.ENVIRONMENT, Layer.COMMAND_LINE)


@given(
    name=st.sampled_from(sorted(TEXTS)),
    present=st.sets(st.sampled_from(GIVEN)),
)
def test_the_highest_layer_that_gives_a_value_wins(name: str, present: set[Layer]) -> None:
    setting = SETTINGS[name]
    texts = dict(zip(GIVEN, TEXTS[name], strict=True))

    def layer(which: Layer, key: str) -> dict[str, str]:
        return {key: texts[which]} if which in present else {}

    resolved = resolve(
        layer(Layer.COMMAND_LINE, name),
        layer(Layer.ENVIRONMENT, setting.variable),
        layer(Layer.FILE, name),
        "config.yaml",
        Lowest(layer(Layer.JOB_FILE, name), "job.yaml"),
    )

    winner = max(present, key=list(Layer).index, default=Layer.DEFAULT)
    assert resolved.origin(name).layer is winner
    expected = setting.parse(texts[winner]) if present else setting.default
    assert getattr(resolved.config, name) == expected


def test_options_that_are_not_given_do_not_hide_lower_layers() -> None:
    resolved = resolve({"job_command": None}, {"REACTORCIDE_JOB_COMMAND": "make"})
    assert resolved.config.job_command == "make"
    assert str(resolved.origin("job_command")) == "environment, REACTORCIDE_JOB_COMMAND"


def test_defaults_are_those_of_the_declaration() -> None:
    assert resolve({}, {}).config == RunnerConfig()
    assert resolve({}, {}).origin("code_dir").layer is Layer.DEFAULT


@pytest.mark.parametrize(
    ("options", "environ", "file", "message"),
    [
        ({}, {}, {"job_comand": "x"}, "job.yaml: unknown setting 'job_comand' (*); did you mean 'job_command'?"),
        ({"job_comand": "x"}, {}, {}, "unknown setting 'job_comand' (*); did you mean 'job_command'?"),
        (
            {"grace_period": "soon"},
            {},
            {},
            "grace_period (command line, --grace-period): got 'soon', a number of seconds, 0 or more, is expected",
        ),
        (
            {},
            {"REACTORCIDE_DRAIN_TIMEOUT": "-1"},
            {},
            (
                "drain_timeout (environment, REACTORCIDE_DRAIN_TIMEOUT): got '-1', a number of seconds, 0 or more, "
                "is expected"
            ),
        ),
        (
            {},
            {},
            {"job_command": 5},
            "job_command (configuration file, job.yaml: job_command): got '5', text is expected (put it in quotes)",
        ),
        (
            {"git_url": "a", "source_url": "b"},
            {},
            {},
            "source_url (command line, --source-url) contradicts --git-url; give one of them",
        ),
        (
            {"git_url": "a", "source_type": "copy"},
            {},
            {},
            "source_type (command line, --source-type) contradicts --git-url; give one of them",
        ),
    ],
)
def test_an_error_names_setting_layer_value_and_what_is_allowed(
    options: dict[str, object], environ: dict[str, str], file: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(options, environ, file, "job.yaml")
    every = ", ".join(SETTINGS)
    # either order of the two contradicting options is as good
    assert str(caught.value) in {message.replace("(*)", f"({every})"), _turned(message)}
    assert caught.value.exit_code == 2


def _turned(message: str) -> str:
    return message.replace("--source-url) contradicts --git-url", "--git-url) contradicts --source-url").replace(
        "--source-type) contradicts --git-url", "--git-url) contradicts --source-type"
    )


def test_all_errors_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({"grace_period": "x"}, {"REACTORCIDE_SECRET_MIN_LENGTH": "0"}, {"nonsense": 1}, "f")
    assert len(str(caught.value).splitlines()) == 3


def test_a_wrong_secret_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({}, {}, {"secret_values_list": ["hunter2", 5]}, "f")
    assert "hunter2" not in str(caught.value)
    assert "a list of texts is expected" in str(caught.value)


def test_short_forms_of_a_git_source() -> None:
    config = resolve({"git_url": "u", "git_ref": "r"}, {"REACTORCIDE_SOURCE_TYPE": "copy"}).config
    assert (config.source_type, config.source_url, config.source_ref) == ("git", "u", "r")


def test_a_short_form_agrees_with_the_long_form() -> None:
    assert resolve({"git_url": "u", "source_type": "git"}, {}).config.source_type == "git"


def test_the_older_name_of_the_list_of_secrets() -> None:
    resolved = resolve({}, {"REACTORCIDE_SECRETS_LIST": "a,b"})
    assert resolved.config.secret_values_list == "a,b"
    assert resolved.origin("secret_values_list").spelling == "REACTORCIDE_SECRETS_LIST"


def test_variables_of_the_rest_of_the_system_are_left_alone() -> None:
    assert resolve({}, {"REACTORCIDE_JOB_ID": "7", "REACTORCIDE_QUEUE": "q"}).config == RunnerConfig()


def test_every_field_is_a_setting_with_help() -> None:
    for field in fields(RunnerConfig):
        assert SETTINGS[field.name].help
        assert SETTINGS[field.name].target == field.name


def test_get_config_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACTORCIDE_JOB_COMMAND", "make")
    assert get_config().job_command == "make"
    assert get_config(job_command="test").job_command == "test"
    with pytest.raises(ConfigError, match="unknown setting 'job_comand'"):
        get_config(job_comand="x")
