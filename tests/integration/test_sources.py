"""Sources through the command line: what arrives, what is refused, what stays untouched."""

from __future__ import annotations

import hashlib
import lzma
import random
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.cli import RUNNERLIB, environment, runnerlib, started
from tests.source.clients import client
from tests.source.hostile.archives import entry, tar
from tests.source.mounts import need_mounts


def git(directory: Path, *args: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *args], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits: a tag on the first, `main` and `refs/pull/7/head` on the second."""
    place = tmp_path / "repository"
    place.mkdir()
    git(place, "init", "-q")
    for text in ("one", "two"):
        (place / "file").write_text(text)
        git(place, "add", ".")
        git(place, "commit", "-qm", text)
        if text == "one":
            git(place, "tag", "v1")
    git(place, "update-ref", "refs/pull/7/head", "HEAD")
    return place


def run(tmp_path: Path, *args: str, command: str = "cat file") -> tuple[int, bytes, str]:
    return runnerlib("run", *args, "--job-command", command, cwd=tmp_path)


def test_every_kind_of_ref(repository: Path, tmp_path: Path) -> None:
    second = git(repository, "rev-parse", "main")
    refs = {"v1": b"one", "main": b"two", "refs/tags/v1": b"one", "refs/heads/main": b"two", "refs/pull/7/head": b"two",
            second: b"two", second[:8]: b"two"}  # fmt: skip
    for ref, content in refs.items():
        done = run(tmp_path, "--git-url", str(repository), "--git-ref", ref)
        assert done[:2] == (0, content)
    lines = done[2].splitlines()
    assert lines[0] == f"runnerlib: cloning '{repository}'"
    assert lines[1].startswith("runnerlib: plan: git ")
    assert lines[-2:] == [f"runnerlib: checked out {second}", "runnerlib: $ cat file"]
    assert run(tmp_path, "--source-type", "git", "--source-url", "repository")[:2] == (0, b"two")


def test_a_copy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("copied")
    assert run(tmp_path, "--source-type", "copy", "--source-url", ".", command="cat file; ls")[:2] == (
        0,
        b"copiedfile\n",
    )


def test_the_ci_source_comes_first_and_both_are_there(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/check").write_text("cat ../src/file")
    done = run(tmp_path, "--git-url", "repository", "--ci-source-type", "copy", "--ci-source-url", "ci",
               command="sh ../ci/check")  # fmt: skip
    assert done[:2] == (0, b"two")
    assert done[2].index("ci") < done[2].index("cloning")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--git-url", "repository", "--git-ref", "-q"], 125, "source ref '-q' starts with '-'"),
        (["--git-url", "repository", "--git-ref", "mian"], 125, "did you mean 'main'?"),
        (["--git-url", "repository", "--git-ref", "0" * 40], 125, "0" * 40),
        (["--git-url", "none"], 125, "none' is not a git repository"),
        (["--git-url", "http://u:pw-of-mine@127.0.0.1:1/r.git"], 125, "http://***@127.0.0.1:1/r.git"),
        (["--source-type", "copy", "--source-url", "none"], 125, "none"),
        (["--source-type", "copy", "--source-url", "hostile"], 125, "link"),
    ],
)
def test_a_failure_leaves_the_previous_source(
    repository: Path, tmp_path: Path, args: list[str], code: int, message: str
) -> None:
    (tmp_path / "hostile").mkdir()
    (tmp_path / "hostile/link").symlink_to("/etc/passwd")
    (tmp_path / "job/src").mkdir(parents=True)
    (tmp_path / "job/src/previous").write_text("kept")
    done = run(tmp_path, *args)
    assert done[:2] == (code, b"")
    error = done[2].splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error
    assert "pw-of-mine" not in done[2]
    assert [path.name for path in (tmp_path / "job/src").iterdir()] == ["previous"]
    assert {path.name for path in (tmp_path / "job").iterdir()} <= {"src", "artifacts"}


def test_a_signal_stops_a_clone_that_hangs(tmp_path: Path) -> None:
    """The server takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/r.git"
        with started("run", "--git-url", url, "--", "true", cwd=tmp_path) as run:
            connection, _ = server.accept()
            run.terminate()
            _, err = run.communicate()
            connection.close()
    assert run.returncode == 143
    first, plan, last = err.decode().splitlines()
    assert first == f"runnerlib: cloning '{url}'"
    assert plan.startswith("runnerlib: plan: git ")
    assert last == "error: stopped by SIGTERM"
    assert not (tmp_path / "job/src").exists()


