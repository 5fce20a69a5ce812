"""Caches of other systems, whose keys become texts with facts in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.job.cache import Cache, wrong_caches

if TYPE_CHECKING:
    from collections.abc import Sequence


def made(key: str, paths: Sequence[str], restore_keys: Sequence[str] = ()) -> dict[str, Any]:
    """Return a cache of ours. Raises Untranslatable for one that would not be valid here, as one outside of the job."""
    short = [path.strip().removeprefix("./") for path in paths if path.strip()]
    wrong = next(wrong_caches([Cache(key, short, restore_keys)]), None)
    if wrong is not None:
        raise Untranslatable(f"a cache ({wrong})")
    return {"key": key, "restore_keys": list(restore_keys), "paths": short}


def renewed(key: str, paths: Sequence[str]) -> dict[str, Any]:
    """Return a cache that each commit writes anew, for one that is always overwritten: an entry here never changes."""
    return made(f"{key}-${{sha}}", paths, [f"{key}-"])


def checksum(globs: Sequence[str]) -> str:
    """Return the fact for the digest of files. Raises Untranslatable for a glob that it cannot have."""
    if not globs or any("'" in glob or not glob.isprintable() for glob in globs):
        raise Untranslatable("the digest of such files")
    listed = ", ".join(f"'{glob}'" for glob in globs)
    return f"${{checksum({listed})}}"
