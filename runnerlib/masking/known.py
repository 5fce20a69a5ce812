"""A masker that can say what it masks: a fleet hands that on to its other machines."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING

from runnerlib.masking.masker import SecretMasker, _encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Known = tuple[tuple[bytes, str | None], ...]
    """Values with their names."""


class KnownSecrets(SecretMasker):
    """Masker that keeps its values; `tell` gets new ones before anything is masked with them."""

    __slots__ = ("_known", "tell")

    def __init__(
        self,
        marker: str | bytes = "[REDACTED]",
        *,
        min_length: int = 3,
        shapes: Iterable[str] = (),
        mask_members: str = "private",
    ) -> None:
        super().__init__(marker, min_length=min_length, shapes=tuple(shapes), mask_members=mask_members)
        self._known: dict[bytes, str | None] = {}
        self.tell: Callable[[Known], object] | None = None

    @property
    def known(self) -> Known:
        """All values so far."""
        return tuple(self._known.copy().items())

    def register_secrets(
        self, values: Iterable[str | bytes | None], names: str | Iterable[str | None] | None = None
    ) -> int:
        """Register a batch as `SecretMasker` does."""
        labels = repeat(names) if names is None or isinstance(names, str) else chain(names, repeat(None))
        pairs = tuple((_encode(value), name) for value, name in zip(values, labels, strict=False))
        new = tuple(pair for pair in pairs if pair[0] not in self._known and self._accepts(pair[0]))
        self._known.update(new)
        if new and self.tell is not None:
            self.tell(new)
        return super().register_secrets([value for value, _ in pairs], [name for _, name in pairs])
