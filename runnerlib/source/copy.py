"""`copy`: the source is a directory of this machine, copied to the target.

Names, contents, holes, modes (without setuid and setgid), modification times, empty directories and symbolic
links are kept; owners, extended attributes and hard links are not. A symbolic link is copied as a link and
refused when following it would leave the source; an absolute one is refused even if it points inside, because
in the copy it would still point to the original. Sockets, fifos and devices are refused.

Options: `exclude=PATTERN`, as in a `.gitignore` and as often as needed, and `exclude-from=FILE`, a file of such
patterns in the source. What is excluded is not looked at, so it may be anything.

When the target lies inside the source (`.` copied into `./job/src`), the workspace is left out: the
top-most component below the source that contains the target (`job`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.files import open_regular
from runnerlib._util.safe_tree import DIRECTORY, identity
from runnerlib.errors import SourceError
from runnerlib.source.atomic_replace import replacing
from runnerlib.source.copy_tree import Wanted, copy
from runnerlib.source.exclusion import of_file, read
from runnerlib.source.options import many
from runnerlib.source.spec import Prepared

if TYPE_CHECKING:
    from runnerlib.source.exclusion import Pattern
    from runnerlib.source.spec import Report, SourceSpec

OPTIONS: tuple[str, ...] = ("exclude", "exclude-from")
_LONGEST = 1 << 20  # bytes of a file of patterns


def check(spec: SourceSpec) -> None:
    """Require a path; a ref means nothing here and is passed over."""
    if not spec.url:
        raise SourceError("source type 'copy' needs a url: the path of a directory")
    read(many(spec, "exclude"))


def prepare(spec: SourceSpec, target: Path, report: Report) -> Prepared:
    """Copy the directory `spec.url` (relative to the current one) to `target`."""
    shown = spec.url or ""
    try:
        source = Path(shown).resolve(strict=True)
        root = os.open(source, DIRECTORY)
    except OSError as error:
        raise SourceError(f"source '{shown}' is no readable directory: {_said(error)}") from error
    try:
        place = target.resolve()
        skipped = _workspace(source, place)
        report(f"copying '{shown}'" + (f" without '{skipped}', which holds the target" if skipped else ""))
        wanted = Wanted(shown, skipped, (*_patterns_of(spec, root), *read(many(spec, "exclude"))))
        with replacing(target, report) as made:
            copy(root, made, wanted, report)
    finally:
        os.close(root)
    return Prepared(place)


def _patterns_of(spec: SourceSpec, root: int) -> tuple[Pattern, ...]:
    """Read the patterns of the files in the source that `exclude-from` names."""
    found: tuple[Pattern, ...] = ()
    for name in many(spec, "exclude-from"):
        if name.startswith("/") or ".." in name.split("/"):
            raise SourceError(f"option 'exclude-from' is '{name}'; the path of a file in the source is expected")
        try:
            file = open_regular(name, dir_fd=root)
            with os.fdopen(file, "rb") as opened:
                text = opened.read(_LONGEST).decode("utf-8", "surrogateescape")
        except OSError as error:
            raise SourceError(f"'{name}' of source '{spec.url}' cannot be read: {_said(error)}") from error
        found += of_file(text)
    return found


def _workspace(source: Path, target: Path) -> str | None:
    """Return the name of the entry of `source` that holds `target`, None when the target is elsewhere."""
    here = identity(source)
    lineage = [target, *target.parents]
    below: Path | None = None
    for place in lineage:
        if place.exists() and identity(place) == here:
            if below is None:
                raise SourceError(f"source '{source}' is the target itself")
            return below.name
        below = place
    if target.exists() and identity(target) in map(identity, source.parents):
        raise SourceError(f"source '{source}' lies inside the target '{target}'")
    return None


def _said(error: OSError) -> str:
    """Return the system's message, in lower case as ours are."""
    return (error.strerror or str(error)).lower()
