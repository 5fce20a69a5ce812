"""Trust in the origin of plugins. Pure, except that it looks which directories exist.

The rule: with a CI source, plugins never come from the application source, even if the CI source has none. Without
a CI source they do only if a setting allows it.
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
    """Plugins of a source: the directory to load, if any, the tree around it, and a notice."""

    directory: Path | None
    root: Path
    notice: str = ""


def ci_root(resolved: Resolved, environ: Mapping[str, str], workspace: Workspace, code_dir: Path) -> Path | None:
    """Return the tree of the trusted CI source, which this run or its caller has prepared.

    None without a CI source. Raises PathError when the tree lies in the application source.
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
    """Return the plugins of the prepared sources; `root` is the tree of the CI source."""
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
    """Return the directory of plugin_dir. Raises ConfigError for no directory, or one in an untrusted source."""
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
