"""The source types of one run: those of this package, and those that its plugins add."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from runnerlib._util import registry
from runnerlib.errors import SourceError, unknown
from runnerlib.source.options import check_names
from runnerlib.source.url import without_credentials

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.spec import Fill, Handler, Prepared, Report, SourceSpec

BUILT_IN = ("git", "copy", "tarball", "hg", "svn", "none")
"""Each is the module of its name, loaded when a source is of that type. Help and errors name them in this order."""

_NAME = r"[a-z][a-z0-9_-]*"


class Sources:
    """The source types of one run, a value that is passed on.

    While it `may_grow`, a type that is unknown may still be registered, by a plugin, before the source is
    prepared; plans made meanwhile let it pass.
    """

    def __init__(self, *, may_grow: bool = False) -> None:
        self.may_grow = may_grow
        self._added: dict[str, Handler] = {}

    def register(self, name: str, handler: Handler | Fill) -> None:
        """Add a source type.

        `handler` is a function `fill(spec, directory, report)`, which puts the source into the new,
        empty `directory` and may return its revision as a text; the directory becomes the target when
        it returns. Or it is an object with `check(spec)` and `prepare(spec, target, report)`, which
        does all that itself (`Handler`). Raises `SourceError` for a name that is taken or no name,
        and for a handler that cannot be called like that.
        """
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            raise SourceError(f"source type {name!r}: a name of lower case letters, digits, '-' and '_' is expected")
        if name in self.types():
            raise SourceError(f"source type '{name}' exists already")
        from runnerlib.source.plugin_handler import adopt

        self._added[name] = adopt(name, handler)

    def types(self) -> tuple[str, ...]:
        """The names of all source types, sorted."""
        return tuple(sorted((*BUILT_IN, *self._added)))

    def check(self, spec: SourceSpec) -> None:
        """Refuse early, by `SourceError`, a spec that can never work; pure, touches nothing."""
        handler = self._handler(spec.type)
        for kind, text in (("url", spec.url), ("ref", spec.ref)):
            _check_text(kind, text or "")
        check_names(spec, getattr(handler, "OPTIONS", None))
        handler.check(spec)

    def prepare(self, spec: SourceSpec, target: Path, report: Report) -> Prepared | None:
        """Prepare the source `spec` at `target`; return None when the type is `none`.

        The new tree is made aside and swapped in when it is complete: whatever goes wrong, an interrupt
        included, the target keeps its previous content. Raises `SourceError`.
        """
        self.check(spec)
        try:
            return self._handler(spec.type).prepare(spec, target, report)
        except OSError as error:
            where = f" {error.filename!r}:" if error.filename is not None else ""
            said = error.strerror or str(error)
            raise SourceError(f"source '{spec.type}' cannot be prepared:{where} {said.lower()}") from error

    def _handler(self, name: str) -> Handler:
        if name in BUILT_IN:
            return cast("Handler", registry.load("source type", name))
        if name not in self._added:
            raise SourceError(unknown("source type", name, self.types()))
        return self._added[name]


def _check_text(kind: str, text: str) -> None:
    """Refuse a text that could pass for an option or break a line of a log or a protocol."""
    shown = without_credentials(text)
    if text.startswith("-"):
        raise SourceError(f"source {kind} '{shown}' starts with '-'")
    if not text.isprintable() and any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise SourceError(f"source {kind} {shown!r} holds a control character")
