"""Query for the branch or tag that a source is requested by, before its checkout; its repository is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.source.git.preparation import transport_for
from runnerlib.source.git.refs import candidates, find, is_id
from runnerlib.source.git.remote import locate
from runnerlib.source.git_query.head import Head, meaning

if TYPE_CHECKING:
    from runnerlib.source import SourceSpec


def asked_for(spec: SourceSpec) -> Head:
    """The branch or tag that the ref of a git source names; of the default branch its name. Raises SourceError."""
    ref = spec.ref or None
    if ref is not None and is_id(ref):
        return Head()
    listing = transport_for(spec, lambda _line: None).list_refs(locate(spec.url or ""), candidates(ref))
    wanted = find(ref, [name for name in listing.refs if not name.endswith("^{}")])
    name = listing.default if wanted.name == "HEAD" else wanted.name
    return meaning(name or "")
