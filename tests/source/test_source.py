"""The package's front: names, checks, what an import costs, and the source type `none`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import SourceSpec, check, prepare, source_types
from tests.source.repository import snapshot

REFUSED = [
    (SourceSpec("gti", "x"), "unknown source type 'gti'; did you mean 'git'?"),
    (SourceSpec("git"), "source type 'git' needs a url or the path of a repository"),
    (SourceSpec("copy", ""), "source type 'copy' needs a url: the path of a directory"),
    (SourceSpec("git", "x", "-q"), "source ref '-q' starts with '-'"),
    (SourceSpec("git", "--upload-pack=x"), "source url '--upload-pack=x' starts with '-'"),
    (SourceSpec("git", "x\0y"), r"source url 'x\x00y' holds a control character"),
    (SourceSpec("git", "x", "a\nb"), r"source ref 'a\nb' holds a control character"),
    (SourceSpec("git", "x", "a b"), "source ref 'a b' holds ' ', which no branch, tag or commit id may hold"),
    (SourceSpec("git", "x", "a:b"), "source ref 'a:b' holds ':', which no branch, tag or commit id may hold"),
    (
        SourceSpec("git", "ext::sh -c id"),
        "unknown git url scheme 'ext' (https, http, ssh, git, file) in 'ext::sh -c id'",
    ),
    (
        SourceSpec("git", "htps://u:secret@h/x"),
        "unknown git url scheme 'htps'; did you mean 'https'? in 'htps://***@h/x'",
    ),
    (SourceSpec("git", "file://far/x"), "git url 'file://far/x' names a file on host 'far', not on this one"),
    (SourceSpec("git", "ssh://-oProxyCommand=x/y"), "git url 'ssh://-oProxyCommand=x/y' has no valid host"),
    (SourceSpec("git", "https:///x"), "git url 'https:///x' has no valid host"),
]


def test_source_types() -> None:
    assert source_types() == ("copy", "git", "hg", "none", "svn", "tarball")


def test_every_source_type_is_a_module_of_its_name() -> None:
    modules = {path.stem for path in (Path(__file__).parents[2] / "runnerlib/source").iterdir()}
    assert set(source_types()) <= modules


@pytest.mark.parametrize(("spec", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_check_refuses(spec: SourceSpec, said: str, full: Path) -> None:
    before = snapshot(full)
    for action in (check, lambda spec: prepare(spec, full)):
        with pytest.raises(SourceError) as caught:
            action(spec)
        assert str(caught.value) == said
        assert caught.value.exit_code == 125
    assert snapshot(full) == before


@pytest.mark.parametrize(
    "spec",
    [
        SourceSpec("none"),
        SourceSpec("none", "anything", "v1"),
        SourceSpec("copy", ".", "ignored"),
        SourceSpec("git", ".", ""),
        SourceSpec("git", "git@github.com:a/b.git", "feature/x+1"),
        SourceSpec("git", "ssh://git@[::1]:22/a/b", "refs/merge-requests/4/head"),
        SourceSpec("git", "./a:b", "1.0"),
    ],
)
def test_what_check_lets_pass(spec: SourceSpec) -> None:
    check(spec)


def test_none_touches_nothing(full: Path) -> None:
    before = snapshot(full.parent)
    lines: list[str] = []
    assert prepare(SourceSpec("none"), full, lines.append) is None
    assert prepare(SourceSpec("none"), full.parent / "absent") is None
    assert snapshot(full.parent) == before
    assert lines == ["no source to prepare"]


def test_import_and_check_leave_pygit2_alone() -> None:
    code = (
        "import sys, runnerlib.source as s; s.check(s.SourceSpec('git', 'x')); "
        "sys.exit(any(name in sys.modules for name in ('pygit2', 'shutil', 'subprocess', 'http', 'zipfile')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
