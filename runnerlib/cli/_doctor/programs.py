"""Programs and libraries that a run uses where they are there."""

from __future__ import annotations

import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from runnerlib.cli._doctor import Finding, State
from runnerlib.errors import RunnerError, one_line
from runnerlib.executor.container.runtime import ENGINES
from runnerlib.masking._scanner import KERNELS, Scanner
from runnerlib.runner.environment import without_private
from runnerlib.source.git import child_process
from runnerlib.source.git.plan import OLDEST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PATIENCE = 60.0  # seconds without a word from a program
_ABSENT, _SILENT = -1, -2
_LIBGIT2 = "questions to repositories, and git sources where there is no git program"
_PORTABLE = "portable"


def findings() -> list[Finding]:
    """Return the findings about programs and libraries. All programs are asked for their versions at once."""
    asked: list[Callable[[], Finding]] = [
        _git,
        _lfs,
        partial(_client, "hg", "mercurial"),
        partial(_client, "svn", "subversion"),
        *(partial(_engine, kind) for kind in ENGINES),
    ]
    with ThreadPoolExecutor(len(asked)) as pool:
        programs = [pool.submit(ask) for ask in asked]
        libraries = [
            _python(),
            _library("loop", "uvloop", "runtime", "the event loop that jobs run on", "no job runs", needed=True),
            _kernel(),
            _library("libgit2", "pygit2", "sources", _LIBGIT2, "no git sources, and no conditions on what changed"),
            _library("zstd", "zstandard", "sources", "archives of type .tar.zst", "such an archive is refused"),
        ]
        return [*libraries, *(program.result() for program in programs)]


def _said(words: Sequence[str]) -> tuple[int, str]:
    """Return the exit code of a program and its first line; less than 0 and the reason when it has told nothing."""
    path = shutil.which(words[0])
    if path is None:
        return _ABSENT, "not in the PATH"
    try:
        ended = child_process.run(
            [path, *words[1:]], without_private(os.environ), "/", lambda _: None, timeout=_PATIENCE
        )
    except (OSError, RunnerError) as error:
        return _SILENT, one_line(str(error))
    if ended.stalled:
        return _SILENT, f"says nothing within {_PATIENCE:g} s"
    lines = ended.errors.strip().splitlines()[-1:] if ended.code else ended.output.strip().splitlines()[:1]
    text = one_line(b"".join(lines).decode("utf-8", "replace"))
    message = re.search(r'msg="(.*)"', text)  # as podman logs it
    return ended.code, (message[1] if message else text) or f"exit code {ended.code}, and no word"


def _number(text: str) -> str:
    found = re.search(r"\d+(?:\.\d+)+", text)
    return found[0] if found else text


# Words by which an engine tells its version only when it can run containers.
_REACHING = {
    "docker": ["version", "--format", "{{.Server.Version}}"],
    "podman": ["info", "--format", "{{.Version.Version}}"],
}


def _state(code: int) -> State:
    return "missing" if code == _ABSENT else "limited" if code else "ok"


def _engine(kind: str) -> Finding:
    use = f"jobs that name an image, by {kind}"
    without = "such jobs need another engine, or run without a container by --container-engine none"
    code, said = _said([kind, "--version"])
    if code:
        return Finding("containers", kind, _state(code), said, use, without)
    client = _number(said)
    code, said = _said([kind, *_REACHING[kind]])
    if code:
        return Finding("containers", kind, "limited", f"{client}, not reachable: {said}", use, without)
    return Finding("containers", kind, "ok", f"{client}, reachable (engine {_number(said)})", use, without)


def _git() -> Finding:
    oldest = ".".join(map(str, OLDEST))
    use = "git sources: shallow from any server, in parallel, with sparse, lfs and keep"
    without = "libgit2 makes git sources, slower, and without sparse, lfs and keep"
    code, said = _said(["git", "version"])
    if code:
        return Finding("sources", "git", _state(code), said, use, without)
    numbers = tuple(map(int, _number(said).split(".")))
    if numbers < OLDEST:
        return Finding("sources", "git", "limited", f"{_number(said)}; {oldest} or newer is used", use, without)
    return Finding("sources", "git", "ok", _number(said), use, without)


def _lfs() -> Finding:
    code, said = _said(["git-lfs", "version"])
    use, without = "large files of git sources (option lfs)", "a git source with lfs=yes is refused"
    return Finding("sources", "git-lfs", _state(code), said if code else _number(said), use, without)


def _client(program: str, package: str) -> Finding:
    code, said = _said([program, "--version", "--quiet"])
    use, without = f"sources of type {program}", f"such a source is refused; install {package}"
    return Finding("sources", program, _state(code), said if code else _number(said), use, without)


def _library(name: str, package: str, group: str, use: str, without: str, *, needed: bool = False) -> Finding:
    try:
        import_module(package)
        state: State = "ok"
        found = f"{package} {version(package)}"
    except (ImportError, PackageNotFoundError) as error:
        state, found = "missing", one_line(str(error))
    return Finding(group, name, state, found, use, without, needed=needed)


def _kernel() -> Finding:
    used = Scanner(b"*").kernel
    best = used == KERNELS[0]
    return Finding(
        "masking",
        "kernel",
        "ok" if best and used != _PORTABLE else "limited",
        used if best else f"{used}, by RUNNERLIB_KERNEL; the best here is {KERNELS[0]}",
        "searches output for secrets with the vector instructions of this processor",
        "the portable kernel finds the same, some times slower",
        needed=True,
    )


def _python() -> Finding:
    found = f"{sys.version.split()[0]}, {sys.executable}"
    return Finding("runtime", "Python", "ok", found, "the runner itself", "no job runs", needed=True)
