"""Writer of the files of a `.git` directory: the same for every transport.

A repository is no more than these files and its objects. Written here they hold nothing that a template, a
configuration of the machine or a previous job could have put there, and cost no process.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from runnerlib._util.files import write_whole
from runnerlib.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

ASKED_FOR = "runnerlib-ref"
"""The file beside HEAD that says which branch or tag a detached HEAD was asked for by: its commit and that name."""

_ID = re.compile("[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FOLDERS = ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info")


def make(store: Path, *, bare: bool, url: str = "", settings: Iterable[str] = (), sha256: bool = False) -> None:
    """Make an empty repository of which `store` is the git directory; `settings` are more lines of `[core]`.

    `sha256`: its objects are named by that instead of SHA-1.
    HEAD points to a branch that does not exist until `detach` says otherwise.
    """
    for folder in _FOLDERS:
        (store / folder).mkdir(parents=True, exist_ok=True)
    lines = ["[core]", f"repositoryformatversion = {int(sha256)}", "filemode = true", f"bare = {str(bare).lower()}"]
    lines += ["protectHFS = true", "protectNTFS = true"]  # names that are `.git` on other systems
    lines += [*([] if bare else ["logallrefupdates = true"]), *settings]
    lines += ["[extensions]", "objectformat = sha256"] if sha256 else []
    text = _section(lines) + (remote_section("origin", url) if url else "")
    (store / "config").write_text(text, "utf-8", "surrogateescape")
    (store / "HEAD").write_text("ref: refs/heads/main\n")


def remote_section(name: str, url: str) -> str:
    """Return the section of a git configuration for the remote `name`."""
    return _section([f'[remote "{name}"]', f"url = {quoted(url)}", f"fetch = +refs/heads/*:refs/remotes/{name}/*"])


def _section(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" if line.startswith("[") else f"\t{line}\n" for line in lines)


def quoted(text: str) -> str:
    """A value for git's configuration, between quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def write_sparse(store: Path, wanted: Collection[str], *, cone: bool) -> None:
    """Say what a sparse checkout has: the patterns, or in git's cone form the files at the top and the directories."""
    lines = _cone(wanted) if cone else wanted
    (store / "info/sparse-checkout").write_text("".join(f"{line}\n" for line in lines), "utf-8", "surrogateescape")


def _cone(directories: Collection[str]) -> list[str]:
    lines = ["/*", "!/*/"]
    above = {"/".join(parts[:n]) for parts in (one.split("/") for one in directories) for n in range(1, len(parts))}
    for directory in sorted(above - set(directories)):
        lines += [f"/{directory}/", f"!/{directory}/*/"]
    return lines + [f"/{directory}/" for directory in sorted(directories)]


def add_settings(store: Path, lines: Iterable[str]) -> None:
    """Append lines, sections among them, to the configuration of a repository."""
    with open(store / "config", "a", encoding="utf-8", errors="surrogateescape") as config:
        config.write(_section(lines))


def attach(store: Path, branch: str, commit: str) -> None:
    """Put HEAD on the new local branch `branch`, at the commit."""
    write_ref(store, f"refs/heads/{branch}", commit)
    _write(store / "HEAD", f"ref: refs/heads/{branch}\n")
    (store / ASKED_FOR).unlink(missing_ok=True)


def detach(store: Path, commit: str, ref: str | None = None) -> None:
    """Detach HEAD at the commit; `ref` is the full name of the requested branch or tag."""
    _write(store / "HEAD", f"{commit}\n")
    if ref is None:
        (store / ASKED_FOR).unlink(missing_ok=True)
    else:
        _write(store / ASKED_FOR, f"{commit} {ref}\n")


def write_refs(store: Path, refs: Mapping[str, str], default: str | None = None) -> None:
    """Make `refs`, full name → object id, all refs that there are; `default` is the target of `origin/HEAD`."""
    for folder in ("heads", "tags", "remotes", "runnerlib"):
        forget(store / "refs" / folder)
    body = "".join(f"{refs[name]} {name}\n" for name in sorted(refs, key=os.fsencode))
    head = "# pack-refs with: sorted \n" if body else ""
    (store / "packed-refs").write_text(head + body, "utf-8", "surrogateescape")
    (store / "refs/heads").mkdir(parents=True, exist_ok=True)
    (store / "refs/tags").mkdir(exist_ok=True)
    if default in refs:
        place = store / "refs/remotes/origin"
        place.mkdir(parents=True)
        (place / "HEAD").write_text(f"ref: {default}\n", "utf-8", "surrogateescape")


def forget(folder: Path) -> None:
    """Remove the loose refs below a folder."""
    for directory, names, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(directory, name))
        for name in names:
            os.rmdir(os.path.join(directory, name))
    if folder.is_dir():
        folder.rmdir()


def write_ref(store: Path, name: str, oid: str) -> None:
    """Make one ref; another that is in the way of its name in the tree of names is an OSError."""
    place = store / name
    place.parent.mkdir(parents=True, exist_ok=True)
    _write(place, f"{oid}\n")


def read_ref(store: Path, name: str) -> str:
    """The object id of a loose ref that was just fetched. Raises `SourceError` when it holds none."""
    try:
        text = (store / name).read_text().strip()
    except OSError:
        text = ""
    if not _ID.fullmatch(text):
        raise SourceError(f"'{name}' was not fetched")
    return text


def read_refs(store: Path) -> dict[str, str]:
    """All refs of a bare repository of ours, loose ones before packed ones: full name → object id."""
    found: dict[str, str] = {}
    packed = store / "packed-refs"
    lines = packed.read_text("utf-8", "surrogateescape").split("\n") if packed.exists() else []
    for line in lines:
        oid, _, name = line.partition(" ")
        if _ID.fullmatch(oid):
            found[name] = oid
    for directory, _, files in os.walk(store / "refs"):
        for file in files:
            path = os.path.join(directory, file)
            with open(path, encoding="utf-8", errors="replace") as opened:
                text = opened.read().strip()
            if _ID.fullmatch(text):
                found[os.path.relpath(path, store)] = text
    return found


def write_shallow(store: Path, commits: Iterable[str]) -> None:
    """Record where history ends: at `commits`, whose parents are missing; nowhere when there are none."""
    listed = sorted(commits)
    if listed:
        _write(store / "shallow", "".join(f"{commit}\n" for commit in listed))
    else:
        (store / "shallow").unlink(missing_ok=True)


def read_shallow(store: Path) -> frozenset[str]:
    """Return the commits where the history of a repository is cut off."""
    try:
        return frozenset((store / "shallow").read_text().split())
    except FileNotFoundError:
        return frozenset()


def _write(path: Path, text: str) -> None:
    """Replace a file at once, as git does."""
    write_whole(path, text.encode("utf-8", "surrogateescape"), 0o666)
