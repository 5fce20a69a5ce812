"""Masking in one call, for callers that have all secrets in advance."""

from __future__ import annotations

from runnerlib.masking.masker import SecretMasker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO


def mask_text(
    text: str, secrets: Iterable[str | bytes] = (), *, marker: str = "[REDACTED]", shapes: str | Iterable[str] = ()
) -> str:
    """Return `text` with every form of `secrets` of 3 bytes or more masked, and all matches of `shapes`.

    `shapes` as for `SecretMasker`: names, or "all". Raises ValueError for an unknown name.
    """
    return _masker(secrets, marker, shapes).mask_string(text)


def mask_stream(
    source: BinaryIO,
    target: BinaryIO,
    secrets: Iterable[str | bytes] = (),
    *,
    marker: str = "[REDACTED]",
    shapes: str | Iterable[str] = (),
) -> int:
    """Copy `source` to `target`, as it arrives, with all hidden that `mask_text` hides; the number of marks.

    `source` is read as far as data is there (`read1` where it has one), `target` is flushed after each write.
    """
    stream = _masker(secrets, marker, shapes).stream()
    read = getattr(source, "read1", source.read)
    while data := read(1 << 16):
        target.write(stream.feed(data))
        target.flush()
    target.write(stream.flush())
    target.flush()
    return stream.marks


def _masker(secrets: Iterable[str | bytes], marker: str, shapes: str | Iterable[str]) -> SecretMasker:
    masker = SecretMasker(marker, shapes=shapes)
    masker.register_secrets(secrets)
    return masker
