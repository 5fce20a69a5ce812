"""Where plugins may come from. Pure, apart from looking which directories are there.

The rule: when there is a CI source, plugins never come from the application source, even if the CI source
has none. Without one they do only if somebody said so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.paths import PLUGINS
from runnerlib.errors import PathError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib._util.paths import Workspace
    from runnerlib.config import Resolved

_CI_DIRECTORY = "REACTORCIDE_CI_SOURCE_DIR"


class Offer(NamedTuple):
    """What a source offers: the directory to load, if any, the tree it must lie in, and what to say about it."""

    directory: Path | None
    root: Path
    notice: str = ""


def ci_root(resolved: Resolved, environ: Mapping[str, str], workspace: Workspace, code_dir: Path) -> Path | None:
    """The tree of the trusted CI source: prepared by this run, or put there by who started it.

    None when there is none. Raises PathError when it lies in the application source.
    """
    if resolved.config.ci_source_type not in {None, "", "none"}:
        return workspace.ci
    if not environ.get(_CI_DIRECTORY):
        return None
    root = workspace.resolve(environ[_CI_DIRECTORY], _CI_DIRECTORY)
    if root.is_relative_to(code_dir):
        raise PathError(f"{_CI_DIRECTORY} '{root}' lies in the source '{code_dir}', which is not trusted")
    return root


def offered(resolved: Resolved, root: Path | None, code_dir: Path) -> Offer:
    """The plugins of the sources, once these are in place; `root` is the tree of the CI source."""
    theirs = code_dir / PLUGINS
    if root is not None:
        there = root / PLUGINS
        notice = f"the plugins in '{theirs}' are not loaded: beside a CI source only that is trusted"
        return Offer(there if os.path.lexists(there) else None, root, notice if theirs.is_dir() else "")
    if not theirs.is_dir():
        return Offer(None, code_dir)
    if resolved.config.trust_source_plugins:
        who = resolved.origin("trust_source_plugins")
        return Offer(theirs, code_dir, f"loading the plugins in '{theirs}': the source is trusted ({who})")
    return Offer(None, code_dir, f"the plugins in '{theirs}' are not loaded; see --trust-source-plugins")


def plugin_directory(resolved: Resolved, cwd: Path, root: Path | None, code_dir: Path) -> Path | None:
    """The directory of the setting plugin_dir. Raises ConfigError when it is none, or of an untrusted source."""
    given = resolved.config.plugin_dir
    if not given:
        return None
    directory = cwd / given
    if not directory.is_dir():
        raise resolved.error("plugin_dir", f"'{given}' is no directory")
    if Path(os.path.realpath(directory)).is_relative_to(code_dir):
        if root is not None:
            raise resolved.error("plugin_dir", f"'{given}' lies in the source, which is not trusted beside a CI source")
        if not resolved.config.trust_source_plugins:
            raise resolved.error("plugin_dir", f"'{given}' lies in the source; give --trust-source-plugins as well")
    return directory
