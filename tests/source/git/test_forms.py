"""Repositories of other forms, and names that mislead: bundles, SHA-256, branches named as ids, sparse patterns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import Cache, prepare
from tests.source.git.lfs_server import serving_lfs
from tests.source.git.test_options import source
from tests.source.repository import commit, git
from tests.source.smart_http import QUOTED, serving
from tests.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

ID = "a" * 40


@pytest.fixture(params=[False, True], ids=["no cache", "cache"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Cache | None:
    return Cache(tmp_path / "cache") if request.param else None


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """Two commits on main; `lib/a`, `lib/deep/b`, `app/c` and `top`."""
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    for path in ("lib/a", "lib/deep/b", "app/c", "top"):
        (tmp_path / "repo" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repo" / path).write_text(path)
    commit(tmp_path / "repo", "one")
    commit(tmp_path / "repo", "two")
    return tmp_path / "repo"


def files(top: Path) -> set[str]:
    found = (path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())
    return {path for path in found if not path.startswith(".git/")}


def test_a_bundle_is_a_repository(cache: Cache | None, repo: Path, tmp_path: Path) -> None:
    bundle, target = tmp_path / "x.bundle", tmp_path / "src"
    git(repo, "bundle", "create", "-q", str(bundle), "HEAD", "main")
    for url in (str(bundle), f"file://{bundle}"):
        for options, count in ((("depth=1",), "1"), (("depth=0",), "2")):
            prepare(source(url, *options, cache=cache), target)
            assert git(target, "rev-parse", "HEAD") == git(repo, "rev-parse", "HEAD")
            assert git(target, "rev-list", "--count", "HEAD") == count
    git(repo, "bundle", "create", "-q", str(bundle), "main~1..main")
    with pytest.raises(SourceError, match="no default branch with a commit; name a ref"):
        prepare(source(str(bundle), cache=cache), target)
    if cache is not None:  # which has what the bundle builds on
        prepare(source(str(bundle), ref="main", cache=cache), target)
    with pytest.raises(SourceError, match=r"lacks these prerequisite commits: [0-9a-f]{40}$"):
        prepare(source(str(bundle), ref="main"), target)


def test_a_bundle_needs_the_program(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(repo, "bundle", "create", "-q", str(tmp_path / "x.bundle"), "main")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="a bundle needs the git program: git is not installed"):
        prepare(source(str(tmp_path / "x.bundle")), tmp_path / "src")


def test_objects_named_by_sha256(cache: Cache | None, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", "repo")
    first, last = (commit(tmp_path / "repo", name) for name in ("one", "two"))
    target = tmp_path / "src"
    with serving(tmp_path) as server:
        for url in (str(tmp_path / "repo"), server.url("auth/repo", f"me:{QUOTED}")):
            for ref, wanted in ((None, last), ("main", last), (first, first)):
                for options in ((), ("depth=0",), ("keep=repository",)):
                    prepare(source(url, *options, ref=ref, cache=cache), target)
                    assert git(target, "rev-parse", "HEAD") == wanted
                    assert git(target, "status", "--porcelain") == ""
            with pytest.raises(SourceError, match=f"unknown ref '{'1' * 64}'"):
                prepare(source(url, ref="1" * 64, cache=cache), target)


def test_a_branch_with_the_name_of_an_id_is_meant_only_by_its_full_name(
    engine: str, cache: Cache | None, repo: Path, tmp_path: Path
) -> None:
    git(repo, "update-ref", f"refs/heads/{ID}", "main~1")
    target = tmp_path / "src"
    for options in (("depth=1",), ("depth=0",)):
        with pytest.raises(SourceError, match=f"no commit has the id '{ID}', which is also the name 'refs/heads/{ID}'"):
            prepare(source(str(repo), *options, ref=ID, cache=cache), target)
    prepare(source(str(repo), ref=f"refs/heads/{ID}", cache=cache), target)
    assert git(target, "rev-parse", "HEAD") == git(repo, "rev-parse", "main~1")


def test_a_branch_named_as_a_remote_one_wins(engine: str, cache: Cache | None, repo: Path, tmp_path: Path) -> None:
    target = tmp_path / "src"
    with serving(tmp_path) as server:
        for url in (str(repo), server.url("auth/repo", f"me:{QUOTED}")):
            prepare(source(url, ref="origin/main", cache=cache), target)
            assert git(target, "rev-parse", "HEAD") == git(repo, "rev-parse", "main")
        git(repo, "branch", "origin/main", "main~1")
        for url in (str(repo), server.url("auth/repo", f"me:{QUOTED}")):
            prepare(source(url, ref="origin/main", cache=cache), target)
            assert git(target, "rev-parse", "HEAD") == git(repo, "rev-parse", "refs/heads/origin/main")


def test_a_wrong_ref_costs_no_mirror(repo: Path, tmp_path: Path) -> None:
    cache, lines = Cache(tmp_path / "cache"), list[str]()
    prepare(source(f"file://{repo}", cache=cache), tmp_path / "src")
    for ref in ("nosuch", "1" * 40, git(repo, "rev-parse", "main:top")):
        with pytest.raises(SourceError):
            prepare(source(f"file://{repo}", ref=ref, cache=cache), tmp_path / "src", lines.append)
    assert not [line for line in lines if "made anew" in line]


def test_sparse_directories_that_are_not_there(cache: Cache | None, repo: Path, tmp_path: Path) -> None:
    tool("git")
    target, lines = tmp_path / "src", list[str]()
    for options in (["sparse=nope"], ["sparse=nope", "sparse=no/where"], ["sparse=/nope", "cone=no"]):
        with pytest.raises(SourceError, match=r"option 'sparse' matches nothing in commit [0-9a-f]{40}: /?nope"):
            prepare(source(str(repo), *options, cache=cache), target)
    with pytest.raises(SourceError, match="option 'sparse' is 'lib/a', a file; sparse=/lib/a,cone=no writes"):
        prepare(source(str(repo), "sparse=lib/a", cache=cache), target)
    assert not target.exists()
    prepare(source(str(repo), "sparse=lib/deep", "sparse=nope", cache=cache), target, lines.append)
    assert files(target) == {"file", "top", "lib/a", "lib/deep/b"}
    assert "the commit has no directory 'nope' (option sparse)" in lines


def test_a_partial_clone_on_this_machine(cache: Cache | None, repo: Path, tmp_path: Path) -> None:
    git(repo, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{repo}", "partial")
    said = r"'.*/partial' is a partial clone and lacks files of [0-9a-f]{40}; fetch them there"
    with pytest.raises(SourceError, match=said):
        prepare(source(str(tmp_path / "partial"), cache=cache), tmp_path / "src")
    git(tmp_path / "partial", "checkout", "-q", "main")
    prepare(source(str(tmp_path / "partial"), cache=cache), tmp_path / "src")
    assert (tmp_path / "src/lib/a").read_text() == "lib/a"


@pytest.mark.parametrize(
    "text", ['\ufeff[submodule "libs/Inner"]\n', "[submodule.libs-inner]\n", "[SubModule.LIBS-inner] # old form\n"]
)
def test_gitmodules_in_odd_forms(text: str, repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "inner")
    inner = commit(tmp_path / "inner", "inner")
    (repo / ".gitmodules").write_text(f"{text}\tpath = libs\n\turl = ../inner\n", encoding="utf-8")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{inner},libs")
    git(repo, "add", ".gitmodules")
    git(repo, "commit", "-qm", "submodule")
    with serving(tmp_path) as server:
        prepare(source(server.url("auth/repo", f"me:{QUOTED}"), "submodules=shallow"), tmp_path / "src")
    assert git(tmp_path / "src/libs", "rev-parse", "HEAD") == inner


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["sparse=a"], ["top.bin", "a/x,y.bin"]),
        (["sparse=a", "sparse=b"], ["top.bin", "a/x,y.bin", "b/[1].bin"]),
        (["lfs-include=**/*.bin", "lfs-exclude=a/**"], ["top.bin", "b/[1].bin"]),
        (["lfs-include=b/*"], ["b/[1].bin"]),
        (["lfs-include=nothing"], []),
    ],
    ids=" ".join,
)
def test_only_wanted_files_of_lfs_are_fetched(
    options: list[str], wanted: list[str], repo: Path, tmp_path: Path
) -> None:
    tool("git-lfs")
    content = b"\0large\n" * 1000
    (repo / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    names = {"top.bin", "a/x,y.bin", "b/[1].bin"}
    with serving_lfs(tmp_path, content) as (server, pointer):
        for name in names:
            (repo / name).parent.mkdir(exist_ok=True)
            (repo / name).write_text(pointer)
        commit(repo, "files")
        prepare(source(server.url("git/repo"), "lfs=yes", *options), tmp_path / "src")
        written = {name for name in names if (tmp_path / "src" / name).exists()}
        assert {name for name in written if (tmp_path / "src" / name).read_bytes() == content} == set(wanted)
        assert written == (set(wanted) if options[0].startswith("sparse") else names)
        assert git(tmp_path / "src", "status", "--porcelain") == ""


def test_sparse_patterns(cache: Cache | None, repo: Path, tmp_path: Path) -> None:
    tool("git")
    target = tmp_path / "src"
    for patterns, wanted in (
        (["/lib/a"], {"lib/a"}),
        (["/*", "!/lib"], {"file", "top", "app/c"}),
        (["b", "c"], {"lib/deep/b", "app/c"}),
    ):
        for _ in range(2):
            prepare(source(str(repo), "cone=no", *(f"sparse={one}" for one in patterns), cache=cache), target)
            assert files(target) == wanted
            assert git(target, "status", "--porcelain") == ""
    for pattern in ("#x", " ", "a\nb", "a\0b"):
        with pytest.raises(
            SourceError, match=re.escape(f"option 'sparse' of source type 'git' is {pattern!r}; a pattern")
        ):
            prepare(source(str(repo), "cone=no", f"sparse={pattern}"), target)
