"""Submodules: each is a checkout of its own, at the commit that the repository around it names.

git's own commands for them are not used: they read URLs from files that strangers write. Here every URL, name
and path is checked first, a repository on this machine is refused, and credentials go to the host they are for.
A submodule's git directory lies inside it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib._util.files import open_regular
from runnerlib._util.path_glob import matches
from runnerlib._util.safe_tree import DIRECTORY, remove_tree
from runnerlib.errors import SourceError
from runnerlib.source.git.address import over_https, submodule_url
from runnerlib.source.git.gitdir import add_settings, quoted
from runnerlib.source.git.modules import Module, read_modules
from runnerlib.source.git.remote import Remote, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from runnerlib.source.git.options import GitOptions
    from runnerlib.source.git.transport import Transport

DEEPEST = 10
_LARGEST = 1 << 20  # bytes of a .gitmodules file


def place_submodules(
    top: Path,
    commit: str,
    parent: Remote,
    transport: Transport,
    make: Callable[[Remote, str, Path], None],
    levels: int,
    left_out: Callable[[str], object],
    options: GitOptions,
) -> None:
    """Make the submodules of the checkout `top`, which is at `commit` of `parent`, and theirs, `levels` deep.

    `make` makes one checkout: of a remote, at a commit, in a new directory. `left_out` gets a message for each one
    that the repository, a sparse checkout or the `options` exclude. Raises `SourceError`.
    """
    modules = _declared(top)
    links = transport.links(top / ".git", commit, [module.path for module in modules]) if modules else {}
    wanted = []
    for module in modules:
        why = _why_not(top, module, options) if module.path in links else ""
        if why:
            left_out(f"submodule '{module.path}' is left out: {why}")
        elif module.path in links:
            wanted.append(module)
    if wanted and levels <= 0:
        raise SourceError(f"submodules lie more than {DEEPEST} levels deep")
    urls = [_url(module, parent, options) for module in wanted]
    for module, url in zip(wanted, urls, strict=True):
        make(_remote(url, parent), links[module.path], _emptied(top, module.path))
    _note(top, zip(wanted, urls, strict=True))


def _why_not(top: Path, module: Module, options: GitOptions) -> str:
    """Return why a submodule is skipped; empty when it is not."""
    globs = options.submodule_paths
    if globs and not any(matches(module.path, glob) for glob in globs):
        return "no glob of option submodule-paths matches it"
    if not module.wanted:
        return "'.gitmodules' says 'update = none'"
    sparse = (top / ".git/info/sparse-checkout").exists()
    return "it lies outside of the sparse directories" if sparse and not os.path.lexists(top / module.path) else ""


def _declared(top: Path) -> list[Module]:
    """The submodules that `.gitmodules` declares; none without such a file, or when it is no plain file."""
    above = os.open(top, DIRECTORY)
    try:
        with open(open_regular(".gitmodules", dir_fd=above), "rb") as opened:
            text = opened.read(_LARGEST + 1)
    except OSError:
        return []
    finally:
        os.close(above)
    if len(text) > _LARGEST:
        raise SourceError(f"'.gitmodules' is longer than {_LARGEST} bytes")
    return read_modules(text.decode("utf-8", "surrogateescape"))


def _url(module: Module, parent: Remote, options: GitOptions) -> str:
    """Return the URL of a submodule; Raises `SourceError` for one that is a trick."""
    url = submodule_url(module.name, module.url, parent.address)
    return over_https(url) if options.submodule_https else url


def _remote(url: str, parent: Remote) -> Remote:
    """Locate the remote of a submodule; the parent's credentials are used on the same host, too."""
    remote = locate(url)
    ours, theirs = parent.url, remote.url
    if ours and theirs and not remote.password and (ours.scheme, ours.host) == (theirs.scheme, theirs.host):
        return remote._replace(user=remote.user or parent.user, password=parent.password)
    return remote


def _emptied(top: Path, path: str) -> Path:
    """The place of a submodule, not there any more; refuse one that is reached through a link."""
    directory = top / path
    if directory.parent.resolve() != (top.resolve() / path).parent:
        raise SourceError(f"submodule '{path}' lies behind a symbolic link")
    if directory.is_symlink() or not directory.is_dir():
        raise SourceError(f"submodule '{path}' has no directory in the checkout")
    remove_tree(directory)
    return directory


def _note(top: Path, modules: Iterable[tuple[Module, str]]) -> None:
    """Record the submodules in the checkout, so that git's commands in a job know them."""
    lines = []
    for module, url in modules:
        lines += [f"[submodule {quoted(module.name)}]", "active = true", f"url = {quoted(url)}"]
    add_settings(top / ".git", lines)
