"""Encodings of bits: base64, base32, hex and UTF-16.

Base64 and base32 cut the input into groups of 3 and 5 bytes, so what a secret looks like depends on how
many bytes stand before it. For each alignment there is a *core*: the characters that the secret's bits
alone decide. The characters at its ends, which share bits with the neighbours, are dropped, so the core
is found inside a longer encoding whatever stands around the secret.
"""

from __future__ import annotations

from runnerlib.masking._scanner import cores
from runnerlib.masking.encodings.literals import json_main
from runnerlib.masking.strength import MIN_PIECE, is_searchable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# The bits of a character.
_BASE64, _BASE32 = 6, 5
# The bytes of a text without line ends, and how many of them digits with something between them must stand for.
_PRINTED, _WORDS = frozenset(range(0x20, 0x80)), 6
_TO_URL = bytes.maketrans(b"+/", b"-_")


def base64_standard(value: bytes) -> Iterator[bytes]:
    """`echo "$S" | base64`, Kubernetes secrets, Basic authorization (where `user:` comes first)."""
    yield from cores(value, _BASE64, ends=True, least=MIN_PIECE)


def base64_twice(value: bytes) -> Iterator[bytes]:
    """Base64 of base64, as the attackers of tj-actions printed it (CVE-2025-30066): no masker searched for it."""
    for inner in cores(value, _BASE64, ends=False, least=0):
        yield from cores(inner, _BASE64, ends=False, least=MIN_PIECE)


def base64_utf16(value: bytes) -> Iterator[bytes]:
    """PowerShell's `-EncodedCommand`, in which Ansible and others send commands to Windows."""
    try:
        text = value.decode().encode("utf-16-le")
    except UnicodeDecodeError:
        return
    yield from cores(text, _BASE64, ends=False, least=MIN_PIECE)


def base64_json(value: bytes) -> Iterator[bytes]:
    """`kubectl create secret docker-registry`, JWTs, and whatever else encodes a document of JSON."""
    for spelt in json_main(value):
        yield from cores(spelt, _BASE64, ends=False, least=MIN_PIECE)
        yield from base64_utf16(spelt)


def base64_url(value: bytes) -> Iterator[bytes]:
    """JWTs and tokens in URLs: the same bits with `-` and `_`."""
    for core in base64_standard(value):
        if b"+" in core or b"/" in core:
            yield core.translate(_TO_URL)


def base32(value: bytes) -> Iterator[bytes]:
    """`echo "$S" | base32`, the first answer to "how do I get a secret past the masker"; TOTP seeds."""
    yield from cores(value, _BASE32, ends=True, least=MIN_PIECE)


def hexadecimal(value: bytes) -> Iterator[bytes]:
    """`xxd -p`, `openssl`, `od`, dumps of keys; both cases."""
    lower = value.hex().encode()
    yield from filter(is_searchable, (lower, lower.upper()))


def hex_words(value: bytes) -> Iterator[bytes]:
    """`hexdump` and `od -x`: words of two bytes, the second one first; a word with another byte in it is left out."""
    if not _PRINTED.issuperset(value):
        return  # such digits are only found among others where all are of ASCII, see ext/digits.h
    for at in range(2):
        even = value[at : len(value) - (len(value) - at) % 2]
        swapped = bytearray(even)
        swapped[::2], swapped[1::2] = even[1::2], even[::2]
        if len(swapped) >= _WORDS:
            yield swapped.hex().encode()


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
