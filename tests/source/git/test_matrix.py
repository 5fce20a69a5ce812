"""Kind of ref x transport x (cold, warm, near, kept) x (path, file, http): the same checkout, whoever makes it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from runnerlib.source import Cache, SourceSpec, prepare
from tests.source.repository import Origin, git, holders, make
from tests.source.smart_http import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# One of each kind; the spellings of a kind are tests of `refs`.
KINDS = {
    "default": (None, "main"),
    "branch": ("dev", "dev"),
    "full branch": ("refs/heads/dev", "dev"),
    "tag": ("light", "tagged"),
    "annotated tag": ("v1", "tagged"),
    "full tag": ("refs/tags/v1", "tagged"),
    "pull": ("refs/pull/7/head", "pull"),
    "merge": ("refs/pull/7/merge", "merge"),
    "merge request": ("refs/merge-requests/4/head", "request"),
    "commit": ("ids:first", "first"),
    "short commit": ("short:first", "first"),
    "commit on no branch": ("ids:lost", "lost"),
}


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    """The repository, with the refs that forges make for a change."""
    made = make(tmp_path_factory.mktemp("rich") / "repo")
    ids = dict(made.ids)
    for name, ref in (("merge", "refs/pull/7/merge"), ("request", "refs/merge-requests/4/head")):
        tree = git(made.path, "rev-parse", f"{ids['dev']}^{{tree}}")
        ids[name] = git(made.path, "commit-tree", "-p", ids["pull"], "-m", name, tree)
        git(made.path, "update-ref", ref, ids[name])
    return Origin(made.path, ids)


@pytest.fixture(scope="module")
def rich_server(rich: Origin) -> Iterator[Server]:
    with serving(rich.path.parent) as server:
        yield server


@pytest.fixture(scope="module")
def trees(rich: Origin, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, tuple[object, ...]]]:
    """Return the tree of each commit in git's own clone: the oracle."""
    oracle = tmp_path_factory.mktemp("oracle") / "clone"
    git(oracle.parent, "clone", "-q", str(rich.path), "clone")
    found = {}
    for word, oid in rich.ids.items():
        git(oracle, "fetch", "-q", "origin", oid)
        git(oracle, "checkout", "-q", "--force", "--detach", oid)
        git(oracle, "clean", "-ffdxq")
        found[word] = tree(oracle)
    return found


def tree(top: Path) -> dict[str, tuple[object, ...]]:
    """Path -> mode and content of everything in the work tree, links as links."""
    found: dict[str, tuple[object, ...]] = {}
    for directory, names, files in os.walk(top):
        if ".git" in names:
            names.remove(".git")
        for name in (*names, *files):
            path = os.path.join(directory, name)
            status = os.lstat(path)
            content: object = None
            if os.path.islink(path):
                content = os.readlink(path)
            elif not os.path.isdir(path):
                with open(path, "rb") as opened:
                    content = opened.read()
            found[os.path.relpath(path, top)] = (status.st_mode, content)
    return found


def address(way: str, rich: Origin, server: Server) -> str:
    return {"path": str(rich.path), "file": f"file://{rich.path}", "http": server.url("git/repo")}[way]


def spelled(ref: str | None, rich: Origin) -> str | None:
    how, _, word = (ref or "").partition(":")
    return {"ids": rich.ids.get(word), "short": rich.ids.get(word, "")[:12]}.get(how, ref)


# A file:// URL becomes a path before anything else happens: two kinds show that it does.
CASES = [(kind, way) for kind in KINDS for way in ("path", "http")] + [("default", "file"), ("commit", "file")]


