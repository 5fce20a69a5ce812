"""Sources: put the code that a job works on where the job expects it.

A source type is a module of this package named as the type, with the two functions of `spec.Handler`,
and an entry in `_TYPES`. The other modules serve the handlers: `spec` (values), `place` (prepare
aside, swap in when complete), `tree` (walk and remove trees without following links), `url`
(credentials in URLs), and git's own `remote`, `stored`, `refs`, `objects`, `worker` and `libgit2`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from runnerlib.errors import SourceError, unknown
from runnerlib.source.spec import Handler, Prepared, Report, SourceSpec
from runnerlib.source.stored import stored_secrets
from runnerlib.source.url import url_secrets, without_credentials

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Prepared",
    "SourceSpec",
    "check",
    "prepare",
    "source_types",
    "stored_secrets",
    "url_secrets",
    "without_credentials",
]

_TYPES = ("copy", "git", "none")


def source_types() -> tuple[str, ...]:
    """Return the names of all source types, sorted."""
    return _TYPES


def _handler(name: str) -> Handler:
    """Return the module of a source type; loaded when it is asked for, since a run needs one at most."""
    return cast("Handler", importlib.import_module(f"{__name__}.{name}"))


def check(spec: SourceSpec) -> None:
    """Refuse early, by `SourceError`, a spec that can never work; pure, touches nothing."""
    if spec.type not in _TYPES:
        raise SourceError(unknown("source type", spec.type, source_types()))
    for kind, text in (("url", spec.url), ("ref", spec.ref)):
        _check_text(kind, text or "")
    _handler(spec.type).check(spec)


def _check_text(kind: str, text: str) -> None:
    """Refuse what could be taken for an option or break a line of a log or a protocol."""
    shown = without_credentials(text)
    if text.startswith("-"):
        raise SourceError(f"source {kind} '{shown}' starts with '-'")
    if not text.isprintable() and any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise SourceError(f"source {kind} {shown!r} holds a control character")


def _silent(_line: str) -> None:
    """Report to nobody."""


def prepare(spec: SourceSpec, target: Path, report: Report = _silent) -> Prepared | None:
    """Put what `spec` names at `target` and say what is there; None when the type is `none`.

    The new tree is made aside and swapped in when it is complete: whatever goes wrong, an interrupt
    included, the target keeps its previous content. Raises `SourceError`.
    """
    check(spec)
    try:
        return _handler(spec.type).prepare(spec, target, report)
    except OSError as error:
        where = f" {error.filename!r}:" if error.filename is not None else ""
        said = error.strerror or str(error)
        raise SourceError(f"source '{spec.type}' cannot be prepared:{where} {said.lower()}") from error
