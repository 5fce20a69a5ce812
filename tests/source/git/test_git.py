"""The git handler against real repositories and a real smart-HTTP server."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING

import pygit2
import pytest

from runnerlib._util.safe_tree import remove_tree
from runnerlib.errors import Interrupted, SourceError
from runnerlib.source import Prepared, SourceSpec, forget_stored, prepare
from runnerlib.source import interruptible_thread as worker
from runnerlib.source.git.objects import copy_objects
from tests.source.repository import SUBMODULE, Origin, git, holders, make, snapshot
from tests.source.smart_http import QUOTED, TOKEN, Server, serving
from tests.source.tunnel import proxy
from tests.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("engine")
FULL = (("depth", "0"),)

TRANSPORTS = ("path", "bare", "file", "http", "auth")
REFS = {
    None: "main",
    "HEAD": "main",
    "main": "main",
    "dev": "dev",
    "origin/dev": "dev",
    "heads/dev": "dev",
    "refs/heads/dev": "dev",
    "both": "branch",
    "refs/tags/both": "tag",
    "light": "tagged",
    "v1": "tagged",
    "refs/tags/v1": "tagged",
    "refs/pull/7/head": "pull",
    "pull/7/head": "pull",
}


def address(transport: str, origin: Origin, server: Server) -> str:
    """Return the URL of the repository over one transport."""
    bare = origin.path.parent / "bare.git"
    return {
        "path": str(origin.path),
        "bare": str(bare),
        "file": f"file://{origin.path}",
        "http": server.url("git/repo"),
        "auth": server.url("auth/repo", f"me:{QUOTED}"),
    }[transport]


def clone(url: str, ref: str | None, target: Path, options: tuple[tuple[str, str], ...] = ()) -> Prepared:
    """Prepare a git source and look at all that must be true of every clone."""
    made = prepare(SourceSpec("git", url, ref, options), target)
    assert made is not None
    assert made.path == target.resolve()
    repository = pygit2.Repository(str(target))
    assert repository.head_is_detached
    assert str(repository.head.target) == made.revision
    repository.free()
    assert git(target, "status", "--porcelain", "--ignore-submodules=none") == ""
    assert not (target / ".git/objects/info/alternates").exists()
    assert holders(target.parent, target) == []
    return made


MATRIX = [(transport, ref) for transport in ("path", "http") for ref in REFS] + [
    (transport, ref) for transport in ("bare", "file", "auth") for ref in (None, "both", "v1", "refs/pull/7/head")
]


@pytest.mark.parametrize(("transport", "ref"), MATRIX)
def test_every_ref_over_every_transport(
    transport: str, ref: str | None, origin: Origin, server: Server, tmp_path: Path
) -> None:
    made = clone(address(transport, origin, server), ref, tmp_path / "src")
    assert made.revision == origin.ids[REFS[ref]]


@pytest.mark.parametrize("transport", ["path", "http"])
@pytest.mark.parametrize("word", ["first", "dev", "pull", "lost"])
def test_full_commit_ids_even_on_no_branch(
    transport: str, word: str, origin: Origin, server: Server, tmp_path: Path
) -> None:
    made = clone(address(transport, origin, server), origin.ids[word].upper(), tmp_path / "src")
    assert made.revision == origin.ids[word]


@pytest.mark.parametrize("transport", ["path", "http"])
def test_short_commit_id(transport: str, origin: Origin, server: Server, tmp_path: Path) -> None:
    short = git(origin.path, "rev-parse", "--short=4", origin.ids["first"])
    assert clone(address(transport, origin, server), short, tmp_path / "src").revision == origin.ids["first"]


def test_what_a_clone_holds(origin: Origin, server: Server, tmp_path: Path) -> None:
    target = tmp_path / "src"
    clone(server.url("git/repo"), "main", target, FULL)
    assert git(target, "fsck", "--no-dangling") == ""
    assert (target / "file").read_text() == "main"
    assert (target / "link").readlink().as_posix() == "sub/run"
    assert os.access(target / "sub/run", os.X_OK)
    assert (target / "big.bin").read_text().startswith("version https://git-lfs")
    assert list((target / "module").iterdir()) == []
    assert SUBMODULE in git(target, "ls-tree", "HEAD", "module")
    assert git(target, "rev-parse", "origin/HEAD", "origin/dev").split() == [
        origin.ids["main"],
        origin.ids["dev"],
    ]
    assert not (target / ".git/hooks").exists()


def refused(url: str, ref: str | None, target: Path, options: tuple[tuple[str, str], ...] = ()) -> str:
    """Return the message of a preparation that must fail and leave nothing behind."""
    before = snapshot(target) if target.exists() else None
    with pytest.raises(SourceError) as caught:
        prepare(SourceSpec("git", url, ref, options), target)
    assert (snapshot(target) if target.exists() else None) == before
    assert holders(target.parent) == []
    assert TOKEN not in str(caught.value)
    assert QUOTED not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_unknown_ref_suggests_near_names(transport: str, origin: Origin, server: Server, full: Path) -> None:
    said = refused(address(transport, origin, server), "mian", full)
    assert said == "unknown ref 'mian'; did you mean 'main'?"


@pytest.mark.parametrize("transport", ["path", "http"])
@pytest.mark.parametrize("ref", ["f" * 40, "fffff", "refs/heads/none", "refs/pull/8/head"])
def test_refs_that_are_not_there(transport: str, ref: str, origin: Origin, server: Server, full: Path) -> None:
    assert f"unknown ref '{ref}' (" in refused(address(transport, origin, server), ref, full)


def test_ambiguous_short_id(tmp_path: Path, full: Path) -> None:
    made = make(tmp_path / "repo")
    store = made.path / ".git/objects"
    (store / "ab").mkdir(exist_ok=True)
    for digit in "01":
        shutil.copy(store / made.ids["main"][:2] / made.ids["main"][2:], store / "ab" / ("ab" + digit * 36))
    assert "'abab' is ambiguous" in refused(str(made.path), "abab", full)


def test_a_ref_that_is_no_commit(origin: Origin, full: Path) -> None:
    assert refused(str(origin.path), "content", full) == "ref 'content' is a blob, not a commit"


def test_empty_repository(tmp_path: Path, full: Path) -> None:
    git(tmp_path, "init", "-q", "empty")
    assert "no default branch" in refused(str(tmp_path / "empty"), None, full)
    assert "no branch and no tag" in refused(str(tmp_path / "empty"), "main", full)


def test_no_repository(tmp_path: Path, origin: Origin, server: Server, full: Path) -> None:
    assert "is not a git repository" in refused(str(tmp_path), None, full)
    assert "is not a git repository" in refused(str(tmp_path / "nowhere"), None, full)
    assert "is not a git repository" in refused(str(origin.path / "sub"), None, full)
    assert re.search("404|not found", refused(server.url("git/none", f"me:{QUOTED}"), None, full))


def test_unreachable_port(full: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        url = f"http://me:{QUOTED}@127.0.0.1:{port}/x"
        said = refused(url, None, full, (("retries", "0"),))
    assert said.startswith(f"cannot clone 'http://***@127.0.0.1:{port}/x': failed to connect to 127.0.0.1")


def test_wrong_and_missing_token(server: Server, full: Path) -> None:
    assert refused(server.url("auth/repo", "me:wrong"), None, full).endswith("refused the credentials given for it")
    assert "asks for credentials and none were given" in refused(server.url("auth/repo"), None, full)


@pytest.mark.parametrize("userinfo", [f"me:{QUOTED}", f"x-access-token:{QUOTED}"])
def test_no_credential_stays_in_the_clone(userinfo: str, server: Server, tmp_path: Path) -> None:
    lines: list[str] = []
    prepare(SourceSpec("git", server.url("auth/repo", userinfo), "dev"), tmp_path / "src", lines.append)
    everything = b"".join(path.read_bytes() for path in (tmp_path / "src").rglob("*") if path.is_file())
    for form in (TOKEN, QUOTED, "***"):
        assert form.encode() not in everything
    assert git(tmp_path / "src", "config", "remote.origin.url") == server.url("auth/repo")
    assert re.fullmatch(
        r"cloning '.*//\*\*\*@.*'\nplan: .*\nreceived \d+ objects, .*\nchecked out \w{40}", "\n".join(lines)
    )


def test_no_credential_is_in_the_environment_or_the_words_of_a_process(
    engine: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes of the same user can read both of every program."""
    if engine == "git":
        spy = tmp_path / "bin/git"
        spy.parent.mkdir()
        spy.write_text(f'#!/bin/sh\n{{ env; echo "$@"; }} >>{tmp_path}/seen\nexec {tool("git")} "$@"\n')
        spy.chmod(0o755)
        monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    prepare(SourceSpec("git", server.url("auth/repo", f"me:{QUOTED}"), "dev"), tmp_path / "src", lambda _: None)
    seen = (tmp_path / "seen").read_text() if engine == "git" else ""
    assert ("fetch" in seen) is (engine == "git")
    assert not any(form in seen for form in (TOKEN, QUOTED))


