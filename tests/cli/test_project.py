"""The files of a project: where they are looked for, whose they are, and which one a name means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runnerlib.cli import _project
from runnerlib.cli._project import Project, choose, describe, find
from runnerlib.errors import ConfigError
from tests.looped import assert_each

JOB = "job: {name: j, steps: [{name: build, run: make}, {name: test, run: make, description: all of them}]}\n"
WORKFLOW = "workflow: {name: w, jobs: [{name: unit, command: make}, {name: ship, needs: unit, command: make}]}\n"
SETTINGS = "job_command: make\n"

PLACES = (
    *("runnerlib.yaml", "runnerlib.yml", ".runnerlib.yaml", ".runnerlib.yml", ".runnerlib/ci.yaml"),
    *(".reactorcide/workflows/ci.yml", ".reactorcide/jobs/ci.yaml"),
)


def write(root: Path, **files: str) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def project(root: Path, **files: str) -> Project:
    write(root, **files)
    found = find(root)
    assert found is not None
    # As from the command line: paths from the current directory.
    os.chdir(root)
    return found


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_each_place_is_found_from_below_and_the_first_counts(tmp_path: Path) -> None:
    below = tmp_path / "src" / "package"
    below.mkdir(parents=True)
    for place in reversed(PLACES):
        write(tmp_path, **{place: JOB})
        found = find(below)
        assert found is not None
        assert (found.root, found.groups[0]) == (tmp_path, (f"../../{place}",)), place
    assert [Path(file).name for file in found.files][:2] == ["runnerlib.yaml", ".runnerlib.yaml"]


def test_other_files_make_no_project(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{".git/HEAD": "", "runnerlib.json": "{}", ".runnerlib/artifacts/x.yaml": JOB, "runnerlib.yaml/x": ""},
    )
    assert find(tmp_path) is None


def test_the_search_ends_at_the_root_of_the_repository(tmp_path: Path) -> None:
    write(
        tmp_path, **{"runnerlib.yaml": JOB, "inner/.git": "gitdir: elsewhere", "inner/src/file": "", "other/file": ""}
    )
    assert find(tmp_path / "inner" / "src") is None
    assert find(tmp_path / "other") is not None
    write(tmp_path, **{"inner/runnerlib.yaml": JOB})
    assert find(tmp_path / "inner" / "src") is not None


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one in /tmp would be, that waits for somebody to work in a directory there."""
    write(tmp_path, **{"runnerlib.yaml": JOB, "mine/file": ""})
    real = Path.stat

    def stat(path: Path, **kwargs: bool) -> os.stat_result:
        values = list(real(path, **kwargs))
        values[4] = 4711 if path.name == "runnerlib.yaml" else os.geteuid()
        return os.stat_result(values)

    monkeypatch.setattr(_project.Path, "stat", stat)
    with pytest.raises(ConfigError, match=r"runnerlib.yaml' belongs to another user \(uid 4711\)"):
        find(tmp_path / "mine")


def test_what_is_listed_of_a_file(tmp_path: Path) -> None:
    write(tmp_path, **{"j.yaml": JOB, "w.yaml": WORKFLOW, "s.yaml": SETTINGS})
    job, workflow, settings = (describe(name) for name in ("j.yaml", "w.yaml", "s.yaml"))
    assert (job.kind, job.name) == ("job", "j")
    assert job.entries == (("build", "", ()), ("test", "all of them", ("build",)))
    assert (workflow.kind, workflow.entries) == ("workflow", (("unit", "", ()), ("ship", "", ("unit",))))
    assert (settings.kind, settings.entries) == ("configuration", ())


def test_names_choose_a_file_and_entries(tmp_path: Path) -> None:
    found = project(
        tmp_path, **{".runnerlib/ci.yaml": JOB, ".runnerlib/nightly.yaml": WORKFLOW, ".runnerlib/x.yml": JOB}
    )

    def check(names: tuple[str, ...], file: str, entries: tuple[str, ...]) -> None:
        described, inner = choose(found, names)
        assert (Path(described.path).name, inner) == (file, entries)

    assert_each(
        check,
        [
            (("nightly",), "nightly.yaml", ()),
            (("ship",), "nightly.yaml", ("ship",)),
            (("unit", "ship"), "nightly.yaml", ("unit", "ship")),
            (("ci/test",), "ci.yaml", ("test",)),
            (("x/test", "x/build"), "x.yml", ("test", "build")),
        ],
    )
    with pytest.raises(ConfigError, match=r"there are several files in '.runnerlib': name one of ci, nightly, x"):
        choose(found, ())
    with pytest.raises(ConfigError, match=r"'test' is in '.runnerlib/ci.yaml', '.runnerlib/x.yml': write FILE/test"):
        choose(found, ("test",))
    with pytest.raises(ConfigError, match=r"unknown step or job 'shup'.*did you mean 'ship'"):
        choose(found, ("shup",))


def test_the_name_of_the_only_file_is_none_of_a_step(tmp_path: Path) -> None:
    found = project(tmp_path, **{"runnerlib.yaml": JOB})
    assert choose(found, ())[1] == ()
    assert choose(found, ("test", "build"))[1] == ("test", "build")
    with pytest.raises(ConfigError, match="unknown step or job 'runnerlib'"):
        choose(found, ("runnerlib",))
