"""Options of a git source beyond its url and ref, read from the options of the spec. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import SourceError
from runnerlib.source.options import choice, count, many, one

if TYPE_CHECKING:
    from runnerlib.source.spec import SourceSpec

OPTIONS = (
    *("depth", "submodules", "sparse", "cone", "lfs", "lfs-include", "lfs-exclude", "tags", "keep", "keep-files"),
    *("fetch", "branch", "merge", "submodule-paths", "submodule-depth", "submodule-https"),
    *("ssh-key", "known-hosts", "user-name", "user-email", "timeout", "time-limit", "retries"),
)
SUBMODULES = ("none", "shallow", "recursive")
LFS = ("auto", "yes", "no")
TAGS = ("auto", "yes", "no", "short", "true")
_BOOLEAN = {"yes": True, "true": True, "no": False, "false": False}
KEEP = ("none", "repository", "ignored")


class GitOptions(NamedTuple):
    """Options of a git source.

    `depth` counts commits from the requested one, 0 is the whole history with all branches and tags. `submodules`:
    `shallow` are those of the repository itself, `recursive` also theirs. `sparse` are the directories to write, all
    if empty; without `cone` they are patterns as those of `git sparse-checkout --no-cone`. `lfs`: `auto` fetches
    files of Git LFS if git-lfs is installed, `lfs_include` and `lfs_exclude` are globs for which. `tags`: `yes`
    fetches all tags and their history; `auto` does when the job's event is a new tag. `keep` says what stays of a
    checkout at the target: nothing, its repository and unchanged files, or also the files that it ignores. `timeout`
    is the seconds that a transfer may hang, `retries` how often it is tried again after a network failure.
    """

    depth: int = 1
    submodules: str = "none"
    sparse: tuple[str, ...] = ()
    cone: bool = True
    lfs: str = "auto"
    lfs_include: tuple[str, ...] = ()
    lfs_exclude: tuple[str, ...] = ()
    tags: str = "auto"
    keep: str = "none"
    ssh_key: str | None = None
    timeout: int = 60
    retries: int = 3
    keep_files: tuple[str, ...] = ()
    fetch: tuple[str, ...] = ()
    branch: bool = False
    merge: str | None = None
    submodule_paths: tuple[str, ...] = ()
    submodule_depth: int | None = None
    submodule_https: bool = False
    known_hosts: str | None = None
    user_name: str | None = None
    user_email: str | None = None
    time_limit: int = 0


def read(spec: SourceSpec) -> GitOptions:
    """Return the options of `spec`. Raises `SourceError` for a value that means nothing."""
    cone = _boolean(spec, "cone", default=True)
    tags = choice(spec, "tags", TAGS, "auto")
    depth = one(spec, "submodule-depth")
    return GitOptions(
        depth=count(spec, "depth", 1),
        submodules=choice(spec, "submodules", SUBMODULES, "none"),
        sparse=tuple(map(_directory if cone else _pattern, many(spec, "sparse"))),
        cone=cone,
        lfs=choice(spec, "lfs", LFS, "auto"),
        lfs_include=many(spec, "lfs-include"),
        lfs_exclude=many(spec, "lfs-exclude"),
        tags="short" if tags == "true" else tags,
        keep=choice(spec, "keep", KEEP, "none"),
        ssh_key=one(spec, "ssh-key"),
        timeout=count(spec, "timeout", 60, least=1),
        retries=count(spec, "retries", 3),
        keep_files=many(spec, "keep-files"),
        fetch=many(spec, "fetch"),
        branch=_boolean(spec, "branch"),
        merge=one(spec, "merge"),
        submodule_paths=many(spec, "submodule-paths"),
        submodule_depth=None if depth is None else count(spec, "submodule-depth", 1),
        submodule_https=_boolean(spec, "submodule-https"),
        known_hosts=one(spec, "known-hosts"),
        user_name=_line(spec, "user-name"),
        user_email=_line(spec, "user-email"),
        time_limit=count(spec, "time-limit", 0),
    )


def _boolean(spec: SourceSpec, name: str, *, default: bool = False) -> bool:
    return _BOOLEAN[choice(spec, name, _BOOLEAN, "yes" if default else "no")]


def _line(spec: SourceSpec, name: str) -> str | None:
    """A text that becomes part of a commit, where `<`, `>` and ends of lines would begin something else."""
    text = one(spec, name)
    if text is not None and (not text.strip() or not text.isprintable() or set("<>") & set(text)):
        raise SourceError(f"option '{name}' of source type 'git' is {text!r}, which no commit can have")
    return text


def _directory(text: str) -> str:
    """A directory of the repository as git writes it: `src/app`."""
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if not parts or ".." in parts or any(char in text for char in '*?[]\\!#"\n'):
        raise SourceError(
            f"option 'sparse' of source type 'git' is '{text}'; a directory of the repository is expected, or cone=no"
        )
    return "/".join(parts)


def _pattern(text: str) -> str:
    """A line of git's sparse-checkout file, in which a `#` begins a comment."""
    if not text.strip() or text.startswith("#") or not text.isprintable():
        raise SourceError(f"option 'sparse' of source type 'git' is {text!r}; a pattern is expected")
    return text
