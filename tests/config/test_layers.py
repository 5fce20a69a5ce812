"""The order of the layers, profiles, and errors that say where a value came from."""

from __future__ import annotations

from dataclasses import fields
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.config import SETTINGS, FileLayer, Layer, RunnerConfig, get_config, resolve
from runnerlib.config.merge import merge
from runnerlib.errors import ConfigError, unknown

# A setting that any layer may give, and seven different values it accepts in a layer that gives text.
TEXTS = {"job_timeout": "1234567", "grace_period": "7654321", "secret_env_names": "XYZWABC"}
GIVEN = tuple(layer for layer in Layer if layer not in {Layer.DEFAULT, Layer.PLUGIN})
FILES = {Layer.CI_FILE: Layer.CI_PROFILE, Layer.FILE: Layer.PROFILE}


def file_of(layer: Layer, name: str, given: dict[Layer, str]) -> dict[str, object]:
    """A file with a profile that is chosen and one that is not, giving what its two layers give."""
    profile = {name: given[FILES[layer]]} if FILES[layer] in given else {}
    content: dict[str, object] = {"profiles": {"chosen": profile, "other": {name: "99"}}}
    return content | ({name: given[layer]} if layer in given else {})


@given(
    name=st.sampled_from(sorted(TEXTS)),
    present=st.sets(st.sampled_from(GIVEN)),
    by=st.sampled_from(["option", "variable", "file"]),
)
def test_the_highest_layer_that_gives_a_value_wins(name: str, present: set[Layer], by: str) -> None:
    """The oracle is the order of the enumeration: the last member that gives a value."""
    setting = SETTINGS[name]
    texts = {layer: text for layer, text in zip(GIVEN, TEXTS[name], strict=True) if layer in present}
    file = file_of(Layer.FILE, name, texts) | ({"profile": "chosen"} if by == "file" else {})
    options = {"profile": "chosen"} if by == "option" else {}
    environ = {"REACTORCIDE_PROFILE": "chosen"} if by == "variable" else {}

    resolved = resolve(
        options | ({name: texts[Layer.COMMAND_LINE]} if Layer.COMMAND_LINE in texts else {}),
        environ | ({setting.variable: texts[Layer.ENVIRONMENT]} if Layer.ENVIRONMENT in texts else {}),
        file,
        "config.yaml",
        FileLayer({name: texts[Layer.JOB_FILE]} if Layer.JOB_FILE in texts else {}, "job.yaml"),
        FileLayer(file_of(Layer.CI_FILE, name, texts), "ci.yaml"),
    )

    winner = max(present, key=tuple(Layer).index, default=Layer.DEFAULT)
    assert resolved.origin(name).layer is winner
    assert getattr(resolved.config, name) == (setting.parse(texts[winner]) if present else setting.default)
    assert [(each.origin.layer, each.value) for each in resolved.given.get(name, ())] == [
        (layer, texts[layer]) for layer in Layer if layer in texts
    ]


class TestProfiles:
    """Named sets of settings in a file."""

    FILE: ClassVar = {"job_timeout": 1, "profiles": {"ci": {"job_timeout": 2}, "empty": None}}

    def test_one_is_chosen_by_the_highest_layer(self) -> None:
        file = {**self.FILE, "profile": "empty"}
        assert resolve({}, {}, file, "f").config.job_timeout == 1
        assert resolve({}, {"REACTORCIDE_PROFILE": "ci"}, file, "f").config.job_timeout == 2
        assert resolve({"profile": "empty"}, {"REACTORCIDE_PROFILE": "ci"}, file, "f").config.job_timeout == 1
        assert resolve({}, {"REACTORCIDE_PROFILE": ""}, {**file, "profile": "ci"}, "f").config.job_timeout == 1

    def test_its_values_say_where_they_stand(self) -> None:
        assert str(resolve({"profile": "ci"}, {}, self.FILE, "f").origin("job_timeout")) == (
            "profile, f: profiles.ci.job_timeout"
        )

    @pytest.mark.parametrize(
        ("file", "message"),
        [
            (FILE, "profile (command line, --profile): unknown profile 'cii'; did you mean 'ci'?"),
            ({}, "profile (command line, --profile): no configuration file has a profile 'cii'"),
            ({"profiles": {"cii": 5}}, "f: profiles: 'cii' must be a mapping of setting names to values"),
            ({"profiles": ["cii"]}, "f: profiles must be a mapping of names to settings"),
            ({"profiles": {"cii": {"profile": "x"}}}, "f: profiles.cii.profile: a profile cannot choose a profile"),
        ],
    )
    def test_wrong_ones(self, file: dict[str, object], message: str) -> None:
        with pytest.raises(ConfigError) as caught:
            resolve({"profile": "cii"}, {}, file, "f")
        assert message in str(caught.value).splitlines()

    def test_the_keys_of_every_profile_are_checked(self) -> None:
        with pytest.raises(
            ConfigError, match=r"f: profiles\.a: unknown setting 'job_timeot'; did you mean 'job_timeout'"
        ):
            resolve({}, {}, {"profiles": {"a": {"job_timeot": 1}}}, "f")

    def test_so_are_the_values(self) -> None:
        with pytest.raises(ConfigError) as caught:
            resolve({"profile": "b"}, {}, {"profiles": {"a": {"job_timeout": 0}, "b": {}}}, "f")
        assert str(caught.value) == (
            "job_timeout (profile, f: profiles.a.job_timeout): got '0', a number of seconds, more than 0, is expected"
        )

    def test_of_an_unknown_one_the_ci_source_may_know(self) -> None:
        options = {"profile": "late", "ci_source_type": "git", "ci_source_url": "u"}
        resolved = resolve(options, {}, self.FILE, "f")
        late = FileLayer({"profiles": {"late": {"job_timeout": 9}}}, "ci")
        assert merge(resolved.layers._replace(ci_file=late, file=FileLayer({}, ""))).config.job_timeout == 9
        assert merge(resolved.layers._replace(ci_file=late)).config.job_timeout == 1
        with pytest.raises(ConfigError, match=r"unknown profile 'late' \(ci, empty\)"):
            merge(resolved.layers._replace(ci_file=FileLayer({}, "")))


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
        ({}, {}, {"job_comand": "x"}, "job.yaml: unknown setting 'job_comand'; did you mean 'job_command'?"),
        ({"job_comand": "x"}, {}, {}, "unknown setting 'job_comand'; did you mean 'job_command'?"),
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
    every = unknown("setting", "", SETTINGS).partition(" (")[2].partition(")")[0]
    # either order of the two contradicting options is as good
    assert str(caught.value) in {message.replace("(*)", f"({every})"), _turned(message)}
    assert caught.value.exit_code == 78


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
    assert resolve({}, {"REACTORCIDE_QUEUE": "q", "REACTORCIDE_PROVIDER": "p"}).config == RunnerConfig()


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
