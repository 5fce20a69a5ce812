"""The settings of a trusted CI source, and what they may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnerlib.config import SETTINGS, Layer, resolve, with_ci_source
from runnerlib.errors import ConfigError

GIT = {"ci_source_type": "git", "ci_source_url": "u"}


def brought(directory: Path, text: str) -> Path:
    (directory / ".reactorcide").mkdir(parents=True)
    (directory / ".reactorcide/runnerlib.yaml").write_text(text)
    return directory


def test_it_stands_below_everything_that_the_caller_says(tmp_path: Path) -> None:
    ci = brought(tmp_path / "ci", "job_timeout: 1\ngrace_period: 2\ndrain_timeout: 3\n")
    before = resolve({**GIT, "grace_period": "9"}, {}, {"drain_timeout": 8}, "f")
    resolved = with_ci_source(before, ci)
    config = resolved.config
    assert (config.job_timeout, config.grace_period, config.drain_timeout) == (1, 9, 8)
    assert str(resolved.origin("job_timeout")) == "file of the CI source, .reactorcide/runnerlib.yaml: job_timeout"
    assert before.config.job_timeout is None


def test_none_changes_nothing(tmp_path: Path) -> None:
    before = resolve({**GIT, "grace_period": "9"}, {})
    assert with_ci_source(before, tmp_path).config == before.config


def test_a_profile_of_it(tmp_path: Path) -> None:
    ci = brought(tmp_path, "profiles: {slow: {job_timeout: 1000}}")
    resolved = with_ci_source(resolve({**GIT, "profile": "slow"}, {}), ci)
    assert (resolved.config.job_timeout, resolved.origin("job_timeout").layer) == (1000, Layer.CI_PROFILE)
    with pytest.raises(ConfigError, match="unknown profile 'slaw'"):
        with_ci_source(resolve({**GIT, "profile": "slaw"}, {}), ci)


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.early])
def test_what_was_used_before_is_refused(tmp_path: Path, name: str) -> None:
    for number, text in enumerate((f"{name}: x\n", f"profiles: {{p: {{{name}: x}}}}\n")):
        ci = brought(tmp_path / str(number), text)
        with pytest.raises(ConfigError) as caught:
            with_ci_source(resolve(GIT, {}), ci)
        assert (
            f"{name} is used before the CI source is there; set it in a configuration file, the environment or on the "
            "command line"
        ) in str(caught.value) or "a profile cannot choose a profile" in str(caught.value)


def test_the_source_itself_is_among_that() -> None:
    early = {name for name, setting in SETTINGS.items() if setting.early}
    assert {"ci_source_type", "ci_source_url", "ci_source_ref", "work_dir", "git_url", "profile"} <= early
    assert not {"job_env", "job_timeout", "secret_env_names"} & early


def test_it_cannot_lead_out_of_the_source(tmp_path: Path) -> None:
    """Into the untrusted source, say, which the last run has left."""
    untrusted = tmp_path / "src.yaml"
    untrusted.write_text("job_timeout: 1")
    (tmp_path / "ci/.reactorcide").mkdir(parents=True)
    (tmp_path / "ci/.reactorcide/runnerlib.yaml").symlink_to(untrusted)
    with pytest.raises(ConfigError, match="outside of the CI source"):
        with_ci_source(resolve(GIT, {}), tmp_path / "ci")


def test_a_link_within_the_source_is_fine(tmp_path: Path) -> None:
    ci = brought(tmp_path / "ci", "job_timeout: 1")
    (ci / ".reactorcide/runnerlib.yaml").rename(ci / "settings.yaml")
    (ci / ".reactorcide/runnerlib.yaml").symlink_to("../settings.yaml")
    assert with_ci_source(resolve(GIT, {}), ci).config.job_timeout == 1


@pytest.mark.parametrize("make", ["dangling", "directory", "pipe"])
def test_what_is_no_file_is_an_error_and_does_not_wait(tmp_path: Path, make: str) -> None:
    import os

    path = tmp_path / ".reactorcide/runnerlib.yaml"
    path.parent.mkdir()
    if make == "dangling":
        path.symlink_to("nowhere")
    elif make == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(ConfigError, match="is no regular file"):
        with_ci_source(resolve(GIT, {}), tmp_path)