@pytest.mark.parametrize(("kind", "way"), CASES)
def test_matrix(
    kind: str,
    way: str,
    engine: str,
    rich: Origin,
    rich_server: Server,
    trees: dict[str, dict[str, tuple[object, ...]]],
    tmp_path: Path,
) -> None:
    ref, word = KINDS[kind]
    url, ref = address(way, rich, rich_server), spelled(ref, rich)
    cache, target = Cache(tmp_path / "cache"), tmp_path / "job/src"
    cold = SourceSpec("git", url, ref)
    kept = cold._replace(options=(("keep", "repository"),))
    states = [
        ("cold", cold),
        ("cold cache", cold._replace(cache=cache)),
        ("warm cache", cold._replace(cache=cache)),
        ("kept", kept),
    ]
    for state, spec in states:
        if state == "kept":
            (target / "file").write_text("spoiled")
            (target / "left").write_text("by a job")
        lines: list[str] = []
        made = prepare(spec, target, lines.append)
        assert made is not None, state
        assert made.revision == rich.ids[word], state
        assert tree(target) == trees[word], state
        assert (target / ".git/HEAD").read_text() == made.revision + "\n"
        assert git(target, "status", "--porcelain", "--ignore-submodules=none") == "", state
        assert git(target, "rev-list", "--count", "HEAD") == "1", state
        assert holders(target.parent, target) == []
        assert any(engine in line for line in lines if line.startswith("plan:"))
    assert {line for line in lines if "cannot be used" in line} == set()


@pytest.mark.parametrize("way", ["path", "http"])
def test_a_warm_cache_brings_a_new_commit(
    way: str, engine: str, rich: Origin, tmp_path: Path, trees: dict[str, dict[str, tuple[object, ...]]]
) -> None:
    """From tree to tree, files removed and added: what is copied from the cache leaves no trace."""
    shutil.copytree(rich.path, tmp_path / "repo", symlinks=True)
    cache = Cache(tmp_path / "cache")
    with serving(tmp_path) as server:
        url = server.url("git/repo") if way == "http" else str(tmp_path / "repo")
        for word in ("first", "main", "dev", "first"):
            git(tmp_path / "repo", "update-ref", "refs/heads/moving", rich.ids[word])
            lines: list[str] = []
            prepare(SourceSpec("git", url, "moving", cache=cache), tmp_path / "src", lines.append)
            assert tree(tmp_path / "src") == trees[word]
            assert git(tmp_path / "src", "status", "--porcelain", "--ignore-submodules=none") == ""
            assert git(tmp_path / "src", "fsck", "--no-dangling") == ""
    assert "the work tree is a copy of one in the cache, at this commit" in lines


@pytest.mark.parametrize("way", ["path", "http"])
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("depth", ["2", "50", "0"])
def test_depth(
    depth: str, cached: bool, way: str, engine: str, rich: Origin, rich_server: Server, tmp_path: Path
) -> None:
    cache = Cache(tmp_path / "cache") if cached else None
    spec = SourceSpec("git", address(way, rich, rich_server), "main", cache=cache)
    prepare(spec, tmp_path / "src")  # so that a mirror has to be deepened
    prepare(spec._replace(options=(("depth", depth),)), tmp_path / "src")
    whole = git(rich.path, "rev-list", "main").split()
    assert git(tmp_path / "src", "rev-list", "HEAD").split() == (whole[: int(depth)] if depth != "0" else whole)
    assert git(tmp_path / "src", "fsck", "--no-dangling") == ""
    refs = git(tmp_path / "src", "for-each-ref", "--format=%(refname)").split()
    if depth == "0":
        assert {
            "refs/remotes/origin/HEAD",
            "refs/remotes/origin/dev",
            "refs/remotes/origin/main",
            "refs/tags/v1",
        } <= set(refs)
        assert not [name for name in refs if "runnerlib" in name or "kept" in name]
    else:
        assert set(refs) <= {"refs/remotes/origin/main", "refs/remotes/origin/HEAD"}
    prepare(spec, tmp_path / "src")  # and shallow again, from a mirror that has everything
    assert git(tmp_path / "src", "rev-list", "HEAD").split() == whole[:1]
