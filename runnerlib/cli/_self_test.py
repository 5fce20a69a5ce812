"""Checks of `runnerlib self-test`: parts of an installed runner at work on this machine, with answers that are known.

Each check does what a job would do: nothing in it looks at versions. They work in a temporary directory.
"""

from __future__ import annotations

import base64
import os
import shlex
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import quote

from runnerlib.errors import RunnerError, one_line
from runnerlib.executor.local import landlock
from runnerlib.masking import SecretMasker
from runnerlib.masking._scanner import KERNELS
from runnerlib.source import SourceSpec, prepare
from runnerlib.source.git import cli_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

State = Literal["ok", "skipped", "failed"]
_SECRET = "self-test/Fq7+Zr2%Lk9=Wd"  # noqa: S105 - made up, and not masked anywhere else
_PATIENCE = 60.0  # seconds for one run


class Result(NamedTuple):
    """The outcome of one check; `said` is what was seen."""

    name: str
    state: State
    said: str


class _Failed(Exception):  # noqa: N818 - never seen outside
    """A check did not give its answer."""


class _Skipped(Exception):  # noqa: N818 - never seen outside
    """A check needs what this machine does not have."""


def run_checks(directory: Path) -> list[Result]:
    """Run every check in a directory of its own below `directory`."""
    results = []
    for name, check in CHECKS.items():
        place = directory / name
        place.mkdir()
        results.append(_result(name, check, place))
    return results


def _result(name: str, check: Callable[[Path], str], place: Path) -> Result:
    try:
        return Result(name, "ok", check(place))
    except _Skipped as error:
        return Result(name, "skipped", str(error))
    except (_Failed, RunnerError, OSError, subprocess.SubprocessError) as error:
        return Result(name, "failed", one_line(str(error)))


def _mask(_place: Path) -> str:
    """Mask a text that holds the secret in several forms, cut in two at every place."""
    masker = SecretMasker(marker="***")
    masker.register_secret(_SECRET)
    raw = _SECRET.encode()
    forms = [raw, base64.b64encode(raw), raw.hex().encode(), quote(_SECRET, "").encode()]
    text = b"".join(b"<" + form + b">\n" for form in forms)
    wanted = b"<***>\n" * len(forms)
    for cut in range(len(text) + 1):
        stream = masker.stream()
        shown = stream.feed(text[:cut]) + stream.feed(text[cut:]) + stream.flush()
        _expect(shown == wanted, f"cut at byte {cut} the output is {shown!r}")
    kernel = os.environ.get("RUNNERLIB_KERNEL") or KERNELS[0]
    return f"{len(forms)} forms of a secret at {len(text) + 1} cuts, by the kernel {kernel}"


def _steps(place: Path) -> str:
    """Run steps in parallel; tell the exit code of one that fails, and end what it leaves behind."""
    script = "(setsid sleep 600 >/dev/null 2>&1 & echo $! > left); echo out; echo err >&2; exit 7"
    done = _job(place, "--job-command", script)
    _expect(done.returncode == 7, f"a step that exits with 7 made a run that exits with {done.returncode}")
    _expect({"out", "err"} <= set(done.stdout.split() + done.stderr.split()), "output of a step was lost")
    left = next(place.rglob("left")).read_text().strip()
    _expect(not os.path.exists(f"/proc/{left}"), f"process {left}, which a step has left, is alive")
    return "exit code and both streams of a step, and nothing left of its processes"


def _git(place: Path) -> str:
    """Make a repository and check it out, by each engine that is here."""
    bare = place / "repository.git"
    commit = _repository(bare)
    engines = {"git": os.environ.get("PATH", os.defpath), "libgit2": str(place)}
    if cli_transport.find() is None:
        del engines["git"]
    for engine, path in engines.items():
        before = os.environ.get("PATH")
        os.environ["PATH"] = path
        try:
            prepared = prepare(SourceSpec("git", str(bare)), place / engine)
        finally:
            _restore("PATH", before)
        _expect(prepared is not None and prepared.revision == commit, f"{engine} has checked out another commit")
        _expect((place / engine / "file").read_bytes() == b"content\n", f"{engine} has written another file")
    return f"a commit checked out by {' and by '.join(engines)}"


def _repository(bare: Path) -> str:
    """Make a bare repository of one commit, which is returned."""
    from runnerlib.source.git.libgit2_settings import pygit2

    repository = pygit2.init_repository(str(bare), bare=True, initial_head="main")
    tree = repository.TreeBuilder()
    tree.insert("file", repository.create_blob(b"content\n"), pygit2.enums.FileMode.BLOB)
    who = pygit2.Signature("self-test", "self-test@localhost", 0, 0)
    return str(repository.create_commit("refs/heads/main", who, who, "self-test", tree.write(), []))


def _archive(place: Path) -> str:
    """Unpack an archive as a source."""
    (place / "file").write_text("content\n")
    with tarfile.open(place / "x.tar.gz", "w:gz") as archive:
        archive.add(place / "file", "file")
    prepare(SourceSpec("tarball", str(place / "x.tar.gz")), place / "made")
    _expect((place / "made/file").read_bytes() == b"content\n", "an archive was unpacked to something else")
    return "an archive unpacked"


def _socket(place: Path) -> str:
    """Register a secret from a step, whose output shows it afterwards."""
    words = f"{shlex.quote(sys.executable)} -m runnerlib.register_secret"
    done = _job(place, "--job-command", f'printf %s "$MADE" | {words} && echo "made: $MADE"', MADE=_SECRET)
    _expect(done.returncode == 0, f"registering a secret failed: {done.stderr[-300:]}")
    _expect("made: [REDACTED]" in done.stdout, f"a registered secret was not masked: {done.stdout.strip()[-200:]!r}")
    return "a secret that a step registers is masked"


def _sandbox(place: Path) -> str:
    """Write below the trusted CI source from a step, which the kernel has to refuse."""
    if not landlock.abi():
        raise _Skipped("this kernel has no Landlock, or a seccomp profile refuses it")
    (place / "trusted").mkdir()
    (place / "trusted/run.sh").write_text("echo trusted\n")
    attack = "sh ../ci/run.sh; echo evil >> ../ci/run.sh"
    source = ("--ci-source-type", "copy", "--ci-source-url", str(place / "trusted"))
    done = _job(place, *source, "--sandbox", "source", "--job-command", attack)
    _expect("trusted" in done.stdout, f"CI code did not run: {done.stderr[-300:]}")
    _expect(done.returncode != 0, "a step has written to the CI source")
    return f"a step cannot write to the CI source (Landlock {landlock.abi()})"


CHECKS: Mapping[str, Callable[[Path], str]] = {
    "mask": _mask,
    "steps": _steps,
    "git": _git,
    "archive": _archive,
    "socket": _socket,
    "sandbox": _sandbox,
}
"""The checks by name, in their order."""


def _job(place: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a job as a user would, by this very installation, in `place` and without settings of the environment."""
    argv = [sys.executable, "-m", "runnerlib", "run", "--work-dir", str(place), *words]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REACTORCIDE_", "RUNNERLIB_"))}
    env = {**kept, **variables, "REACTORCIDE_IN_CONTAINER": "false"}
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=_PATIENCE, check=False)


def _restore(name: str, value: str | None) -> None:
    if value is None:
        del os.environ[name]
    else:
        os.environ[name] = value


def _expect(right: bool, otherwise: str) -> None:
    if not right:
        raise _Failed(otherwise)
