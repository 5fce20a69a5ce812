"""Subversion through its client: real repositories, over file and http, honest and hostile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import Prepared, SourceSpec, check, prepare
from tests.source.clients import QUOTED, SECRET, client, spied_on, svn_serve
from tests.source.repository import holders, snapshot


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the usual layout: revision 1 the directories, 2 and 5 commits to trunk, 3 a branch, 4 a tag."""
    room = tmp_path_factory.mktemp("svn")
    made, url = room / "repository", f"file://{room}/repository"
    client("svnadmin", "create", made)
    client("svn", "mkdir", "-qm", "1", *(f"{url}/{name}" for name in ("trunk", "branches", "tags")))
    work = room / "work"
    client("svn", "checkout", "-q", f"{url}/trunk", work)
    (work / "file").write_text("one")
    (work / "run").write_text("#!/bin/sh\n")
    (work / "link").symlink_to("file")
    client("svn", "add", "-q", "file", "run", "link", where=work)
    client("svn", "propset", "-q", "svn:executable", "on", "run", where=work)
    client("svn", "propset", "-q", "svn:externals", f"{url}/trunk stolen", ".", where=work)
    client("svn", "commit", "-qm", "2", where=work)
    client("svn", "copy", "-qm", "3", f"{url}/trunk", f"{url}/branches/dev")
    client("svn", "copy", "-qm", "4", f"{url}/trunk", f"{url}/tags/v1")
    (work / "file").write_text("two")
    client("svn", "commit", "-qm", "5", where=work)
    return made


def took(url: Path | str, ref: str | None, target: Path) -> tuple[str | None, str]:
    """Prepare, and return the revision and what `file` holds."""
    prepared = prepare(SourceSpec("svn", str(url), ref), target)
    assert isinstance(prepared, Prepared)
    assert holders(target.parent) == []
    return prepared.revision, (target / "file").read_text()


def test_every_kind_of_ref(repository: Path, full: Path) -> None:
    trunk = repository / "trunk"
    assert took(trunk, None, full) == ("5", "two")
    assert {path.name for path in full.iterdir()} == {".svn", "file", "run", "link"}  # no external
    assert os.readlink(full / "link") == "file"
    assert os.access(full / "run", os.X_OK)
    assert took(trunk, "r2", full) == ("2", "one")
    assert took(trunk, "dev", full) == ("5", "one")
    assert took(f"file://{repository}", "v1", full) == ("5", "one")
    assert took(repository, "trunk@2", full) == ("2", "one")


def test_over_http_with_a_password_that_nobody_sees(
    repository: Path, full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, path = spied_on("svn", tmp_path)
    monkeypatch.setenv("PATH", path)
    lines: list[str] = []
    with svn_serve(repository) as server:
        assert took(f"http://{server}/open/trunk", "HEAD", full) == ("5", "two")
        before = snapshot(full)
        with pytest.raises(SourceError) as caught:
            prepare(SourceSpec("svn", f"http://me:wrong-{QUOTED}@{server}/shut/trunk"), full, lines.append)
        assert "No more credentials" in str(caught.value)
        assert snapshot(full) == before
        url = f"http://me:{QUOTED}@{server}/shut/trunk"
        assert prepare(SourceSpec("svn", url, "v1"), full, lines.append) == Prepared(full, "5")
        assert (full / "file").read_text() == "one"
        auth = tmp_path / "auth"
        auth.mkdir()
        (auth / "credentials").write_text(f"http://me:{QUOTED}@{server}\n")
        monkeypatch.setenv("REACTORCIDE_VCS_AUTH_DIR", str(auth))
        assert took(f"http://{server}/shut/trunk", "2", full) == ("2", "one")
    told = log.read_text() + "".join(lines) + str(caught.value)
    assert told.count("checkout --non-interactive") >= 3
    assert SECRET not in told
    assert QUOTED not in told
    left = [file for file in full.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
    assert left == []


@pytest.mark.parametrize(
    ("url", "ref", "said"),
    [
        ("", None, "source type 'svn' needs a url"),
        ("-x", None, "source url '-x' starts with '-'"),
        ("svn+ssh://-oProxyCommand=x/y", None, "has no valid host"),
        ("svn+evil://h/x", None, r"unknown svn url scheme 'svn\+evil' \(https, http, svn, svn\+ssh, file\)"),
        ("https://token-of-mine@h/x", None, r"svn url 'https://\*\*\*@h/x' has its secret where the user is"),
        ("https://u:a%0Ab@h/x", None, "control characters in its credentials"),
        ("/x", "--force", "source ref '--force' starts with '-'"),
        ("/x", "a/../../b", r"source ref 'a/../../b' holds '\.\.'"),
        ("/x", "dev@old", "'old' is no revision"),
    ],
)
def test_what_check_refuses(url: str, ref: str | None, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        check(SourceSpec("svn", url, ref))
    assert "token-of-mine" not in str(caught.value)


@pytest.mark.parametrize(
    ("at", "ref", "said"),
    [
        ("/trunk", "vanished", "ref 'vanished' is no branch or tag at HEAD; looked for '.*/branches/vanished' and '"),
        ("/trunk", "99", "svn: .*No such revision 99"),
        ("/nothing", None, "svn: .*nothing"),
        ("-not-there", None, "svn: E170013: Unable to connect to a repository"),
    ],
)
def test_what_is_not_there(at: str, ref: str | None, said: str, repository: Path, full: Path) -> None:
    before = snapshot(full)
    with pytest.raises(SourceError, match=said):
        prepare(SourceSpec("svn", f"{repository}{at}", ref), full)
    assert snapshot(full) == before
    assert holders(full.parent) == []


def test_without_the_client(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SourceError) as caught:
        prepare(SourceSpec("svn", "/x"), full)
    assert str(caught.value) == (
        "source type 'svn' needs the program 'svn', which is not installed "
        "(Debian and Ubuntu: apt-get install subversion)"
    )
