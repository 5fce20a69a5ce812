"""Encodings of bits: base64, base32, hex and UTF-16.

Base64 and base32 cut the input into groups of 3 and 5 bytes, so what a secret looks like depends on how
many bytes stand before it. For each alignment there is a *core*: the characters that the secret's bits
alone decide. The characters at its ends, which share bits with the neighbours, are dropped, so the core
is found inside a longer encoding whatever stands around the secret.
"""

from __future__ import annotations

from binascii import b2a_base64

from runnerlib.masking.encodings.literals import json_main
from runnerlib.masking.strength import is_searchable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TO_URL = bytes.maketrans(b"+/", b"-_")
_BASE32 = bytes.maketrans(bytes(range(32)), b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
# Halve each group of 40 bits three times: (bits that stay, bits that move, how far they move).
_SPREAD = (
    (0x00000000_000FFFFF, 0x000000FF_FFF00000, 12),
    (0x000003FF_000003FF, 0x000FFC00_000FFC00, 6),
    (0x001F001F_001F001F, 0x03E003E0_03E003E0, 3),
)


def _cores(encodings: Iterable[bytes], length: int, bits: int, *, ends: bool = True) -> Iterator[bytes]:
    """Yield the core for every alignment and, if `ends`, the end of an encoding that ends with the secret.

    `encodings` are those of a secret of `length` bytes behind none, one, two … bytes.
    """
    for before, encoded in enumerate(encodings):
        first = -(-8 * before // bits)
        end = 8 * (before + length) // bits
        yield encoded[first:end]
        # When nothing follows the secret, its last bits are alone in one more character.
        if ends and encoded[end : end + 1].strip(b"="):
            yield encoded[first : end + 1]


def _base64_cores(value: bytes, *, ends: bool = False) -> Iterator[bytes]:
    encodings = [b2a_base64(before + value, newline=False) for before in (b"", b"\0", b"\0\0")]
    return _cores(encodings, len(value), 6, ends=ends)


def base64_standard(value: bytes) -> Iterator[bytes]:
    """`echo "$S" | base64`, Kubernetes secrets, Basic authorization (where `user:` comes first)."""
    yield from filter(is_searchable, _base64_cores(value, ends=True))


def base64_twice(value: bytes) -> Iterator[bytes]:
    """Base64 of base64, as the attackers of tj-actions printed it (CVE-2025-30066): no masker searched for it."""
    for inner in _base64_cores(value):
        yield from filter(is_searchable, _base64_cores(inner))


def base64_utf16(value: bytes) -> Iterator[bytes]:
    """PowerShell's `-EncodedCommand`, in which Ansible and others send commands to Windows."""
    try:
        text = value.decode().encode("utf-16-le")
    except UnicodeDecodeError:
        return
    yield from filter(is_searchable, _base64_cores(text))


def base64_json(value: bytes) -> Iterator[bytes]:
    """`kubectl create secret docker-registry`, JWTs, and whatever else encodes a document of JSON."""
    for spelt in json_main(value):
        yield from filter(is_searchable, _base64_cores(spelt))
        yield from base64_utf16(spelt)


def base64_url(value: bytes) -> Iterator[bytes]:
    """JWTs and tokens in URLs: the same bits with `-` and `_`."""
    for core in base64_standard(value):
        if b"+" in core or b"/" in core:
            yield core.translate(_TO_URL)


def _base32_texts(value: bytes) -> Iterator[bytes]:
    """Encode the value behind 0 to 4 bytes without padding, all groups at once in one big integer: that is quick."""
    size = -(-(len(value) + 4) // 5) * 5
    padded = b"".join((bytes(before) + value).ljust(size, b"\0") for before in range(5))
    lanes = bytearray(8 * size)
    for at in range(5):
        lanes[3 + at :: 8] = padded[at::5]
    number = int.from_bytes(lanes)
    for stay, move, shift in _SPREAD:
        number = number & _repeated(stay, size) | (number & _repeated(move, size)) << shift
    text = number.to_bytes(8 * size).translate(_BASE32)
    width = size // 5 * 8
    for before in range(5):
        yield text[before * width :][: -(-8 * (before + len(value)) // 5)]


def _repeated(lane: int, groups: int) -> int:
    return int.from_bytes(lane.to_bytes(8) * groups)


def base32(value: bytes) -> Iterator[bytes]:
    """`echo "$S" | base32`, the first answer to "how do I get a secret past the masker"; TOTP seeds."""
    yield from filter(is_searchable, _cores(_base32_texts(value), len(value), 5))


def hexadecimal(value: bytes) -> Iterator[bytes]:
    """`xxd -p`, `openssl`, `od`, dumps of keys; both cases."""
    lower = value.hex().encode()
    yield from filter(is_searchable, (lower, lower.upper()))


def utf16(value: bytes) -> Iterator[bytes]:
    """UTF-16 in either byte order, as PowerShell and other Windows programs write it; a screen shows the secret."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    little, big = text.encode("utf-16-le"), text.encode("utf-16-be")
    # Of ASCII the orders differ in the zero byte at one end only.
    spellings = (little[:-1],) if little[:-1] == big[1:] else (little, big)
    yield from filter(is_searchable, spellings)
