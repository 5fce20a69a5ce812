"""The sources that a run prepares, and their target directories, checked before any change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.paths import CONTAINER_BASE
from runnerlib.errors import PathError, unknown
from runnerlib.source import Cache, SourceSpec, source_types, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnerlib._util.paths import Workspace
    from runnerlib.config import Resolved, RunnerConfig
    from runnerlib.source import Sources

# Files that describe jobs are not what a job works on.
_DESCRIBING = (".yaml", ".yml", ".json")


class Checkout(NamedTuple):
    """A source and the directory its content replaces."""

    label: str
    spec: SourceSpec
    target: Path

    @property
    def trusted(self) -> bool:
        """Return whether this is the CI source."""
        return self.label == "ci source"

    def described(self) -> str:
        """Return the source and where it goes as one line, without credentials."""
        spec = self.spec
        ref = f" at {spec.ref}" if spec.ref else ""
        options = f" ({' '.join(map('='.join, spec.options))})" if spec.options else ""
        return f"{spec.type} {without_credentials(spec.url or '')}{ref}{options} -> {self.target}"


def checkouts(
    resolved: Resolved, sources: Sources, workspace: Workspace, code_dir: Path, environ: Mapping[str, str]
) -> tuple[Checkout, ...]:
    """Return the checkouts of a run, the trusted CI source first: it may bring what the other source needs."""
    given = (
        wanted(resolved, sources, "ci source", "ci_source_", workspace.ci),
        wanted(resolved, sources, "source", "source_", code_dir),
    )
    found = tuple(filter(None, given))
    if len(found) == 2 and (code_dir.is_relative_to(workspace.ci) or workspace.ci.is_relative_to(code_dir)):
        raise PathError(f"code_dir '{code_dir}' and the CI source '{workspace.ci}' must not lie in one another")
    for checkout in found:
        _check_target(checkout, workspace)
    kept = cache_of(resolved.config, environ, workspace)
    # Jobs can write to the cache of their user, so the trusted source never comes from the cache.
    return tuple(one if one.trusted else one._replace(spec=one.spec._replace(cache=kept)) for one in found)


def without_files(code_dir: Path, cwd: Path) -> Iterator[str]:
    """Yield a warning if a job without a source finds nothing in its directory, although there are files in `cwd`."""
    try:
        empty = not os.path.lexists(code_dir) or not os.listdir(code_dir)
        files = [name for name in os.listdir(cwd) if name != "job" and not name.endswith(_DESCRIBING)]
    except OSError:
        return
    if empty and files:
        shown = code_dir.relative_to(cwd) if code_dir.is_relative_to(cwd) else code_dir
        where = f"runs in the empty directory '{shown}'"
        yield f"the job names no source and {where}; --here runs it on the files in '{cwd}'"


def cache_of(config: RunnerConfig, environ: Mapping[str, str], workspace: Workspace) -> Cache | None:
    """Return the cache of the sources; None without one, the default in a container, which is thrown away."""
    directory = cache_directory(config, environ, workspace)
    return None if directory is None else Cache(directory, config.cache_size, config.cache_age)


def cache_directory(config: RunnerConfig, environ: Mapping[str, str], workspace: Workspace) -> Path | None:
    """Return the directory of the cache; None without a cache."""
    given = config.cache_dir
    if given == "none" or (given is None and workspace.base == CONTAINER_BASE):
        return None
    home = Path(environ.get("HOME", ""))
    usual = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    # Not by pathlib, which raises for a home that this user may not enter.
    if given is None and not (usual.is_absolute() and (os.path.isdir(usual) or os.path.isdir(home))):
        return None
    return Path(given or usual / "runnerlib").absolute()


def _check_target(checkout: Checkout, workspace: Workspace) -> None:
    """Raise PathError for a target outside the workspace, or one that contains the artifacts directory."""
    label, target = checkout.label, checkout.target
    if not target.is_relative_to(workspace.base):
        raise PathError(f"the {label} would replace '{target}', outside the workspace '{workspace.base}'")
    if workspace.artifacts.is_relative_to(target):
        raise PathError(f"artifacts_dir '{workspace.artifacts}' lies in '{target}', which the {label} replaces")


def wanted(resolved: Resolved, sources: Sources, label: str, prefix: str, target: Path) -> Checkout | None:
    """Return the source that the settings `prefix`type, url, ref and options name; None without one.

    Raises ConfigError for a contradiction, SourceError for a source that can never work.
    """
    kind, *given = (getattr(resolved.config, prefix + part) for part in ("type", "url", "ref", "options"))
    url, ref, options = given
    if not kind:
        if any(given):
            name = next(part for part, value in zip(("url", "ref", "options"), given, strict=True) if value)
            raise resolved.error(prefix + name, f"needs {prefix}type to say what kind of source it is")
        return None
    known = kind in sources.types()
    if not known and not sources.may_grow:
        raise resolved.error(f"{prefix}type", unknown("source type", kind, sources.types()))
    if kind == "none":
        return None
    if not url and kind in source_types():
        raise resolved.error(f"{prefix}type", f"a source of type '{kind}' needs {prefix}url")
    # The environment's variables about a change must not decide which commit is trusted.
    spec = SourceSpec(kind, url, ref or None, options, for_change=prefix == "source_")
    if known:
        sources.check(spec)
    return Checkout(label, spec, target)