@pytest.mark.parametrize("path", ["", "/auth/repo", "/auth/repo.git"])
def test_credential_file_of_the_worker(
    path: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"127.0.0.1:{server.port}"
    lines = ["https://me:no@" + host, f"http://me:no@{host}/auth/other", f"http://me:{QUOTED}@{host}{path}"]
    (tmp_path / "auth").mkdir()
    (tmp_path / "auth/credentials").write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("REACTORCIDE_VCS_AUTH_DIR", str(tmp_path / "auth"))
    clone(server.url("auth/repo"), None, tmp_path / "src")


def test_the_worker_s_files_are_removed_once_they_were_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACTORCIDE_VCS_AUTH_DIR", str(tmp_path / "auth"))
    forget_stored()
    (tmp_path / "auth").mkdir()
    for name in ("credentials", "gitconfig", "other"):
        (tmp_path / "auth" / name).write_text("x")
    monkeypatch.setenv("REACTORCIDE_VCS_AUTH_CLEANUP", "false")
    forget_stored()
    assert len(list((tmp_path / "auth").iterdir())) == 3
    monkeypatch.delenv("REACTORCIDE_VCS_AUTH_CLEANUP")
    forget_stored()
    assert [path.name for path in (tmp_path / "auth").iterdir()] == ["other"]


def test_credentials_follow_no_redirect_to_another_host(server: Server, full: Path, origin: Origin) -> None:
    with serving(origin.path.parent) as other:
        moved = server.url(f"moved/{other.port}/auth/repo", f"me:{QUOTED}")
        assert "which gets no credentials" in refused(moved, None, full)
        assert [header for _, header in other.seen] == [None]
        public = server.url(f"moved/{other.port}/git/repo", f"me:{QUOTED}")
        clone(public, None, full)
        assert {header for _, header in other.seen} == {None}


def test_certificates_are_checked(origin: Origin, full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", "key", "-out", "cert")
    new = (tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subprocess.run([*new, *names, *files], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with serving(origin.path.parent, context) as server, proxy() as through:
        url = server.url("git/repo").replace("http:", "https:")
        for place in ("", through):
            with monkeypatch.context() as patched:
                patched.setenv("https_proxy", place)
                said = refused(url, None, full)
                assert "certificate" in said
                assert "\n" not in said
                patched.setenv("GIT_SSL_CAINFO", str(tmp_path / "cert"))
                patched.setenv("SSL_CERT_FILE", str(tmp_path / "cert"))
                clone(url, None, full)


def test_relative_path_and_the_repository_around_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(tmp_path / "repo")
    monkeypatch.chdir(made.path)
    assert clone(".", None, made.path / "job/src").revision == made.ids["main"]
    monkeypatch.chdir(made.path / "sub")
    assert clone("..", "dev", made.path / "job/src").revision == made.ids["dev"]
    assert git(made.path / "job/src", "config", "remote.origin.url") == str(made.path)


def test_a_clone_shares_no_inode_with_its_source(origin: Origin, tmp_path: Path) -> None:
    clone(str(origin.path), None, tmp_path / "src")
    assert git(tmp_path / "src", "fsck", "--no-dangling") == ""
    assert {path.stat().st_nlink for path in (tmp_path / "src/.git").rglob("*") if path.is_file()} == {1}


def test_alternates_worktrees_and_packs_of_a_local_source(origin: Origin, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--shared", str(origin.path), "borrower")
    git(tmp_path / "borrower", "worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "origin/dev")
    git(tmp_path / "borrower", "repack", "-q", "-a", "-d", "-l")
    assert clone(str(tmp_path / "borrower"), None, tmp_path / "one").revision == origin.ids["main"]
    assert clone(str(tmp_path / "tree"), None, tmp_path / "two").revision == origin.ids["dev"]
    assert git(tmp_path / "two", "fsck", "--no-dangling") == ""


def test_objects_that_cannot_be_copied_are_fetched(origin: Origin, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(origin.path), "odd")
    pack = next((tmp_path / "odd/.git/objects").glob("??/*"), None)
    assert pack is not None
    pack.rename(tmp_path / "elsewhere")
    pack.symlink_to(tmp_path / "elsewhere")
    assert clone(str(tmp_path / "odd"), None, tmp_path / "src").revision == origin.ids["main"]
    assert not any(path.is_symlink() for path in (tmp_path / "src/.git").rglob("*"))


def test_shallow_local_source(origin: Origin, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{origin.path}", "shallow")
    assert clone(str(tmp_path / "shallow"), None, tmp_path / "src").revision == origin.ids["main"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a repository away")
def test_a_local_repository_of_somebody_else(tmp_path: Path) -> None:
    made = make(tmp_path / "repo")
    for path in (made.path, *made.path.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    assert clone(str(made.path), None, tmp_path / "src").revision == made.ids["main"]
    assert pygit2.settings.owner_validation is True


class Stop(BaseException):
    """Raised where nobody expects it."""


def signalled(action: Callable[[], object], error: BaseException) -> None:
    """Run `action` while SIGUSR1 raises `error`, which must come out as itself."""

    def handler(signum: int, frame: object) -> None:
        raise error

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(type(error)) as caught:
            action()
        assert caught.value is error
    finally:
        signal.signal(signal.SIGUSR1, before)


def interrupt_self() -> None:
    """Send this process a SIGUSR1."""
    os.kill(os.getpid(), signal.SIGUSR1)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted(signal.SIGTERM, "SIGTERM"), Stop()])
def test_an_exception_of_a_signal_handler_stops_the_transfer(error: BaseException, server: Server, full: Path) -> None:
    before = snapshot(full)
    server.before = lambda method: interrupt_self() if method == "POST" else None
    signalled(lambda: prepare(SourceSpec("git", server.url("git/repo")), full), error)
    assert snapshot(full) == before
    assert holders(full.parent) == []


def test_a_server_that_never_answers_can_be_left(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "GRACE", 0.01)
    before = snapshot(full)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        accepted: list[socket.socket] = []

        def accept() -> None:
            accepted.append(deaf.accept()[0])
            interrupt_self()

        listener = threading.Thread(target=accept)
        listener.start()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/x"
        signalled(lambda: prepare(SourceSpec("git", url), full), Stop())
        listener.join()
        accepted[0].close()
    for thread in threading.enumerate():
        if thread.name == "runnerlib-source":
            thread.join()
    assert snapshot(full) == before
    assert holders(full.parent) == []


@pytest.mark.parametrize("word", ["cloning", "received", "checked"])
def test_an_exception_of_the_reporter(word: str, server: Server, full: Path) -> None:
    def report(line: str) -> None:
        if line.startswith(word):
            raise Stop

    before = snapshot(full)
    with pytest.raises(Stop):
        prepare(SourceSpec("git", server.url("git/repo")), full, report)
    assert word == "checked" or snapshot(full) == before
    assert holders(full.parent) == []


def test_attributes_count_wherever_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attributes of the repository count, in whatever directory; nobody else's, and not those of another commit."""
    (tmp_path / "machine").write_text("[core]\n\tautocrlf = true\n")
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    (tmp_path / "repo/a/b").mkdir(parents=True)
    for place in ("top.txt", "a/b/deep.txt"):
        (tmp_path / "repo" / place).write_bytes(b"one\ntwo\n")
    git(tmp_path / "repo", "add", "-A")
    git(tmp_path / "repo", "commit", "-qm", "plain")
    plain = git(tmp_path / "repo", "rev-parse", "HEAD")
    (tmp_path / "repo/a/b/.gitattributes").write_text("*.txt text eol=crlf\n")
    git(tmp_path / "repo", "add", "-A")
    git(tmp_path / "repo", "commit", "-qm", "attributes")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "machine"))
    with serving(tmp_path) as server:
        for ref, deep in (("main", b"one\r\ntwo\r\n"), (plain, b"one\ntwo\n")):
            clone(server.url("git/repo"), ref, tmp_path / "src")
            assert (tmp_path / "src/top.txt").read_bytes() == b"one\ntwo\n"
            assert (tmp_path / "src/a/b/deep.txt").read_bytes() == deep


@pytest.mark.parametrize("attributes", ["", "*.bin binary\n"])
def test_what_the_user_configured_changes_no_file(
    attributes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both engines write what was committed, and leave nothing of how they did it in the repository."""
    home, made = tmp_path / "home", tmp_path / "made"
    home.mkdir()
    (home / "attributes").write_text("* text eol=crlf\n")
    (home / ".gitconfig").write_text(f"[core]\n\tautocrlf = true\n\teol = crlf\n\tattributesFile = {home}/attributes\n")
    git(tmp_path, "init", "-q", "-b", "main", str(made))
    (made / "lines").write_bytes(b"one\ntwo\n")
    if attributes:
        (made / ".gitattributes").write_text(attributes)
    git(made, "add", "-A")
    git(made, "commit", "-qm", "x")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    searched = pygit2.settings.search_path
    before = searched[pygit2.enums.ConfigLevel.GLOBAL]
    searched[pygit2.enums.ConfigLevel.GLOBAL] = str(home)
    try:
        prepare(SourceSpec("git", str(made), None, ()), tmp_path / "src")
    finally:
        searched[pygit2.enums.ConfigLevel.GLOBAL] = before
    assert (tmp_path / "src/lines").read_bytes() == b"one\ntwo\n"
    kept = git(tmp_path / "src", "config", "--local", "--list").lower()
    assert not any(name in kept for name in ("autocrlf", "eol", "attributesfile"))


def test_a_tree_deeper_than_the_interpreters_stack(tmp_path: Path) -> None:
    repository = pygit2.init_repository(str(tmp_path / "deep"), bare=True, initial_head="main")
    entry, mode = repository.create_blob(b"found\n"), pygit2.enums.FileMode.BLOB
    for _ in range(1500):
        builder = repository.TreeBuilder()
        builder.insert("d", entry, mode)
        entry, mode = builder.write(), pygit2.enums.FileMode.TREE
    one = pygit2.Signature("a", "a@b", 1, 0)
    repository.create_commit("refs/heads/main", one, one, "x", entry, [])
    repository.free()
    try:
        prepare(SourceSpec("git", str(tmp_path / "deep"), "main", ()), tmp_path / "src")
        assert (tmp_path / "src" / "/".join(["d"] * 1500)).read_text() == "found\n"
    finally:
        remove_tree(tmp_path / "src")  # what removes the directories of tests later is not up to it
    assert not (tmp_path / "src").exists()


def test_objects_that_are_packed_while_they_are_copied(origin: Origin, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", "--no-local", str(origin.path), "source")
    git(tmp_path, "clone", "-q", str(tmp_path / "source"), "work")
    (tmp_path / "work/late").write_text("late")
    git(tmp_path / "work", "add", "-A")
    git(tmp_path / "work", "commit", "-qm", "late")
    git(tmp_path / "work", "push", "-q", "origin", "HEAD:late")
    objects = tmp_path / "source/objects"
    assert list(objects.glob("pack/*.pack"))
    assert list(objects.glob("[0-9a-f][0-9a-f]/*"))
    packed: list[str] = []

    def check() -> None:
        if not packed:
            packed.append(git(tmp_path / "source", "repack", "-q", "-d"))

    git(tmp_path, "init", "-q", "--bare", "copy")
    assert copy_objects(objects, tmp_path / "copy/objects", check)
    git(tmp_path / "copy", "cat-file", "-e", f"{git(tmp_path / 'work', 'rev-parse', 'HEAD').strip()}^{{tree}}")
