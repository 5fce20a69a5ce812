"""Files as attributes ask for them: what the git program writes is right, and libgit2 writes the same or refuses."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import Cache, SourceSpec, prepare
from runnerlib.source.git import cli_transport as program
from runnerlib.source.git.attributes import beyond, is_plain_ident
from tests.source.repository import ENV, git

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENTS = {
    "lf": b"a\nb\n",
    "crlf": b"a\r\nb\r\n",
    "mixed": b"a\r\nb\nc\rd\n",
    "binary": b"a\0b\nc\n",
    "none": b"a\nb",
    "empty": b"",
    "ident": b"x $Id$ y\n",
    "utf8": "ü\n日\n".encode(),
    "bom": b"\xef\xbb\xbfa\n",
    "control": b"\1\2\3a\nb\n\x1a",
}
ATTRIBUTES = [
    *("text", "-text", "text=auto", "eol=crlf", "eol=lf", "text eol=crlf", "text=auto eol=crlf", "!text eol=crlf"),
    *("ident", "ident eol=crlf", "-text ident", "crlf", "-crlf", "crlf=input", "binary", "-crlf eol=crlf", "eol=odd"),
]
PIECES = [
    *("a", "b", "*", "?", "[ab]", "[!a]", "[^a]", "**", "/", "A", "[[:alpha:]]", "[]a]", "-", "*.c", "[", "{a,b}")
]
# Some sort before `.gitattributes`, so that they are written before it.
NAMES = ["-", "(", "A", "a", "ab", "b", "]", "[", "a.c", "c/a", "c/d/-"]


def repository(room: Path, files: Mapping[str, bytes], name: str = "repo") -> Path:
    """A repository with just these files in a commit, byte by byte as they are here."""
    repo = room / name
    if not repo.exists():
        git(room, "init", "-q", "-b", "main", name)
    for path, content in files.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_bytes(content)
    listed = "\n".join(f'"{path}"' if '"' in path else path for path in files)
    command = ["git", "hash-object", "-w", "--no-filters", "--stdin-paths"]
    done = subprocess.run(command, cwd=repo, env=ENV, input=listed, check=True, capture_output=True, text=True)
    ids = dict(zip(files, done.stdout.split(), strict=True))
    index = "".join(f"100644 {ids[path]}\t{path}\0" for path in files)
    command = ["git", "update-index", "-z", "--index-info"]
    subprocess.run(command, cwd=repo, env=ENV, input=index, check=True, text=True)
    git(repo, "commit", "-qm", "x")
    return repo


def written(spec: SourceSpec, target: Path) -> dict[str, bytes]:
    """Path → content of a checkout."""
    prepare(spec, target)
    files = (path for path in target.rglob("*") if path.is_file())
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in files}
    return {path: content for path, content in found.items() if not path.startswith(".git/")}


def compare(repo: Path, room: Path, request: pytest.FixtureRequest, cache: bool = False) -> None:
    """Hold libgit2's checkout against git's."""
    expected = written(SourceSpec("git", str(repo), "main"), room / "by-git")
    assert len(expected) > 5
    request.getfixturevalue("no_git")
    kept = Cache(room / "cache") if cache else None
    found = written(SourceSpec("git", str(repo), "main", (), kept), room / "by-libgit2")
    assert {path for path in expected if found[path] != expected[path]} == set()


def test_what_attributes_can_ask_for(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    files = {f"{n}/.gitattributes": f"c-* {words}\n".encode() for n, words in enumerate(ATTRIBUTES)}
    files |= {f"{n}/c-{name}": content for n in range(len(ATTRIBUTES)) for name, content in CONTENTS.items()}
    files[".gitattributes"] = b"[attr]mine eol=crlf text\nm/* mine\n"
    files |= {f"m/{name}": content for name, content in CONTENTS.items()}
    compare(repository(tmp_path, files), tmp_path, request)


@pytest.mark.parametrize("seed", range(3))
def test_patterns_of_attributes(seed: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    chance = random.Random(seed)
    words = ["eol=crlf", "text eol=crlf", "eol=crlf", "-text", "!eol", "eol=lf", "!text"]
    files: dict[str, bytes] = {}
    for n in range(60):
        lines = [
            f"{''.join(chance.choices(PIECES, k=chance.randint(1, 4)))} {chance.choice(words)}\n"
            for _ in range(chance.randint(1, 3))
        ]
        files[f"{n}/.gitattributes"] = "".join(lines).encode()
        files |= {f"{n}/{name}": b"a\nb\n" for name in NAMES}
    compare(repository(tmp_path, files), tmp_path, request)


def test_attributes_that_come_with_the_next_commit(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """With a cache the work tree is brought there from the one before."""
    files = {f"{top}/{name}": b"a\nb\n" for top in ("old", "same") for name in NAMES}
    repo = repository(tmp_path, files | {"same/.gitattributes": b"a -text\n"})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(program, "find", lambda: None)
        for _ in range(2):
            written(SourceSpec("git", str(repo), "main", (), Cache(tmp_path / "cache")), tmp_path / "by-libgit2")
    changed = {f"{top}/{name}": b"c\nd\n" for top in ("old", "same", "new") for name in NAMES}
    attributes = {f"{top}/.gitattributes": b"[-(Aa]* eol=crlf\n" for top in ("old", "same", "new")}
    repository(tmp_path, changed | attributes)
    compare(repo, tmp_path, request, cache=True)


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_another_encoding(workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all files, many enough for git to write them in several processes."""
    monkeypatch.setattr("os.cpu_count", lambda: workers)
    files = {f"d/{n}.txt": f"ü {n}\n".encode() for n in range(300)}
    repo = repository(tmp_path, files | {"d/.gitattributes": b"*.txt working-tree-encoding=UTF-16LE eol=crlf\n"})
    for options in ((), (("keep", "repository"),)):
        found = written(SourceSpec("git", str(repo), "main", options), tmp_path / "src")
        assert {path for path in files if found[path] != f"ü {path[2:-4]}\r\n".encode("utf-16-le")} == set()