KINDS = ("git", "copy", "tarball", "hg", "svn", "none")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """Type -> (url, ref) of a source of each type; each has a file `file` of its type's name, but for `none`."""
    room = tmp_path_factory.mktemp("sources")
    (room / "copy").mkdir()
    (room / "copy/file").write_text("copy")
    (room / "x.tar.xz").write_bytes(lzma.compress(tar(entry("file", content=b"tarball"))))
    (room / "git").mkdir()
    git(room / "git", "init", "-q")
    (room / "git/file").write_text("git")
    git(room / "git", "add", ".")
    git(room / "git", "commit", "-qm", "x")
    client("hg", "init", room / "hg")
    (room / "hg/file").write_text("hg")
    client("hg", "commit", "-Aqm", "x", where=room / "hg")
    client("svnadmin", "create", room / "svn")
    client("svn", "mkdir", "-qm", "x", *(f"file://{room}/svn/{name}" for name in ("trunk", "branches")))
    (room / "import").mkdir()
    (room / "import/file").write_text("svn")
    client("svn", "import", "-qm", "x", room / "import", f"file://{room}/svn/branches/main")
    digest = hashlib.sha256((room / "x.tar.xz").read_bytes()).hexdigest()
    return {
        "git": (str(room / "git"), "main"),
        "copy": (str(room / "copy"), ""),
        "tarball": (f"file://{room}/x.tar.xz#sha256={digest}", ""),
        "hg": (str(room / "hg"), "default"),
        "svn": (f"file://{room}/svn/trunk", "main"),
        "none": ("", ""),
    }


