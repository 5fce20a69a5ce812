"""`checkout`, `copy`, `cleanup` and `git`: what they leave on the disk and on their streams."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.integration.cli import RUNNERLIB, environment, runnerlib
from tests.source.hostile.archives import entry, tar
from tests.source.mounts import need_mounts
from tests.source.repository import Origin, git, make


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    return make(tmp_path_factory.mktemp("origin") / "repo")


def test_checkout(origin: Origin, tmp_path: Path) -> None:
    done = runnerlib("checkout", str(origin.path), "--ref", "dev", cwd=tmp_path)
    assert (done.code, done.out) == (0, f"{tmp_path}/job/src\n".encode())
    assert (tmp_path / "job/src/file").read_text() == "dev"
    assert f"runnerlib: checked out {origin.ids['dev']}" in done.err
    # what the environment says of another source does not count for this one
    env = {"REACTORCIDE_SOURCE_TYPE": "copy", "REACTORCIDE_SOURCE_REF": "v1", "REACTORCIDE_JOB_COMMAND": "false"}
    done = runnerlib("checkout", str(origin.path), "--code-dir", "/job/other", cwd=tmp_path, **env)
    assert (done.code, done.out) == (0, f"{tmp_path}/job/other\n".encode())
    assert (tmp_path / "job/other/file").read_text() == "main"
    assert done.err.isprintable() or "\n" in done.err


def test_a_home_that_cannot_be_looked_into_is_no_place_for_a_cache(tmp_path: Path) -> None:
    """As that of root for another user; a name that is too long fails for every user."""
    (tmp_path / "code").mkdir()
    env = {"HOME": f"/{'x' * 300}", "XDG_CACHE_HOME": ""}
    done = runnerlib("checkout", "--type", "copy", "code", cwd=tmp_path, **env)
    assert done[:2] == (0, f"{tmp_path}/job/src\n".encode()), done.err


def test_checkout_of_another_type(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(tar(entry("top/file", content=b"x")))
    done = runnerlib("checkout", "--type", "tarball", "x.tar", "--options", "strip=1", cwd=tmp_path)
    assert done[:2] == (0, f"{tmp_path}/job/src\n".encode())
    assert done.err == "runnerlib: unpacking 'x.tar'\nrunnerlib: unpacked 1 entry, 0.0 MB\n"
    assert (tmp_path / "job/src/file").read_text() == "x"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["checkout", "none"], 125, "/none' is not a git repository"),
        (["checkout", "https://u:pw-of-mine@127.0.0.1:1/r"], 125, "error: "),
        (["checkout", "a", "https://u:pw-of-mine@127.0.0.1:1/r"], 2, "unexpected extra argument"),
        (["checkout", "x", "--ref=-q"], 125, "error: source ref '-q' starts with '-'"),
        (["checkout", "--type", "gti", "x"], 78, "unknown source type 'gti'"),
        (["checkout", "x", "--code-dir", "/etc"], 78, "outside the workspace"),
        (["checkout", "x", "--options", "depht=1"], 125, "did you mean 'depth'"),
        (["checkout"], 2, "Missing argument 'URL'"),
        (["copy", "none"], 125, "error: source 'none' is no readable directory: no such file or directory"),
        (["git", "files-changed", "main"], 125, "error: "),
        (["git", "info"], 125, "error: "),
        (["git", "files-changed"], 2, "Missing argument 'GITREF'"),
    ],
)
def test_mistakes_lose_nothing(args: list[str], code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "job/src").mkdir(parents=True)
    (tmp_path / "job/src/previous").write_text("kept")
    done = runnerlib(*args, cwd=tmp_path)
    assert (done.code, done.out) == (code, b"")
    assert said in done.err
    assert "pw-of-mine" not in done.err
    assert "Traceback" not in done.err
    assert (tmp_path / "job/src/previous").read_text() == "kept"


def test_copy(tmp_path: Path) -> None:
    for name in ("keep", "a.o", "node_modules/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "ignored").write_text("node_modules/\n")
    done = runnerlib("copy", ".", "--exclude", "*.o", "--exclude-from", "ignored", cwd=tmp_path)
    assert done == (
        0,
        f"{tmp_path}/job/src\n".encode(),
        "runnerlib: copying '.' without 'job', which holds the target\n",
    )
    assert {path.name for path in (tmp_path / "job/src").iterdir()} == {"keep", "ignored"}


class TestCleanup:
    """The workspace goes; nothing else does."""

    @pytest.fixture(autouse=True)
    def workspace(self, tmp_path: Path) -> Path:
        made = tmp_path / "job"
        for name in ("src/deep", "ci", "artifacts/logs", ".runnerlib", ".runnerlib-4194304-1-0123456789abcdef/new"):
            (made / name).mkdir(parents=True)
        (made / "src/deep").chmod(0o500)
        (made / "src/out").symlink_to(tmp_path / "precious")
        (tmp_path / "precious").mkdir()
        (tmp_path / "precious/file").write_text("kept")
        return made

    def test_it_goes(self, workspace: Path, tmp_path: Path) -> None:
        assert runnerlib("cleanup", cwd=tmp_path) == (0, b"", "")
        assert not workspace.exists()
        assert (tmp_path / "precious/file").read_text() == "kept"
        done = runnerlib("cleanup", "-v", cwd=tmp_path)
        assert done == (0, f"nothing to do: there is no '{workspace}'\n".encode(), "")

    def test_elsewhere_and_with_a_directory_of_its_own(self, workspace: Path, tmp_path: Path) -> None:
        (workspace / "code").mkdir()
        args = ("cleanup", "--verbose", "--work-dir", str(tmp_path), "--code-dir", "/job/code/deep")
        assert runnerlib(*args, cwd=Path("/")) == (0, f"removed '{workspace}'\n".encode(), "")
        assert not workspace.exists()

    def test_what_no_run_has_made(self, workspace: Path, tmp_path: Path) -> None:
        (workspace / "notes").write_text("mine")
        done = runnerlib("cleanup", cwd=tmp_path)
        assert done == (
            125,
            b"",
            f"error: '{workspace}' holds 'notes', which no run has made; --force removes that, too\n",
        )
        assert (workspace / "src/deep").is_dir()
        assert runnerlib("cleanup", "--force", cwd=tmp_path).code == 0
        assert not workspace.exists()

    def test_while_a_run_is_at_work(self, workspace: Path, tmp_path: Path) -> None:
        journal = workspace / ".runnerlib/journal.ndjson"
        with open(journal, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            done = runnerlib("cleanup", "--force", cwd=tmp_path)
        assert done == (125, b"", f"error: a run is at work in '{workspace}'\n")
        holder = workspace / ".runnerlib-4194304-1-0123456789abcdef"
        fd = os.open(holder, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        assert runnerlib("cleanup", cwd=tmp_path).code == 125
        os.close(fd)
        assert runnerlib("cleanup", cwd=tmp_path).code == 0

    def test_a_fifo_in_place_of_the_journal(self, workspace: Path, tmp_path: Path) -> None:
        (workspace / ".runnerlib/journal.ndjson").unlink(missing_ok=True)
        os.mkfifo(workspace / ".runnerlib/journal.ndjson")
        assert runnerlib("cleanup", "--force", cwd=tmp_path).code == 0
        assert not workspace.exists()

    @pytest.mark.parametrize("where", ["job", "job/src", "job/src/deep", "job/src/file"])
    def test_what_is_mounted_is_nobodys_to_remove(self, where: str, workspace: Path, tmp_path: Path) -> None:
        """A developer's own tree, above all: `mount --bind` gives it the device of the workspace."""
        need_mounts()
        (workspace / "src/file").write_text("")
        mine = tmp_path / "precious"
        (mine / "src").mkdir()
        what = mine / "file" if where.endswith("file") else mine
        script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
        words = [str(what), str(tmp_path / where), RUNNERLIB, "cleanup", "--force"]
        command = ["unshare", "-m", "sh", "-c", script, "sh", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        told = "is a mount point, which is never removed: unmount it first"
        assert (done.returncode, done.stderr) == (125, f"error: '{tmp_path / where}' {told}\n")
        assert (mine / "file").read_text() == "kept"
        assert (workspace / "artifacts/logs").is_dir()

    def test_a_link_or_a_file_in_its_place(self, workspace: Path, tmp_path: Path) -> None:
        workspace.rename(tmp_path / "elsewhere")
        workspace.write_text("mine")
        done = runnerlib("cleanup", cwd=tmp_path)
        assert done == (125, b"", f"error: '{workspace}' is no directory\n")
        assert workspace.read_text() == "mine"

    def test_in_a_container(self, tmp_path: Path) -> None:
        done = runnerlib("cleanup", "-v", cwd=tmp_path, REACTORCIDE_IN_CONTAINER="true")
        assert done == (0, b"nothing to do: the workspace of a container goes with it\n", "")


class TestGit:
    """Paths on stdout, everything else on stderr."""

    def test_files_changed(self, tmp_path: Path) -> None:
        repo = tmp_path / "repo"
        repo.mkdir()
        git(repo, "init", "-q", "-b", "main")
        git(repo, "commit", "-qm", "0", "--allow-empty")
        odd = os.fsdecode(b"odd \xff\nname")
        for name in ("a b", "ü", odd):
            (repo / name).write_text("x")
        git(repo, "add", ".")
        git(repo, "commit", "-qm", "1")
        done = subprocess.run(
            [RUNNERLIB, "git", "files-changed", "HEAD~1", "-z"],
            cwd=repo,
            env=environment(),
            capture_output=True,
            check=False,
        )
        assert done.stdout == b"a b\0odd \xff\nname\0" + "ü".encode() + b"\0"
        assert done.stderr == b"3 files changed since HEAD~1\n"
        assert runnerlib("git", "files-changed", "HEAD", cwd=repo) == (0, b"", "0 files changed since HEAD\n")
        failed = runnerlib("git", "files-changed", "nowhere", cwd=repo)
        assert (failed.code, failed.out) == (125, b"")
        assert "there is no branch, tag or commit 'nowhere'" in failed.err

    def test_the_source_of_the_job_comes_first(self, origin: Origin, tmp_path: Path) -> None:
        runnerlib("checkout", str(origin.path), "--ref", "v1", cwd=tmp_path)
        done = runnerlib("git", "info", "--json", cwd=tmp_path)
        facts = json.loads(done.out)
        assert (done.code, done.err) == (0, "")
        assert facts["commit"] == origin.ids["tagged"]
        assert facts["branch"] is None
        assert facts["dirty"] is False
        assert runnerlib("git", "info", "--code-dir", "/job/none", cwd=tmp_path).code == 125

    def test_info(self, origin: Origin) -> None:
        done = runnerlib("git", "info", cwd=origin.path)
        assert done.code == 0
        lines = dict(line.split("  ", 1) for line in done.out.decode().splitlines())
        shown = {key.strip(): value.strip() for key, value in lines.items()}
        assert shown["branch"] == "main"
        assert shown["commit"] == origin.ids["main"]
        assert shown["dirty"] in {"yes", "no"}


@pytest.mark.parametrize("command", ["checkout", "copy", "cleanup", "git"])
def test_help_teaches_with_examples(command: str, tmp_path: Path) -> None:
    done = runnerlib(command, "--help", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert f"  runnerlib {command}" in done.out.decode()


PLUGIN = """
from runnerlib.plugins import Plugin


def fossil(spec, directory, report):
    report(f"opening {spec.url}")
    (directory / "file").write_text(f"{spec.ref} {spec.options}")
    return "r1"


class Fossil(Plugin):
    def __init__(self):
        super().__init__("fossil")

    def pre_validation(self, context):
        print("of a plugin")
        context.sources.register("fossil", fossil)

    def cleanup(self, context):
        print("tidying")
"""


def test_a_type_of_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/plugin_fossil.py").write_text(PLUGIN)
    words = ("checkout", "--plugin-dir", "plugins", "--type", "fossil", "here", "--ref", "x", "--options", "a=b")
    done = runnerlib(*words, cwd=tmp_path)
    assert (done.code, done.out) == (0, f"{tmp_path}/job/src\n".encode())
    assert (tmp_path / "job/src/file").read_text() == "x (('a', 'b'),)"
    assert [line.rpartition(": ")[2] for line in done.err.splitlines()] == ["of a plugin", "opening here", "tidying"]
    done = runnerlib("checkout", "--plugin-dir", "plugins", "--type", "fosil", "here", cwd=tmp_path)
    assert (done.code, done.out) == (78, b"")
    said = "unknown source type 'fosil'; did you mean 'fossil'?"
    assert said in done.err
    assert (tmp_path / "job/src/file").read_text() == "x (('a', 'b'),)"
    done = runnerlib("checkout", "--type", "fossil", "here", cwd=tmp_path)
    assert done.code == 78
    assert "unknown source type 'fossil' (copy, git, hg, none, svn, tarball)" in done.err


def test_other_sources_beside_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/plugin_fossil.py").write_text(PLUGIN)
    (tmp_path / "code").mkdir()
    (tmp_path / "code/file").write_text("copied")
    done = runnerlib("copy", "code", REACTORCIDE_PLUGIN_DIR=str(tmp_path / "plugins"), cwd=tmp_path)
    assert (done.code, done.out) == (0, f"{tmp_path}/job/src\n".encode())
    assert (tmp_path / "job/src/file").read_text() == "copied"
