"""Submodules, sparse directories, LFS, kept checkouts, retries, stalls: what the options of a git source do."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import Cache, SourceSpec, prepare, retry
from runnerlib.source.git.options import GitOptions, read
from tests.source.git.lfs_server import serving_lfs
from tests.source.git.test_matrix import tree
from tests.source.repository import Origin, commit, git
from tests.source.smart_http import QUOTED, Server, serving
from tests.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def source(url: str, *options: str, ref: str | None = None, cache: Cache | None = None) -> SourceSpec:
    pairs = tuple((name, value) for name, _, value in (option.partition("=") for option in options))
    return SourceSpec("git", url, ref, pairs, cache)


@pytest.fixture
def nested(tmp_path: Path) -> Iterator[tuple[Server, dict[str, str]]]:
    """outer has the submodule `libs/inner`, which has the submodule `deep`; served on one host."""
    ids = {}
    for name in ("deep", "inner", "outer"):
        git(tmp_path, "init", "-q", "-b", "main", name)
        ids[name] = commit(tmp_path / name, name)
    for name, path, below in (("inner", "deep", "deep"), ("outer", "libs/inner", "inner")):
        (tmp_path / name / ".gitmodules").write_text(f'[submodule "{below}"]\n\tpath = {path}\n\turl = ../{below}\n')
        git(tmp_path / name, "update-index", "--add", "--cacheinfo", f"160000,{ids[below]},{path}")
        git(tmp_path / name, "add", ".gitmodules")
        git(tmp_path / name, "commit", "-qm", "submodule")
        ids[name] = git(tmp_path / name, "rev-parse", "HEAD")
        commit(tmp_path / below, "newer")
    with serving(tmp_path) as server:
        yield server, ids


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("wish", ["none", "shallow", "recursive"])
def test_submodules(
    wish: str, cached: bool, engine: str, nested: tuple[Server, dict[str, str]], tmp_path: Path
) -> None:
    server, ids = nested
    cache = Cache(tmp_path / "cache") if cached else None
    target = tmp_path / "src"
    url = server.url("auth/outer", f"me:{QUOTED}")
    for _ in range(2):
        prepare(source(url, f"submodules={wish}", "keep=repository", ref=ids["outer"], cache=cache), target)
        inner = target / "libs/inner"
        assert (inner / "file").exists() == (wish != "none")
        assert (inner / "deep/file").exists() == (wish == "recursive")
        if wish == "recursive":
            assert (inner / "deep/file").read_text() == "deep"
            status = git(target, "submodule", "status", "--recursive").splitlines()
            assert [line.split()[0].strip() for line in status] == [ids["inner"], ids["deep"]]
        assert git(target, "status", "--porcelain", "--ignore-submodules=none") == ""
        inner.mkdir(exist_ok=True)
        (inner / "left").write_text("by a job")
    assert wish != "none" or sorted(path.name for path in inner.iterdir()) == ["left"]
    everything = b"".join(path.read_bytes() for path in target.rglob("*") if path.is_file())
    assert QUOTED.encode() not in everything


def test_what_stands_beside_a_submodule_stays(nested: tuple[Server, dict[str, str]], tmp_path: Path) -> None:
    """Storing the tree of a submodule moves nothing there, whatever it is called."""
    server, _ = nested
    (tmp_path / "outer/libs/git").mkdir(parents=True)
    (tmp_path / "outer/libs/git/file").write_text("mine")
    wanted = commit(tmp_path / "outer", "beside")
    spec = source(server.url("git/outer"), "submodules=shallow", ref=wanted, cache=Cache(tmp_path / "cache"))
    for _ in range(2):
        lines: list[str] = []
        prepare(spec, tmp_path / "src", lines.append)
        assert not [line for line in lines if "is not kept" in line]
        assert git(tmp_path / "src", "status", "--porcelain", "--ignore-submodules=none") == ""
    assert [line for line in lines if line.endswith("in the cache, at this commit")] != []


def test_submodules_that_need_themselves(engine: str, tmp_path: Path) -> None:
    """A chain that is deeper than anybody means comes to an end."""
    git(tmp_path, "init", "-q", "-b", "main", "loop")
    last = commit(tmp_path / "loop", "0")
    (tmp_path / "loop/.gitmodules").write_text('[submodule "m"]\n\tpath = m\n\turl = ../loop\n')
    for _ in range(12):
        git(tmp_path / "loop", "update-index", "--add", "--cacheinfo", f"160000,{last},m")
        git(tmp_path / "loop", "add", ".gitmodules")
        git(tmp_path / "loop", "commit", "-qm", "x")
        last = git(tmp_path / "loop", "rev-parse", "HEAD")
    with serving(tmp_path) as server, pytest.raises(SourceError, match="levels deep"):
        prepare(source(server.url("git/loop"), "submodules=recursive"), tmp_path / "src")
    assert not (tmp_path / "src").exists()


@pytest.mark.parametrize("cached", [False, True])
def test_sparse(cached: bool, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    for name in ("a/b/one", "a/two", "c/three", "d/e/f/four", "top"):
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(name)
    commit(repo, "x")
    cache = Cache(tmp_path / "cache") if cached else None
    for _ in range(2):
        prepare(source(str(repo), "sparse=a/b", "sparse=/d/e/", cache=cache), tmp_path / "src")
        files = {name for name, (mode, content) in tree(tmp_path / "src").items() if content is not None}
        assert files == {"a/b/one", "a/two", "d/e/f/four", "file", "top"}
        assert git(tmp_path / "src", "status", "--porcelain") == ""
        assert git(tmp_path / "src", "sparse-checkout", "list").split() == ["a/b", "d/e"]
    prepare(source(str(repo), cache=cache), tmp_path / "src")
    assert (tmp_path / "src/c/three").exists()


def test_sparse_needs_git(no_git: None, origin: Origin, full: Path) -> None:
    with pytest.raises(SourceError, match="need the git program"):
        prepare(source(str(origin.path), "sparse=sub"), full)


@pytest.mark.parametrize("keep", ["repository", "ignored"])
def test_a_kept_checkout_keeps_what_it_should(keep: str, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    (repo / ".gitignore").write_text("*.o\n")
    (repo / "same").write_text("same")
    (repo / "gone").write_text("gone")
    commit(repo, "one")
    with serving(tmp_path) as own:
        spec = source(own.url("git/repo"), f"keep={keep}")
        prepare(spec, tmp_path / "src")
        os.utime(tmp_path / "src/same", (1000, 1000))
        (tmp_path / "src/cache.o").write_text("built")
        (tmp_path / "src/left").write_text("left")
        (tmp_path / "src/same.d").mkdir()
        (repo / "gone").unlink()
        (repo / "new").write_text("new")
        wanted = commit(repo, "two")
        lines: list[str] = []
        made = prepare(spec, tmp_path / "src", lines.append)
    assert made is not None
    assert made.revision == wanted
    assert "fetched into the checkout that is kept" in lines[1]
    assert (tmp_path / "src/same").stat().st_mtime == 1000
    assert {path.name for path in (tmp_path / "src").iterdir()} == {
        *(".git", ".gitignore", "same", "new", "file"),
        *(("cache.o",) if keep == "ignored" else ()),
    }
    assert git(tmp_path / "src", "status", "--porcelain") == ""
    assert git(tmp_path / "src", "fsck", "--no-dangling") == ""


def test_what_stands_there_may_be_anything(engine: str, origin: Origin, tmp_path: Path) -> None:
    """No repository, a link in the place of its directory, packs of nonsense: made anew."""
    spec = source(str(origin.path), "keep=ignored")
    target = tmp_path / "src"
    (target / "x").mkdir(parents=True)
    prepare(spec, target)
    assert not (target / "x").exists()
    (target / ".git").rename(tmp_path / "elsewhere")
    (target / ".git").symlink_to(tmp_path / "elsewhere")
    prepare(spec, target)
    assert not (target / ".git").is_symlink()
    (target / ".git/objects/pack/pack-{'a' * 40}.pack").write_text("nonsense")
    (target / f".git/objects/pack/pack-{'a' * 40}.idx").write_text("nonsense")
    (target / ".git/shallow").write_text("nonsense\n")
    prepare(spec, target)
    assert git(target, "rev-parse", "HEAD") == origin.ids["main"]


def test_lfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pointers are replaced by git-lfs, over a server that speaks its protocol."""
    tool("git-lfs")
    repo = tmp_path / "repo"
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    (repo / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    content = b"\0large\n" * 1000
    with serving_lfs(tmp_path, content) as (server, pointer):
        (repo / "big.bin").write_text(pointer)
        commit(repo, "x")
        prepare(source(server.url("git/repo"), "lfs=no"), tmp_path / "src")
        assert (tmp_path / "src/big.bin").read_text() == pointer
        prepare(source(server.url("git/repo"), "lfs=yes"), tmp_path / "src")
        assert (tmp_path / "src/big.bin").read_bytes() == content
        assert not (tmp_path / "src/.git/hooks").exists()
        assert git(tmp_path / "src", "status", "--porcelain") == ""
        monkeypatch.setattr("shutil.which", lambda name, path=None: None if name == "git-lfs" else f"/usr/bin/{name}")
        lines: list[str] = []
        prepare(source(server.url("git/repo")), tmp_path / "src", lines.append)
        assert "files of Git LFS stay pointers: git-lfs is not installed" in lines
        with pytest.raises(SourceError, match="git-lfs is not installed"):
            prepare(source(server.url("git/repo"), "lfs=yes"), tmp_path / "src")


@pytest.mark.parametrize("where", ["", "assets/", "assets/textures/", "a b/ü/c/d/"])
def test_attributes_of_lfs_in_any_directory(where: str, tmp_path: Path) -> None:
    tool("git-lfs")
    content = b"\0large\n" * 1000
    repo = tmp_path / "repo"
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    (repo / where).mkdir(parents=True, exist_ok=True)
    (repo / where / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (repo / "none").mkdir()
    (repo / "none/file").write_text("x")
    (repo / "data").symlink_to("/proc/1/root/root")  # a directory that most users may not enter
    with serving_lfs(tmp_path, content) as (server, pointer):
        (repo / where / "big.bin").write_text(pointer)
        commit(repo, "x")
        for options in (["lfs=yes"], ["keep=ignored"], ["sparse=none"]):
            prepare(source(server.url("git/repo"), *options), tmp_path / "src")
            if (tmp_path / "src" / where / "big.bin").exists():
                assert (tmp_path / "src" / where / "big.bin").read_bytes() == content
            else:
                assert options == ["sparse=none"]


def test_without_git_lfs_in_any_directory_is_told(no_git: None, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    (repo / "a/b").mkdir(parents=True)
    (repo / "a/b/.gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    commit(repo, "x")
    lines: list[str] = []
    prepare(source(str(repo)), tmp_path / "src", lines.append)
    assert "files of Git LFS stay pointers: that needs the git program" in lines
    with pytest.raises(SourceError, match="files of Git LFS cannot be fetched: that needs the git program"):
        prepare(source(str(repo), "lfs=yes"), tmp_path / "src")


@pytest.mark.parametrize("cached", [True, False])
def test_files_of_lfs_are_fetched_once(cached: bool, tmp_path: Path) -> None:
    """From the cache of the machine, or from the checkout that is kept."""
    tool("git-lfs")
    cache = Cache(tmp_path / "cache") if cached else None
    content = b"\0large\n" * 1000
    repo = tmp_path / "repo"
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    (repo / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    with serving_lfs(tmp_path, content) as (server, pointer):
        (repo / "big.bin").write_text(pointer)
        commit(repo, "x")
        spec = source(server.url("git/repo"), "lfs=yes", "keep=repository", cache=cache)
        for _ in range(3):
            prepare(spec, tmp_path / "src")
            assert (tmp_path / "src/big.bin").read_bytes() == content
            if cached:
                shutil.rmtree(tmp_path / "src")
        assert [path for path, _ in server.seen].count("/lfs-object") == 1
        kept = [path for path in tmp_path.rglob("lfs/objects/*/*/*") if path.name in pointer]
        for path in kept:
            path.chmod(0o600)
            path.write_bytes(bytes(len(content)))
        prepare(spec, tmp_path / "src")
        assert (tmp_path / "src/big.bin").read_bytes() == content
        assert len(kept) == 1
        assert [path for path, _ in server.seen].count("/lfs-object") == 2
        if cache:  # its files count, so they go where there is little room
            shutil.rmtree(tmp_path / "src")
            prepare(spec._replace(cache=cache._replace(size=1)), tmp_path / "src")
            assert [path for path, _ in server.seen].count("/lfs-object") == 3


def test_an_object_of_lfs_that_is_not_there_is_named(tmp_path: Path) -> None:
    tool("git-lfs")
    lost = "ab" * 32
    repo = tmp_path / "repo"
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    (repo / "a").mkdir()
    (repo / "a/.gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    with serving_lfs(tmp_path, b"content", missing=lost) as (server, pointer):
        (repo / "a/there.bin").write_text(pointer)
        (repo / "a/lost one.bin").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{lost}\nsize 7\n")
        commit(repo, "x")
        with pytest.raises(SourceError, match=f"not fetched: 'a/lost one.bin' \\(sha256:{lost}\\)$"):
            prepare(source(server.url("git/repo"), "lfs=yes", "retries=0"), tmp_path / "src")
    assert not (tmp_path / "src").exists()


@pytest.mark.parametrize("text", ["[lfs] url = file:///etc\n", "link", '[lfs]\n\turl = \\\n  "file:///etc"\n'])
def test_a_place_for_lfs_in_odd_spellings_is_refused(text: str, tmp_path: Path) -> None:
    tool("git-lfs")
    repo = tmp_path / "repo"
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    (repo / ".gitattributes").write_text("*.bin filter=lfs\n")
    if text == "link":
        (repo / "elsewhere").write_text("[lfs]\n\turl = file:///etc\n")
        (repo / ".lfsconfig").symlink_to("elsewhere")
    else:
        (repo / ".lfsconfig").write_text(text)
    commit(repo, "x")
    with pytest.raises(SourceError, match="lfsconfig"):
        prepare(source(str(repo)), tmp_path / "src")


@pytest.mark.parametrize("url", ["file:///etc", "ssh://-x/y", "/etc"])
def test_lfs_from_this_machine_is_refused(url: str, origin: Origin, tmp_path: Path) -> None:
    tool("git-lfs")
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    (tmp_path / "repo/.gitattributes").write_text("*.bin filter=lfs\n")
    (tmp_path / "repo/.lfsconfig").write_text(f"[lfs]\n\turl = {url}\n")
    commit(tmp_path / "repo", "x")
    with pytest.raises(SourceError, match=r"lfsconfig|host"):
        prepare(source(str(tmp_path / "repo")), tmp_path / "src")
    assert not (tmp_path / "src").exists()


def test_what_the_network_broke_is_tried_again(
    engine: str, server: Server, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(retry, "wait", lambda seconds, report: pauses.append(seconds))
    server.failing = 2
    lines: list[str] = []
    prepare(source(server.url("git/repo")), tmp_path / "src", lines.append)
    assert git(tmp_path / "src", "rev-parse", "HEAD") == origin.ids["main"]
    assert len([line for line in lines if "attempt" in line]) == len(pauses) == 2
    assert 0.5 <= pauses[0] <= 1.5
    assert 1.0 <= pauses[1] <= 3.0
    server.failing = 100
    with pytest.raises(SourceError):
        prepare(source(server.url("git/repo"), "retries=1"), tmp_path / "src")
    assert len(pauses) == 3


def test_what_is_no_fault_of_the_network_is_not(
    engine: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "wait", lambda *_: pytest.fail("waited"))
    for url, ref in ((server.url("git/none"), None), (server.url("auth/repo"), None), (server.url("git/repo"), "none")):
        with pytest.raises(SourceError):
            prepare(source(url, ref=ref), tmp_path / "src")


def test_a_transfer_that_stands_still_is_ended(engine: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        accepted: list[socket.socket] = []
        listener = threading.Thread(target=lambda: accepted.append(deaf.accept()[0]))
        listener.start()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/x"
        with pytest.raises(SourceError, match="cannot clone"):
            prepare(source(url, "timeout=1", "retries=0"), tmp_path / "src")
        listener.join()
        accepted[0].close()


def test_the_head_of_a_change_when_its_ref_is_gone(
    engine: str, server: Server, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REACTORCIDE_PR_NUMBER", "7")
    for depth in ("depth=1", "depth=0"):
        made = prepare(source(server.url("git/repo"), depth, ref="feature-of-a-fork"), tmp_path / "src")
        assert made is not None
        assert made.revision == origin.ids["pull"]


def test_files_that_stay_in_a_kept_checkout(tmp_path: Path) -> None:
    tool("git")
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    commit(tmp_path / "repo", "x")
    top = tmp_path / "src"
    spec = source(str(tmp_path / "repo"), "keep=repository", "keep-files=*.o", "keep-files=/build/")
    prepare(spec, top)
    for name in ("a.o", "deep/b.o", "build/x", "other", "deep/build/x"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text("x")
    prepare(spec, top)
    left = {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file() and ".git/" not in str(path)}
    assert left == {"a.o", "deep/b.o", "build/x", "file"}


def test_wishes() -> None:
    assert read(source("x")) == GitOptions()
    asked = source(
        "x", "depth=0", "submodules=recursive", "sparse=a//b/", "lfs=no", "keep=ignored", "timeout=5", "retries=0"
    )
    assert read(asked) == GitOptions(0, "recursive", ("a/b",), lfs="no", keep="ignored", timeout=5, retries=0)


@pytest.mark.parametrize(
    "option",
    ["depth=-1", "depth=x", "submodules=yes", "sparse=../x", "sparse=*", "lfs=1", "keep=all", "timeout=0", "dpeth=1"],
)
def test_wishes_that_mean_nothing(option: str, full: Path) -> None:
    with pytest.raises(SourceError, match="option"):
        prepare(source("x", option), full)


class TestSubmodulesLeftOut:
    """Submodules that the repository or a sparse checkout leaves out."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[Server]:
        """outer has the submodules `src/in`, `lib/out` and `never`, which says that it is not to be updated."""
        for name in ("inner", "outer"):
            git(tmp_path, "init", "-q", "-b", "main", name)
        (tmp_path / "inner/deep").mkdir()
        (tmp_path / "inner/deep/file").write_text("x")
        oid = commit(tmp_path / "inner", "inner")
        text = "".join(
            f'[submodule "{path}"]\n\tpath = {path}\n\turl = ../inner\n' for path in ("src/in", "lib/out", "never")
        )
        (tmp_path / "outer/.gitmodules").write_text(text + "\tupdate = none\n")
        (tmp_path / "outer/src").mkdir()
        (tmp_path / "outer/src/code").write_text("x")
        for path in ("src/in", "lib/out", "never"):
            git(tmp_path / "outer", "update-index", "--add", "--cacheinfo", f"160000,{oid},{path}")
        git(tmp_path / "outer", "add", ".gitmodules", "src/code")
        git(tmp_path / "outer", "commit", "-qm", "outer")
        with serving(tmp_path) as server:
            yield server

    def test_update_none(self, server: Server, engine: str, tmp_path: Path) -> None:
        lines: list[str] = []
        prepare(source(server.url("git/outer"), "submodules=recursive"), tmp_path / "src", lines.append)
        assert (tmp_path / "src/lib/out/deep/file").exists()
        assert os.listdir(tmp_path / "src/never") == []
        assert "submodule 'never' is left out: '.gitmodules' says 'update = none'" in lines
        assert git(tmp_path / "src", "status", "--porcelain", "--ignore-submodules=none") == ""

    @pytest.mark.parametrize("wish", ["shallow", "recursive"])
    def test_outside_of_the_sparse_directories(self, wish: str, server: Server, tmp_path: Path) -> None:
        lines: list[str] = []
        options = (f"submodules={wish}", "sparse=src")
        prepare(source(server.url("git/outer"), *options), tmp_path / "src", lines.append)
        assert (tmp_path / "src/src/in/deep/file").exists()
        assert not (tmp_path / "src/lib").exists()
        assert "submodule 'lib/out' is left out: it lies outside of the sparse directories" in lines
        assert git(tmp_path / "src", "status", "--porcelain", "--ignore-submodules=none") == ""
