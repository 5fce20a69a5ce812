"""Mercurial through its client: real repositories, local and over http, honest and hostile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import Prepared, SourceSpec, check, prepare
from tests.source.clients import QUOTED, SECRET, client, gate, hg_serve, spied_on
from tests.source.repository import holders, snapshot


def commit(where: Path, text: str) -> str:
    (where / "file").write_text(text)
    client("hg", "commit", "-Aqm", text, where=where)
    return client("hg", "log", "-r", ".", "-T", "{node}", where=where)


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A repository at `ids["path"]`, hostile as far as its own configuration goes, and its changesets."""
    made = tmp_path_factory.mktemp("hg") / "repository"
    client("hg", "init", made)
    (made / "link").symlink_to("file")
    found = {"path": str(made), "one": commit(made, "one")}
    client("hg", "tag", "v1", where=made)
    found["default"] = client("hg", "log", "-r", ".", "-T", "{node}", where=made)
    client("hg", "branch", "-q", "dev", where=made)
    found["dev"] = commit(made, "two")
    client("hg", "bookmark", "-r", found["one"], "mark", where=made)
    (made / "evil.py").write_text(f"open({str(made / 'PWNED')!r}, 'w')\n")
    hooks = "".join(f"{hook} = touch {made}/PWNED\n" for hook in ("outgoing", "preoutgoing", "pre-log", "update"))
    (made / ".hg/hgrc").write_text(f"[hooks]\n{hooks}[extensions]\nevil = {made}/evil.py\n")
    return found


def took(spec: SourceSpec, target: Path) -> tuple[str | None, str]:
    """Prepare, and return the revision and what `file` holds."""
    prepared = prepare(spec, target)
    assert isinstance(prepared, Prepared)
    assert holders(target.parent) == []
    return prepared.revision, (target / "file").read_text()


def test_every_kind_of_ref(ids: dict[str, str], full: Path) -> None:
    path = ids["path"]
    assert took(SourceSpec("hg", path), full) == (ids["default"], "one")
    assert (full / "link").is_symlink()
    assert took(SourceSpec("hg", path, "v1"), full) == (ids["one"], "one")
    assert took(SourceSpec("hg", f"file://{path}", "dev"), full) == (ids["dev"], "two")
    assert took(SourceSpec("hg", path, "mark"), full) == (ids["one"], "one")
    assert took(SourceSpec("hg", path, ids["dev"][:8]), full) == (ids["dev"], "two")
    assert not Path(path, "PWNED").exists()


def test_nothing_is_no_source(ids: dict[str, str], full: Path, tmp_path: Path) -> None:
    before = snapshot(full)
    for ref in ("null", "0" * 12, "0" * 40):
        with pytest.raises(SourceError, match=f"hg: ref '{ref}' is the empty revision before the first changeset"):
            prepare(SourceSpec("hg", ids["path"], ref), full)
    client("hg", "init", tmp_path / "empty")
    with pytest.raises(SourceError, match="hg: the repository has no changeset"):
        prepare(SourceSpec("hg", str(tmp_path / "empty")), full)
    assert snapshot(full) == before


def test_over_http_with_a_password_that_nobody_sees(
    ids: dict[str, str], full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, path = spied_on("hg", tmp_path)
    monkeypatch.setenv("PATH", path)
    lines: list[str] = []
    clean = Path(ids["path"]).with_name("served")
    client("hg", "clone", "-q", "--noupdate", ids["path"], clean)
    with hg_serve(clean) as server, gate(server) as shut:
        place = f"127.0.0.1:{shut.server_port}/"
        spec = SourceSpec("hg", f"http://me:{QUOTED}@{place}", "v1")
        assert prepare(spec, full, lines.append) == Prepared(full, ids["one"])
        before = snapshot(full)
        with pytest.raises(SourceError) as caught:
            prepare(SourceSpec("hg", f"http://me:wrong-{QUOTED}@{place}"), full, lines.append)
        assert snapshot(full) == before
        with gate(server) as foreign:
            shut.elsewhere = f"localhost:{foreign.server_port}"
            with pytest.raises(SourceError):
                prepare(spec, full, lines.append)
            assert foreign.seen
            assert set(foreign.seen) == {None}
    told = log.read_text() + "".join(lines) + str(caught.value)
    assert "clone --pull" in told
    assert SECRET not in told
    assert QUOTED not in told
    assert "authorization failed" in str(caught.value)
    left = [file for file in full.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
    assert left == []


def test_subrepositories_are_refused_unless_they_are_asked_for(ids: dict[str, str], full: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    client("hg", "init", outer)
    client("hg", "clone", "-q", "-r", "v1", ids["path"], outer / "inner")
    (outer / ".hgsub").write_text(f"inner = {ids['path']}\n")
    commit(outer, "outer")
    before = snapshot(full)
    with pytest.raises(SourceError, match="hg: subrepos not enabled"):
        prepare(SourceSpec("hg", str(outer)), full)
    assert snapshot(full) == before
    prepare(SourceSpec("hg", str(outer), None, (("subrepos", "hg"),)), full)
    assert (full / "inner/file").read_text() == "one"


def test_a_git_subrepository_is_always_refused(full: Path, tmp_path: Path) -> None:
    outer, patch = tmp_path / "outer", tmp_path / "patch"
    client("hg", "init", outer)
    lines = [
        *("--- /dev/null", "+++ b/.hgsub", "@@ -0,0 +1,1 @@", f"+inner = [git]ext::sh -c touch% {tmp_path}/PWNED"),
        *("--- /dev/null", "+++ b/.hgsubstate", "@@ -0,0 +1,1 @@", f"+{'1' * 40} inner", ""),
    ]
    patch.write_text("\n".join(lines))
    client("hg", "import", "--bypass", "-qm", "x", patch, where=outer)
    before = snapshot(full)
    with pytest.raises(SourceError, match="hg: git subrepos not allowed"):
        prepare(SourceSpec("hg", str(outer), None, (("subrepos", "hg"),)), full)
    assert snapshot(full) == before
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize(
    ("url", "ref", "said"),
    [
        ("", None, "source type 'hg' needs a url"),
        ("--config=alias.clone=!id", None, "source url '--config=alias.clone=!id' starts with '-'"),
        ("ssh://-oProxyCommand=x/y", None, "hg url 'ssh://-oProxyCommand=x/y' has no valid host"),
        ("bundle://x", None, r"unknown hg url scheme 'bundle' \(https, http, ssh, file\)"),
        ("me@host:path", None, r"hg url 'me@host:path' has no scheme; write ssh://user@host/path"),
        ("http://u:a%0A[hooks]@h/x", None, "control characters in its credentials"),
        ("/x", "--config=x", "source ref '--config=x' starts with '-'"),
        ("/x", "x' or all() or 'x", "holds a quote"),
    ],
)
def test_what_check_refuses(url: str, ref: str | None, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        check(SourceSpec("hg", url, ref))


@pytest.mark.parametrize("ref", ["vanished", "first(all())"])
def test_refs_are_names_and_no_expressions(ref: str, ids: dict[str, str], full: Path) -> None:
    before = snapshot(full)
    with pytest.raises(SourceError, match="hg: unknown revision '" + re.escape(ref)):
        prepare(SourceSpec("hg", ids["path"], ref), full)
    assert snapshot(full) == before
    assert holders(full.parent) == []


def test_without_the_client(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SourceError) as caught:
        prepare(SourceSpec("hg", "/x"), full)
    assert str(caught.value) == (
        "source type 'hg' needs the program 'hg', which is not installed (Debian and Ubuntu: apt-get install mercurial)"
    )
