"""The workspace: where it is, and that no path leads out of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib._util.paths import CONTAINER_BASE, Workspace, locate
from runnerlib.errors import PathError


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    base = tmp_path / "job"
    base.mkdir()
    return Workspace(base)


@pytest.mark.parametrize("stated", ["true", "1", "yes", "TRUE"])
def test_in_a_container_the_workspace_is_fixed(stated: str, tmp_path: Path) -> None:
    assert locate({"REACTORCIDE_IN_CONTAINER": stated}, tmp_path).base == CONTAINER_BASE


@pytest.mark.parametrize("stated", ["false", "0", "no"])
def test_elsewhere_it_is_below_the_current_directory(stated: str, tmp_path: Path) -> None:
    assert locate({"REACTORCIDE_IN_CONTAINER": stated}, tmp_path).base == tmp_path / "job"


def test_a_statement_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="REACTORCIDE_IN_CONTAINER is 'maybe'"):
        locate({"REACTORCIDE_IN_CONTAINER": "maybe"}, tmp_path)


@pytest.mark.parametrize(
    ("exists", "writable", "cwd", "expected"),
    [
        (False, True, "/tmp", Path("/tmp/job")),
        (True, True, "/tmp", CONTAINER_BASE),
        (True, False, "/tmp", Path("/tmp/job")),
        (True, False, "/job/src", CONTAINER_BASE),
    ],
)
def test_detection(monkeypatch: pytest.MonkeyPatch, exists: bool, writable: bool, cwd: str, expected: Path) -> None:
    monkeypatch.setattr(Path, "is_dir", lambda self: exists)
    monkeypatch.setattr(os, "access", lambda path, mode: writable)
    assert locate({}, Path(cwd)).base == expected


def test_a_process_of_a_job_has_the_workspace_of_its_job(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    environ = {"RUNNERLIB_WORKSPACE": f"{tmp_path}/link/w", "REACTORCIDE_IN_CONTAINER": "true"}
    assert locate(environ, Path("/tmp")).base == tmp_path / "w"
    assert locate({**environ, "RUNNERLIB_WORKSPACE": ""}, Path("/tmp")).base == CONTAINER_BASE
    with pytest.raises(PathError, match="RUNNERLIB_WORKSPACE 'job' is relative"):
        locate({"RUNNERLIB_WORKSPACE": "job"}, Path("/tmp"))


def test_what_a_program_has_named_counts_as_inside(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/out").symlink_to("/etc")
    granting = workspace._replace(granted=(tmp_path / "project",))
    assert granting.resolve(f"{tmp_path}/project/deep", "code_dir") == tmp_path / "project/deep"
    for outside in (f"{tmp_path}/project/out", f"{tmp_path}/project/..", f"{tmp_path}/project2"):
        with pytest.raises(PathError, match="outside the workspace"):
            granting.resolve(outside, "code_dir")
    with pytest.raises(PathError, match="outside the workspace"):
        workspace.resolve(f"{tmp_path}/project", "code_dir")


def test_what_was_granted_is_handed_on(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "job", granted=(tmp_path / "a", tmp_path / "b:c", tmp_path / "d"))
    assert locate(workspace.variables, Path("/")) == workspace._replace(granted=(tmp_path / "a", tmp_path / "d"))
    assert Workspace(tmp_path).variables == {"RUNNERLIB_WORKSPACE": str(tmp_path)}
    assert locate({"RUNNERLIB_GRANTED": "/etc", "REACTORCIDE_IN_CONTAINER": "true"}, Path("/")).granted == ()
    nonsense = {"RUNNERLIB_WORKSPACE": str(tmp_path), "RUNNERLIB_GRANTED": "::relative"}
    assert locate(nonsense, Path("/")) == Workspace(tmp_path)


def test_directories(workspace: Workspace) -> None:
    base = workspace.base
    assert (workspace.src, workspace.ci, workspace.artifacts) == (base / "src", base / "ci", base / "artifacts")


@pytest.mark.parametrize("text", ["/job/src", "/job//src/", "/job/x/../src", "/job/./src"])
def test_job_names_the_workspace_wherever_it_is(workspace: Workspace, text: str) -> None:
    assert workspace.resolve(text, "code_dir") == workspace.src


def test_a_real_path_inside(workspace: Workspace) -> None:
    assert workspace.resolve(str(workspace.src / "deep"), "job_dir") == workspace.src / "deep"


@pytest.mark.parametrize(
    "text",
    ["/jobevil", "/job/../x", "/job/../../../../etc", "/etc", "/", "/job/src/../../x", "/jobevil/../etc", "//etc"],
)
def test_paths_that_lead_out(workspace: Workspace, text: str) -> None:
    with pytest.raises(PathError, match="outside the workspace"):
        workspace.resolve(text, "code_dir")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("src", "is relative"),
        ("./job/src", "is relative"),
        ("../x", "is relative"),
        ("/job/\0x", "NUL"),
    ],
)
def test_paths_that_are_none(workspace: Workspace, text: str, why: str) -> None:
    with pytest.raises(PathError, match=why):
        workspace.resolve(text, "code_dir")


def test_symlinks_are_followed_before_the_comparison(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (workspace.base / "out").symlink_to(outside)
    (workspace.base / "in").symlink_to(workspace.base / "real")
    (workspace.base / "loop").symlink_to(workspace.base / "loop")
    with pytest.raises(PathError, match="outside the workspace"):
        workspace.resolve("/job/out/x", "code_dir")
    with pytest.raises(PathError, match="outside the workspace"):
        workspace.resolve("/job/out/../x", "code_dir")
    assert workspace.resolve("/job/in/x", "code_dir") == workspace.base / "real" / "x"
    assert workspace.resolve("/job/loop", "code_dir").is_relative_to(workspace.base)


def test_the_workspace_itself_is_no_directory_to_replace(workspace: Workspace) -> None:
    assert workspace.resolve("/job", "job_dir") == workspace.base
    with pytest.raises(PathError, match="is the workspace itself"):
        workspace.resolve_directory("/job/src/..", "code_dir")


parts = st.lists(st.sampled_from(["..", ".", "", "a", "job", "out", "in"]), max_size=8)


@given(start=st.sampled_from(["/job", "/", "BASE", "BASE/out", "/jobevil", "", "x"]), tail=parts)
def test_whatever_is_accepted_is_inside(tmp_path_factory: pytest.TempPathFactory, start: str, tail: list[str]) -> None:
    base = tmp_path_factory.getbasetemp() / "whatever" / "job"
    base.mkdir(parents=True, exist_ok=True)
    for name, target in (("out", "/etc"), ("in", "a")):
        if not (base / name).is_symlink():
            (base / name).symlink_to(target)
    try:
        found = Workspace(base).resolve("/".join([start.replace("BASE", str(base)), *tail]), "p")
    except PathError:
        return
    assert os.path.commonpath([os.path.realpath(found), base]) == str(base)
