"""Sources from a program: put in place, or nothing touched."""

from __future__ import annotations

from pathlib import Path

import pytest

import runnerlib
from runnerlib.errors import ConfigError, PathError, SourceError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("app", "ci"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("x")
    return tmp_path


def test_both_sources_go_where_they_belong(here: Path) -> None:
    config = runnerlib.get_config(
        source_type="copy", source_url=f"{here}/app", ci_source_type="copy", ci_source_url=f"{here}/ci"
    )
    lines: list[str] = []
    assert runnerlib.prepare_ci_source(config, lines.append) == here / "job/ci"
    assert not (here / "job/src").exists()
    assert runnerlib.prepare_source(config, report=lines.append) == here / "job/src"
    assert ((here / "job/src/app").read_text(), (here / "job/ci/ci").read_text()) == ("x", "x")
    assert lines


def test_by_the_environment(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACTORCIDE_SOURCE_TYPE", "copy")
    monkeypatch.setenv("REACTORCIDE_SOURCE_URL", f"{here}/app")
    assert runnerlib.prepare_source() == here / "job/src"
    assert runnerlib.prepare_ci_source() is None


def test_without_a_source_nothing_is_touched(here: Path) -> None:
    for config in (None, runnerlib.get_config(source_type="none")):
        assert runnerlib.prepare_source(config) is None
        assert runnerlib.prepare_ci_source(config) is None
    assert not (here / "job").exists()


def test_progress_is_masked(here: Path) -> None:
    (here / "app").rename(here / "hunter2-hunter2")
    lines: list[str] = []
    config = runnerlib.get_config(
        source_type="copy", source_url=f"{here}/hunter2-hunter2", secret_values_list="hunter2-hunter2"
    )
    runnerlib.prepare_source(config, lines.append)
    assert "[REDACTED]" in "".join(lines)
    assert "hunter2" not in "".join(lines)


def test_mistakes_leave_what_is_there(here: Path) -> None:
    (here / "job/src").mkdir(parents=True)
    (here / "job/src/kept").write_text("x")
    for settings, error in (
        ({"source_type": "gti", "source_url": "x"}, ConfigError),
        ({"source_type": "copy"}, ConfigError),
        ({"source_type": "copy", "source_url": "/no-such"}, SourceError),
        ({"source_type": "copy", "source_url": "/etc", "code_dir": "/job/../x"}, PathError),
    ):
        config = runnerlib.get_config(**settings)
        with pytest.raises(error):
            runnerlib.prepare_source(config)
    assert (here / "job/src/kept").exists()


def test_paths(here: Path) -> None:
    config = runnerlib.get_config(code_dir="/job/x", job_dir="/job/x/y")
    assert runnerlib.get_code_directory_path(config) == here / "job/x"
    assert runnerlib.get_job_directory_path(config) == here / "job/x/y"
    assert runnerlib.get_job_directory_path() == runnerlib.get_code_directory_path() == here / "job/src"
    assert runnerlib.get_job_base_path() == here / "job"
    assert not runnerlib.is_in_container_mode()


def test_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACTORCIDE_IN_CONTAINER", "true")
    assert runnerlib.is_in_container_mode()
    assert runnerlib.get_job_base_path() == Path("/job")


def test_scripts_catch_what_they_caught(here: Path) -> None:
    for kind in ("copy", "git", "tarball"):
        with pytest.raises(FileNotFoundError, match="nowhere") as missing:
            runnerlib.prepare_source(runnerlib.get_config(source_type=kind, source_url=f"{here}/nowhere.tar"))
        assert isinstance(missing.value, SourceError)
    (here / "file").write_text("no archive")
    with pytest.raises(OSError, match="file") as broken:
        runnerlib.prepare_source(runnerlib.get_config(source_type="tarball", source_url=f"{here}/file"))
    assert isinstance(broken.value, SourceError)
    with pytest.raises(ValueError, match="code_dir"):
        runnerlib.prepare_source(runnerlib.get_config(source_type="copy", source_url=f"{here}/app", code_dir=""))
