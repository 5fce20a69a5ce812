"""The workspace of a job, and the rule that nothing outside of it is created, deleted or written.

Every path is resolved, symlinks and ``..`` included, before it is compared with the workspace: a text
comparison would accept ``/jobevil`` and ``/job/../x``.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.errors import PathError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CONTAINER_BASE = Path("/job")
RECORDS_VARIABLE = "RUNNERLIB_RECORDS"
"""The variable with the directory of the workflow's records, for a job of a workflow on this machine."""

OWN = ".runnerlib"
"""The directory of the runner's own files in a workspace."""
PLUGINS = ".reactorcide/plugins"
"""The directory of plugins in a source."""
WORKSPACE_VARIABLE = "RUNNERLIB_WORKSPACE"
GRANTED_VARIABLE = "RUNNERLIB_GRANTED"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class Workspace(NamedTuple):
    """The directory a job lives in; `base` is absolute and free of symlinks.

    `granted` are further directories that the program which runs the job has named: what lies in them
    counts as inside. `artifacts_at` stands in for `base/artifacts`, and `tree`, files that a person works on, for
    `base/src` in a run without a source.
    """

    base: Path
    granted: tuple[Path, ...] = ()
    artifacts_at: Path | None = None
    tree: Path | None = None

    @classmethod
    def in_place(cls, tree: Path) -> Workspace:
        """Return the workspace of runs on the files in `tree`: all that is not of the source is in its `.runnerlib`."""
        real = Path(os.path.realpath(tree))
        return cls(real / OWN, (real,), tree=real)

    def prepared(self) -> Workspace:
        """Return the workspace of a run whose source is prepared: that never touches `tree`."""
        return self if self.tree is None else self._replace(tree=None)

    def part(self, *parts: str) -> Workspace:
        """Return a workspace below this one, for one of several jobs; all of them share `tree`."""
        shared = () if self.tree is None else (self.tree,)
        return Workspace(self.base.joinpath(*parts), shared, tree=self.tree)

    @property
    def src(self) -> Path:
        """The application source, untrusted when a CI source is given."""
        return self.tree or self.base / "src"

    @property
    def ci(self) -> Path:
        """The trusted CI source."""
        return self.base / "ci"

    @property
    def artifacts(self) -> Path:
        """The directory of the job's artifacts."""
        return self.artifacts_at or self.base / "artifacts"

    def spool(self, *, lasting: bool) -> Path:
        """Return the path of a new file for triggers; a run that resumes the job finds a `lasting` one.

        It is where there is a directory already, so that a shell can write it.
        """
        name = f"triggers-{os.urandom(4).hex()}.ndjson"
        return self.base / ".runnerlib" / name if lasting else self.base / f".{name}"

    def own(self, *parts: str, mode: int = 0o700) -> Path:
        """A directory of the runner's own, made if it is not there; no link is followed. Raises PathError."""
        return own_directory(self.base, OWN, *parts, mode=mode)

    def resolve(self, text: str, subject: str) -> Path:
        """The real path that `text` names, inside the workspace.

        A path that begins with ``/job`` names the workspace wherever that is, so that one
        configuration serves in a container and on a laptop. `subject` is the setting that errors
        name. Raises PathError for an empty or relative path and for one that leads out.
        """
        if not text:
            raise PathError(f"{subject} is empty; an absolute path inside '{self.base}' is expected")
        if "\0" in text:
            raise PathError(f"{subject} contains a NUL byte")
        if not text.startswith("/"):
            raise PathError(f"{subject} '{text}' is relative; an absolute path inside '{self.base}' is expected")
        try:
            real = Path(os.path.realpath(self.meant(text)))
        except OSError as error:  # a link that was there is gone
            raise PathError(f"{subject} '{text}' cannot be followed: {error.strerror}") from None
        if not any(real.is_relative_to(allowed) for allowed in (self.base, *self.granted)):
            raise PathError(f"{subject} '{text}' leads to '{real}', outside the workspace '{self.base}'")
        return real

    def resolve_directory(self, text: str, subject: str) -> Path:
        """Like `resolve`, for a directory whose content may be replaced: not the workspace itself."""
        real = self.resolve(text, subject)
        if real == self.base:
            raise PathError(f"{subject} '{text}' is the workspace itself; a directory inside it is expected")
        return real

    def opened_directory(self, real: Path) -> int:
        """Return a descriptor of a directory that `resolve` has found, never through a link that came since.

        Raises OSError, and PathError for such a link and for what is outside the workspace.
        """
        for root in (self.base, *self.granted):
            if real.is_relative_to(root):
                return _descend(root, real.relative_to(root).parts, None)
        raise PathError(f"'{real}' is outside the workspace '{self.base}'")

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables that name the workspace to a process of the job; `locate` reads them."""
        granted = [str(path) for path in self.granted if ":" not in str(path)]
        return {WORKSPACE_VARIABLE: str(self.base), **({GRANTED_VARIABLE: ":".join(granted)} if granted else {})}

    def meant(self, text: str) -> str:
        """The path that `text` names, in this workspace if it begins with ``/job``; not checked."""
        prefix = str(CONTAINER_BASE)
        source = f"{prefix}/src"
        if self.tree is not None and (text == source or text.startswith(source + "/")):
            return str(self.tree) + text[len(source) :]
        if text == prefix or text.startswith(prefix + "/"):
            return str(self.base) + text[len(prefix) :]
        return text


def own_directory(base: Path, *parts: str, mode: int = 0o700) -> Path:
    """The directory `parts` below `base`, made with `mode` if it is not there, those above it for the runner alone.

    A job may have put anything there. Raises PathError for a link or a file, and for what cannot be made.
    """
    os.close(_descend(base, parts, mode))
    return base.joinpath(*parts)


@contextmanager
def opened_directory(base: Path, *parts: str, mode: int | None = None) -> Iterator[int]:
    """Open the directory `parts` below `base`, no part of which may be a link; with a `mode` it is made.

    Raises PathError for a link or a file, and FileNotFoundError without a mode.
    """
    found = _descend(base, parts, mode)
    try:
        yield found
    finally:
        os.close(found)


@contextmanager
def opened_own(base: Path) -> Iterator[int | None]:
    """Open the runner's own directory in the workspace `base`: files opened by it are inside. None without one.

    Raises PathError when a job has put something else there.
    """
    try:
        found = _descend(base, (OWN,), None)
    except FileNotFoundError:
        yield None
        return
    try:
        yield found
    finally:
        os.close(found)


def opened_file(base: Path, path: Path, flags: int, mode: int) -> int:
    """A descriptor of the file at `path`, close-on-exec and never through a link that a job may have left.

    Inside the workspace `base` no part of the path may be a link, elsewhere the last one. Raises OSError, and
    PathError for a link in the workspace.
    """
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC
    parts = _below(base, path)
    if not parts:
        return os.open(path, flags, mode)
    above = _descend(base, parts[:-1], None)
    try:
        return os.open(parts[-1], flags, mode, dir_fd=above)
    finally:
        os.close(above)


def made_directory(base: Path, path: Path) -> int:
    """A descriptor of a directory, close-on-exec, which is made if it is missing.

    Inside the workspace `base` no part of the path may be a link. Raises OSError, and PathError for a link there.
    """
    parts = _below(base, path)
    if parts:
        return _descend(base, parts, 0o755)
    os.makedirs(path, exist_ok=True)
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _below(base: Path, path: Path) -> Sequence[str]:
    """Return the parts of `path` below the workspace, also by way of links; none when it lies elsewhere."""
    whole = Path(os.path.abspath(path))
    for above in reversed(whole.parents):
        if os.path.realpath(above) == str(base):
            return whole.relative_to(above).parts
    return ()


def _descend(base: Path, parts: Sequence[str], mode: int | None) -> int:
    """Open a directory part by part.

    With a `mode` it is made if it is missing; else FileNotFoundError is raised.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    path = base
    try:
        if mode is not None:
            base.mkdir(parents=True, exist_ok=True)
        above = os.open(base, flags)
        try:
            for number, part in enumerate(parts, 1):
                path /= part
                if mode is not None:
                    with suppress(FileExistsError):
                        os.mkdir(part, mode if number == len(parts) else 0o700, dir_fd=above)
                below = os.open(part, flags | os.O_NOFOLLOW, dir_fd=above)
                os.close(above)
                above = below
        except BaseException:
            os.close(above)
            raise
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise PathError(f"a link stands where the runner keeps its files: '{path}'") from None
        if mode is None and error.errno == errno.ENOENT:
            raise
        raise PathError(f"cannot {'open' if mode is None else 'create'} '{path}': {error.strerror}") from None
    return above


