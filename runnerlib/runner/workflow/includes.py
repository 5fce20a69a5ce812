"""Files that a workflow file includes from outside of its tree, as far as it may read them.

A file that others may have written gets nothing by the runner's credentials: it includes files of its own tree, and of
the CI source, which the steps of its jobs can read anyway.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from runnerlib._util.safe_tree import remove_tree
from runnerlib.errors import SourceError, one_line
from runnerlib.pipeline.job_file.reader import Wrong
from runnerlib.plugins.trust import ci_root
from runnerlib.runner.checkouts import cache_of
from runnerlib.runner.untrusted import is_untrusted
from runnerlib.source import Sources, SourceSpec, without_credentials

if TYPE_CHECKING:
    from runnerlib.runner.request import RunRequest

_LARGEST = 1 << 20


class RunIncludes:
    """Reads included files for the workflow file at `path` of a request."""

    def __init__(self, request: RunRequest, path: Path, sources: Sources | None = None) -> None:
        self._request = request
        self._path = path
        self._sources = sources or Sources()

    def shown(self, url: str) -> str:
        """Return a URL without credentials."""
        return without_credentials(url)

    def ci(self, path: str) -> bytes:
        """Return the content of a file of the CI source. Raises Wrong."""
        request, workspace = self._request, self._request.located()
        config = request.resolved.config
        code_dir = workspace.resolve_directory(config.code_dir, "code_dir")
        root = ci_root(request.resolved, request.environ, workspace, code_dir)
        if root is None:
            raise Wrong(f"'{one_line(path)}' is to be in the CI source, and this run has none")
        if not root.is_dir():
            raise Wrong("the CI source is not there yet; `runnerlib checkout --ci` brings it")
        return _read(root, path)

    def git(self, url: str, ref: str, path: str) -> bytes:
        """Return the content of a file of a git repository. Raises Wrong, and SourceError for a failure."""
        request, workspace = self._request, self._request.located()
        if is_untrusted(self._path, request.resolved, request.environ, workspace):
            problem = "is not trusted, so it includes files of its own tree and of the CI source only"
            raise Wrong(f"'{one_line(str(self._path.name))}' {problem}")
        kept = cache_of(request.resolved.config, request.environ, workspace)
        with TemporaryDirectory(prefix="runnerlib-include-") as made:
            tree = Path(made) / "tree"
            spec = SourceSpec("git", url, ref, (("depth", "1"),), kept, for_change=False)
            try:
                self._sources.prepare(spec, tree, lambda _line: None)
            except SourceError as error:
                raise SourceError(f"include {self.shown(url)} at {ref}: {error}") from None
            try:
                return _read(tree, path)
            finally:
                remove_tree(tree)


def _read(root: Path, path: str) -> bytes:
    """Return the content of a file below `root`, which is its own tree. Raises Wrong."""
    real = os.path.realpath(root / path)
    if not real.startswith(f"{os.path.realpath(root)}/") or not os.path.isfile(real):
        raise Wrong(f"there is no file '{one_line(path)}'")
    with open(real, "rb") as file:
        return file.read(_LARGEST + 1)