@pytest.mark.parametrize(
    ("attributes", "content", "said"),
    [
        ("*.txt working-tree-encoding=UTF-16", b"a\n", "'.gitattributes' has 'working-tree-encoding', which needs the"),
        ("[attr]wide working-tree-encoding=UTF-16\n*.txt wide", b"a\n", "has 'working-tree-encoding', which needs the"),
        ("*.txt ident", b"$Id$ $Id$\n", "'d/x.txt' has several identifiers"),
        ("*.txt ident", b"$Id: a b $\n", "'d/x.txt' has several identifiers"),
        ('"*.txt" eol=crlf', b"a\n", "a pattern with '!', a quote or a backslash"),
        ("!*.c eol=crlf", b"a\n", "a pattern with '!', a quote or a backslash"),
        ("\\*.txt eol=crlf", b"a\n", "a pattern with '!', a quote or a backslash"),
        ("\ufeff*.txt eol=crlf", b"a\n", "a byte order mark"),
    ],
)
def test_what_libgit2_cannot_do_is_refused(
    attributes: str, content: bytes, said: str, no_git: None, tmp_path: Path
) -> None:
    repo = repository(tmp_path, {"d/.gitattributes": f"{attributes}\n".encode(), "d/x.txt": content})
    with pytest.raises(SourceError, match="needs the git program") as caught:
        prepare(SourceSpec("git", str(repo), "main"), tmp_path / "src")
    assert said in str(caught.value)
    assert not (tmp_path / "src").exists()


def test_several_identifiers_without_the_attribute_are_fine(no_git: None, tmp_path: Path) -> None:
    repo = repository(tmp_path, {".gitattributes": b"*.h ident\n", "x.c": b"$Id$ $Id$\n", "x.h": b"$Id$\n"})
    assert written(SourceSpec("git", str(repo), "main"), tmp_path / "src")["x.c"] == b"$Id$ $Id$\n"


def test_what_is_beyond_libgit2() -> None:
    assert beyond(b"# working-tree-encoding\n\n  *.c text\n*.\xff eol=lf") is None
    assert is_plain_ident(b"no keyword")
    assert not is_plain_ident(b"$Id$\0")
