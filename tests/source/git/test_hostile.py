"""Repositories that mean harm are refused, or do none: the target and what is around it stay as they were."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import SourceSpec, prepare
from runnerlib.source.git.address import submodule_url
from runnerlib.source.git.modules import Module, read_modules
from tests.source.repository import ENV, git, holders, snapshot
from tests.source.smart_http import serving


def blob(repo: Path, content: str) -> str:
    done = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"],
        cwd=repo,
        env=ENV,
        input=content,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def make_tree(repo: Path, *entries: tuple[str, bytes, str]) -> str:
    """Write a tree as it is, however wrong: (mode, name, id)."""
    data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    command = ["git", "hash-object", "-w", "-t", "tree", "--literally", "--stdin"]
    return (
        subprocess.run(command, cwd=repo, env=ENV, input=data, capture_output=True, check=True).stdout.decode().strip()
    )


def commit_tree(repo: Path, tree: str) -> None:
    git(repo, "update-ref", "refs/heads/main", git(repo, "commit-tree", "-m", "evil", tree))


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main", "evil")
    return tmp_path / "evil"


TREES = {
    "dot dot": lambda r: make_tree(r, ("40000", b"..", make_tree(r, ("100644", b"escaped", blob(r, "x"))))),
    "dot git": lambda r: make_tree(r, ("40000", b".git", make_tree(r, ("100644", b"config", blob(r, "[core]"))))),
    "dot GIT": lambda r: make_tree(r, ("40000", b".GIT", make_tree(r, ("100644", b"config", blob(r, "[core]"))))),
    "git~1": lambda r: make_tree(r, ("40000", b"git~1", make_tree(r, ("100644", b"config", blob(r, "[core]"))))),
    "zero width .git": lambda r: make_tree(
        r, ("40000", ".g\u200cit".encode(), make_tree(r, ("100644", b"config", blob(r, "[core]"))))
    ),
    "link .git": lambda r: make_tree(r, ("120000", b".git", blob(r, "/tmp"))),
    "slash in a name": lambda r: make_tree(r, ("100644", b"../escaped", blob(r, "x"))),
    "absolute name": lambda r: make_tree(r, ("100644", b"/tmp/escaped", blob(r, "x"))),
    "dot": lambda r: make_tree(r, ("40000", b".", make_tree(r, ("100644", b"escaped", blob(r, "x"))))),
    "empty name": lambda r: make_tree(r, ("100644", b"", blob(r, "x"))),
}


@pytest.mark.parametrize("trick", TREES)
@pytest.mark.parametrize("way", ["path", "http"])
def test_trees_with_tricks(trick: str, way: str, engine: str, evil: Path, full: Path) -> None:
    commit_tree(evil, TREES[trick](evil))
    before = snapshot(full)
    around = sorted(path.name for path in full.parents[1].iterdir())
    with serving(evil.parent) as server:
        url = server.url("git/evil") if way == "http" else str(evil)
        with pytest.raises(SourceError):
            prepare(SourceSpec("git", url, "main"), full)
    assert snapshot(full) == before
    assert holders(full.parent) == []
    assert sorted(path.name for path in full.parents[1].iterdir()) == around
    assert not Path("/tmp/escaped").exists()


def test_a_link_does_not_lead_files_out(engine: str, evil: Path, full: Path, tmp_path: Path) -> None:
    """The same name as a link and as a directory: whatever comes of it, nothing is written through the link."""
    outside = tmp_path / "outside"
    outside.mkdir()
    inner = make_tree(evil, ("100644", b"written", blob(evil, "x")))
    commit_tree(evil, make_tree(evil, ("120000", b"a", blob(evil, str(outside))), ("40000", b"a", inner)))
    with suppress(SourceError):
        prepare(SourceSpec("git", str(evil), "main"), full)
    assert list(outside.iterdir()) == []


def test_names_that_differ_in_case_are_two_files_here(engine: str, evil: Path, tmp_path: Path) -> None:
    (evil / "NAME").write_text("upper")
    (evil / "name").write_text("lower")
    (evil / "Dir").symlink_to("/etc")
    (evil / "dir").mkdir()
    (evil / "dir/file").write_text("x")
    git(evil, "add", "-A")
    git(evil, "commit", "-qm", "case")
    prepare(SourceSpec("git", str(evil), "main"), tmp_path / "src")
    assert (tmp_path / "src/NAME").read_text() + (tmp_path / "src/name").read_text() == "upperlower"
    assert (tmp_path / "src/dir/file").read_text() == "x"


def test_nothing_of_a_repository_is_run(engine: str, evil: Path, tmp_path: Path) -> None:
    """Hooks, filters, fsmonitor and helpers of the source, and filters that attributes name."""
    ran = tmp_path / "ran"
    script = f"#!/bin/sh\ntouch {ran}\n"
    for hook in ("post-checkout", "pre-receive", "reference-transaction", "post-merge", "fsmonitor"):
        path = evil / ".git/hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)
    (evil / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    (evil / ".gitconfig").write_text(f'[filter "evil"]\nsmudge = touch {ran}\n')
    git(evil, "add", "-A")
    git(evil, "commit", "-qm", "x")
    settings = ("core.fsmonitor", "filter.evil.smudge", "uploadpack.packObjectsHook", "core.sshCommand")
    for setting in settings:
        git(evil, "config", setting, f"touch {ran}")
    ran.unlink(missing_ok=True)
    for _ in range(2):
        prepare(SourceSpec("git", str(evil), "main", (("keep", "repository"),)), tmp_path / "src")
        assert not ran.exists()
        for setting in settings:  # and now in the checkout that is kept
            git(tmp_path / "src", "config", setting, f"touch {ran}")
        hooks = tmp_path / "src/.git/hooks"
        hooks.mkdir(exist_ok=True)
        (hooks / "post-checkout").write_text(script)
        (hooks / "post-checkout").chmod(0o755)
        ran.unlink(missing_ok=True)


def test_names_of_refs_that_do_not_fit_a_line(engine: str, evil: Path, full: Path) -> None:
    """A huge name, and thousands of refs: found, and an unknown one is refused in a few words."""
    git(evil, "commit", "-q", "--allow-empty", "-m", "x")
    head = git(evil, "rev-parse", "HEAD")
    long = "/".join("n" * 200 for _ in range(10))
    lines = [f"{head} refs/heads/b{number}\n" for number in range(5000)] + [f"{head} refs/heads/{long}\n"]
    (evil / ".git/packed-refs").write_text("# pack-refs with: sorted \n" + "".join(sorted(lines)))
    with suppress(SourceError):  # libgit2 has a limit
        made = prepare(SourceSpec("git", str(evil), long), full)
        assert made is not None
        assert made.revision == head
    with pytest.raises(SourceError) as caught:
        prepare(SourceSpec("git", str(evil), "b5001"), full)
    assert len(str(caught.value)) < 600


URLS = [
    "file:///etc",
    "/etc",
    "ext::sh -c touch% /tmp/ran",
    "-oProxyCommand=touch /tmp/ran",
    "ssh://-oProxyCommand=x/y",
    "ssh://host/-x",
    "../../../../../../etc",
    "fd::17",
    "http:///x",
    "host:-oProxyCommand=x",
    "a\nb",
    "",
    "gopher://x/y",
]


@pytest.mark.parametrize("url", URLS)
def test_urls_of_submodules_that_are_tricks(url: str) -> None:
    with pytest.raises(SourceError):
        submodule_url("name", url, "https://host/group/repo.git")


@pytest.mark.parametrize("url", ["../x", "./x", "../../x"])
def test_relative_urls_of_a_local_repository_are_on_this_machine(url: str) -> None:
    with pytest.raises(SourceError, match="on this machine"):
        submodule_url("name", url, "/srv/repo")


@pytest.mark.parametrize(
    ("url", "parent", "meant"),
    [
        ("../other.git", "https://host/group/repo.git", "https://host/group/other.git"),
        ("./sub", "https://host/group/repo.git", "https://host/group/repo.git/sub"),
        ("../../else/x", "git@host:group/repo", "git@host:else/x"),
        ("https://elsewhere/x", "git@host:group/repo", "https://elsewhere/x"),
        ("../other", "ssh://git@host:22/group/repo", "ssh://git@host:22/group/other"),
    ],
)
def test_urls_of_submodules(url: str, parent: str, meant: str) -> None:
    assert submodule_url("name", url, parent) == meant


TRICKS = [
    "..",
    "../x",
    "a/../../x",
    ".git",
    "a/.GIT/x",
    "/etc",
    "-x",
    "a\\..\\x",
    "a//b",
    ".",
    "git~1",
    ".git:x",
    ".g\u200cit",
]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("kind", ["name", "path"])
def test_names_and_paths_of_submodules_that_are_tricks(kind: str, trick: str) -> None:
    name, path = (trick, "ok") if kind == "name" else ("ok", trick)
    quoted = name.replace("\\", "\\\\")
    with pytest.raises(SourceError, match="a trick"):
        read_modules(
            f'[submodule "{quoted}"]\n\tpath = "{path.replace(chr(92), chr(92) * 2)}"\n\turl = https://host/x\n'
        )


def test_gitmodules_as_git_reads_it(tmp_path: Path) -> None:
    text = (
        '# a comment\n[core]\n\tpath = no\n[submodule "a b"]\n\tpath=one ; why\n\turl = "https://h/x#y" # z\n'
        '[SubModule "q\\"uote"] path = two\n\tURL = https://h/\\\n y\n[submodule "half"]\n\tpath = three\n'
    )
    (tmp_path / "modules").write_text(text)
    said = git(tmp_path, "config", "-f", "modules", "-l")
    found = read_modules(text)
    assert found == [Module("a b", "one", "https://h/x#y"), Module('q"uote', "two", "https://h/ y")]
    for module in found:
        assert f"submodule.{module.name}.path={module.path}" in said
        assert f"submodule.{module.name}.url={module.url}" in said


def with_modules(evil: Path, modules: str, *paths: str) -> None:
    (evil / ".gitmodules").write_text(modules)
    git(evil, "add", "-A")
    for path in paths:
        git(evil, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{path}")
    git(evil, "commit", "-qm", "modules")


@pytest.mark.parametrize("url", ["file:///etc", "ext::sh -c x", "-x", "../../../../x"])
def test_a_submodule_that_is_a_trick_leaves_the_target(url: str, engine: str, evil: Path, full: Path) -> None:
    with_modules(evil, f'[submodule "m"]\n\tpath = m\n\turl = {url}\n', "m")
    before = snapshot(full)
    with serving(evil.parent) as server, pytest.raises(SourceError, match=r"submodule|scheme"):
        prepare(SourceSpec("git", server.url("git/evil"), "main", (("submodules", "recursive"),)), full)
    assert snapshot(full) == before


def test_a_kept_checkout_leads_nowhere(engine: str, evil: Path, tmp_path: Path) -> None:
    """The job before left links in the place of directories, alternates, and files that look unchanged."""
    (evil / "dir").mkdir()
    (evil / "dir/file").write_text("inside")
    git(evil, "add", "-A")
    git(evil, "commit", "-qm", "x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("inside")
    spec = SourceSpec("git", str(evil), "main", (("keep", "ignored"),))
    target = tmp_path / "src"
    prepare(spec, target)
    (target / "dir/file").unlink()
    (target / "dir").rmdir()
    (target / "dir").symlink_to(outside)
    (target / ".git/objects/info/alternates").write_text("/nowhere\n")
    (target / ".git/info/exclude").write_text("*\n")
    prepare(spec, target)
    assert not (target / "dir").is_symlink()
    assert (target / "dir/file").read_text() == "inside"
    assert (outside / "file").read_text() == "inside"
    assert not (target / ".git/objects/info/alternates").exists()
    stat = (target / "dir/file").stat()
    (target / "dir/file").write_text("INSIDE")
    os.utime(target / "dir/file", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    prepare(spec, target)
    assert (target / "dir/file").read_text() == "inside"