def working_directory() -> str:
    """Return the current directory of this process; empty if it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def locate(environ: Mapping[str, str], cwd: Path) -> Workspace:
    """The workspace of this process: ``/job`` in a container, ``./job`` below `cwd` elsewhere.

    A process of a job has the workspace of its job, which RUNNERLIB_WORKSPACE names, and RUNNERLIB_GRANTED what
    a program has granted to it. Raises PathError when the workspace is no absolute path, or
    REACTORCIDE_IN_CONTAINER no truth value. Source: the directory layout of Reactorcide.
    """
    stated = environ.get(WORKSPACE_VARIABLE)
    if stated:
        if not stated.startswith("/"):
            raise PathError(f"{WORKSPACE_VARIABLE} '{stated}' is relative; an absolute path is expected")
        granted = filter(os.path.isabs, environ.get(GRANTED_VARIABLE, "").split(":"))
        return Workspace(Path(os.path.realpath(stated)), tuple(Path(os.path.realpath(path)) for path in granted))
    base = CONTAINER_BASE if in_container(environ, cwd) else cwd / "job"
    return Workspace(Path(os.path.realpath(base)))


def in_container(environ: Mapping[str, str], cwd: Path) -> bool:
    """Return whether this is a job's container: REACTORCIDE_IN_CONTAINER decides; unset, a usable ``/job`` does.

    Raises PathError when the variable holds anything but a truth value.
    """
    stated = environ.get("REACTORCIDE_IN_CONTAINER", "").strip().lower()
    if stated in _TRUE:
        return True
    if stated in _FALSE:
        return False
    if stated:
        raise PathError(f"REACTORCIDE_IN_CONTAINER is '{stated}' (true, false or unset)")
    if not CONTAINER_BASE.is_dir():
        return False
    return cwd.is_relative_to(CONTAINER_BASE) or os.access(CONTAINER_BASE, os.W_OK)