@pytest.mark.parametrize(("prefix", "by"), [("source", "options"), ("ci-source", "variables")])
@pytest.mark.parametrize("kind", KINDS)
def test_every_type_for_both_sources(
    kind: str, prefix: str, by: str, sources: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    """Into a workspace full of old content: the source replaces it and nothing else."""
    place, other = ("src", "ci") if prefix == "source" else ("ci", "src")
    for name in ("src", "ci"):
        (tmp_path / "job" / name / "old").mkdir(parents=True)
        (tmp_path / "job" / name / "file").write_text("old")
    url, ref = sources[kind]
    given = {f"{prefix}-type": kind, f"{prefix}-url": url, f"{prefix}-ref": ref}
    words = [word for name, value in given.items() for word in (f"--{name}", value)] if by == "options" else []
    env = {f"REACTORCIDE_{name.upper().replace('-', '_')}": value for name, value in given.items()}
    command = f"cat ../{place}/file ../{other}/file"
    done = runnerlib("run", *words, "--job-command", command, cwd=tmp_path, **(env if by == "variables" else {}))
    assert done[:2] == (0, b"oldold" if kind == "none" else f"{kind}old".encode()), done.err
    assert (tmp_path / "job" / place / "old").exists() == (kind == "none")
    assert (tmp_path / "job" / other / "old").exists()
    assert {path.name for path in (tmp_path / "job").iterdir()} <= {"src", "ci", "artifacts", ".runnerlib"}


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_a_full_disk_is_told_and_loses_nothing(kind: str, sources: dict[str, tuple[str, str]], tmp_path: Path) -> None:
    """A limit to the size of files stands for the disk: the kernel says it in other words and at the same places."""
    url, ref = sources[kind]
    if kind == "copy":
        (tmp_path / "big").mkdir()
        (tmp_path / "big/file").write_bytes(b"x" * 100_000)
        url = str(tmp_path / "big")
    if kind == "tarball":
        (tmp_path / "big.tar").write_bytes(tar(entry("file", content=b"x" * 100_000)))
        url = str(tmp_path / "big.tar")
    (tmp_path / "job/src").mkdir(parents=True)
    (tmp_path / "job/src/previous").write_text("kept")
    limit = 1 if kind in {"copy", "tarball"} else 0  # blocks of 512 or 1024 bytes, by shell
    words = ["run", "--source-type", kind, "--source-url", url, "--source-ref", ref, "--job-command", "true"]
    script = f'trap "" XFSZ; ulimit -f {limit}; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", RUNNERLIB, *words], cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert done.returncode == 125, done.stderr
    error = done.stderr.decode().splitlines()[-1]
    assert error.startswith("error: ")
    assert [path.name for path in (tmp_path / "job/src").iterdir()] == ["previous"]
    assert [path.name for path in (tmp_path / "job").iterdir() if path.name.startswith(".runnerlib-")] == []


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A source of 200 files of each type."""
    room = tmp_path_factory.mktemp("many")
    tree = room / "copy"
    for number in range(200):
        place = tree / f"d{number % 9}" / f"f{number}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x" * 5000)
    packed = [entry(f"d{number % 9}/f{number}", content=b"x" * 5000) for number in range(200)]
    (room / "x.tar").write_bytes(tar(*packed))
    client("hg", "init", room / "hg")
    shutil.copytree(tree, room / "hg", dirs_exist_ok=True)
    client("hg", "commit", "-Aqm", "x", where=room / "hg")
    client("svnadmin", "create", room / "svn")
    client("svn", "import", "-qm", "x", tree, f"file://{room}/svn/trunk")
    return {"copy": str(tree), "tarball": str(room / "x.tar"), "hg": str(room / "hg"), "svn": f"{room}/svn/trunk"}


class TestKilled:
    """kill -9 at any moment: the old content or the new is there, and the next run succeeds and leaves no trace."""

    @pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
    @pytest.mark.parametrize("kind", ["copy", "tarball", "hg", "svn"])
    def test_at_random_moments(self, kind: str, times: int, many: dict[str, str], tmp_path: Path) -> None:
        moments = random.Random(kind)
        job = tmp_path / "job"
        words = ("checkout", "--type", kind, many[kind])
        began = time.monotonic()
        assert runnerlib(*words, cwd=tmp_path).code == 0
        whole, took = self.look(job / "src"), time.monotonic() - began
        assert len(whole) >= 200
        for _ in range(times):
            shutil.rmtree(job / "src")
            old = moments.random() < 0.5
            if old:
                (job / "src").mkdir()
                (job / "src/previous").write_text("kept")
            with started(*words, cwd=tmp_path) as run:
                with suppress(subprocess.TimeoutExpired):
                    run.wait(moments.uniform(0, took))
                run.kill()
                run.communicate()
            found = self.look(job / "src") if (job / "src").exists() else {}
            set_aside = not found and list(job.glob(".runnerlib-*/old/src/previous"))
            assert found in ({"previous": b"kept"} if old else {}, whole) or set_aside
            assert runnerlib(*words, cwd=tmp_path).code == 0
            assert self.look(job / "src") == whole
            assert [path.name for path in job.iterdir()] == ["src"]

    @staticmethod
    def look(top: Path) -> dict[str, bytes]:
        """Return the files that are there, but for those that the client keeps for itself."""
        files = (path for path in top.rglob("*") if path.is_file())
        named = {path.relative_to(top).as_posix(): path.read_bytes() for path in files}
        return {name: content for name, content in named.items() if not name.startswith((".hg/", ".svn/"))}


MOUNTED = """
set -e
mkdir -p job/src mine
echo precious > mine/file
mount --bind mine job/src
"$@"
test "$(cat mine/file)" = precious
umount job/src
mount -t tmpfs none job/src
"$@"
"$@"
cat job/src/file
"""


def test_what_is_mounted_is_nobodys_to_replace(sources: dict[str, tuple[str, str]], tmp_path: Path) -> None:
    """A developer's tree stays; an empty volume is filled, and replaced the next time."""
    need_mounts()
    words = [RUNNERLIB, "run", "--source-type", "copy", "--source-url", sources["copy"][0], "--job-command", "true"]
    shell = ["unshare", "-m", "sh", "-c", MOUNTED, "sh", *words]
    done = subprocess.run(shell, cwd=tmp_path, env=environment(), capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"copy"), done.stderr
    lines = [line for line in done.stderr.decode().splitlines() if "$ true" not in line]
    stays = "is mounted from elsewhere and has content, which stays; no source is prepared"
    assert lines == [f"runnerlib: '{tmp_path}/job/src' {stays}"] + [f"runnerlib: copying '{sources['copy'][0]}'"] * 2


PLUGIN = """
from runnerlib.plugins import Plugin, PluginPhase

class Fossil(Plugin):
    def __init__(self):
        super().__init__("fossil")
    def supported_phases(self):
        return [PluginPhase.PRE_SOURCE_PREP]
    def pre_source_prep(self, context):
        context.sources.register("fossil", fill)

def fill(spec, directory, report):
    report(f"opening {spec.url}")
    (directory / "file").write_text(f"{spec.ref} {dict(spec.options)}")
    return "r1"
"""


@pytest.mark.parametrize("prefix", ["source", "ci-source"])
def test_a_type_that_a_plugin_adds_before_sources_are_prepared(prefix: str, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/plugin_fossil.py").write_text(PLUGIN)
    words = ["run", "--plugin-dir", str(tmp_path / "plugins"), f"--{prefix}-url", "u", f"--{prefix}-ref", "v"]
    place = "src" if prefix == "source" else "ci"
    command = ["--job-command", f"cat ../{place}/file"]
    options = [f"--{prefix}-type", "fossil", f"--{prefix}-options", "depth=1"]
    done = runnerlib(*words, *options, *command, cwd=tmp_path)
    assert done[:2] == (0, b"v {'depth': '1'}")
    assert "runnerlib: opening u\n" in done.err
    done = runnerlib(*words, f"--{prefix}-type", "fosil", *command, cwd=tmp_path)
    assert done[:2] == (78, b"")
    assert ": unknown source type 'fosil'; did you mean 'fossil'?\n" in done.err
    assert (tmp_path / "job" / place / "file").read_text() == "v {'depth': '1'}"
