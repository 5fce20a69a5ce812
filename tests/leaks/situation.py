"""Parts shared by the cases: every way to cut an output into writes, what counts as readable, real tools."""

from __future__ import annotations

import os
import re
import subprocess
from base64 import b64encode
from random import Random
from typing import TYPE_CHECKING

from runnerlib.masking import SecretMasker
from tests.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK = b"[REDACTED]"
TOKEN = b"Hq3w-Kq7vZx9wPf"

# Up to this size a text is cut into three at every pair of places, above it at pairs of these distances.
SMALL = 120
DISTANCES = (1, 2, 7, 33)


def knowing(*secrets: str | bytes) -> SecretMasker:
    masker = SecretMasker()
    masker.register_secrets(secrets)
    return masker


def fed(masker: SecretMasker, pieces: Iterable[bytes]) -> bytes:
    stream = masker.stream()
    return b"".join([*map(stream.feed, pieces), stream.flush()])


def cuts(text: bytes) -> Iterator[list[bytes]]:
    """Byte by byte, and every cut into two and three writes."""
    yield [text[at : at + 1] for at in range(len(text))]
    for first in range(len(text) + 1):
        yield [text[:first], text[first:]]
        seconds = range(first, len(text) + 1) if len(text) <= SMALL else (first + d for d in DISTANCES)
        for second in seconds:
            yield [text[:first], text[first:second], text[second:]]


def masked(secrets: Iterable[str | bytes], printed: bytes) -> bytes:
    """Mask `printed` as a whole; check that no cut into writes makes a difference."""
    masker = knowing(*secrets)
    whole = masker.mask(printed)
    for pieces in cuts(printed):
        assert fed(masker, pieces) == whole, pieces
    return whole


def readable(secret: bytes, shown: bytes, size: int = 4) -> list[bytes]:
    """The pieces of `size` bytes of the secret that can be read in `shown`."""
    pieces = (secret[at : at + size] for at in range(len(secret) - size + 1))
    return [piece for piece in pieces if piece in shown]


_NEEDED = re.compile(r"\b(base32|base64|jq|openssl|xxd)\b")


def said(*command: str | bytes, given: bytes = b"", **variables: bytes) -> bytes:
    """Run a tool with `variables` as its environment; what it wrote, standard error last."""
    environ = {b"PATH": os.environb[b"PATH"], b"LC_ALL": b"C.UTF-8"}
    environ |= {name.encode(): value for name, value in variables.items()}
    for script in command[1:]:
        for needed in _NEEDED.findall(os.fsdecode(script)):
            tool(needed)
    done = subprocess.run([tool(str(command[0])), *command[1:]], input=given, capture_output=True, env=environ,
                          check=False, timeout=20)  # fmt: skip
    return done.stdout + done.stderr


def armoured(kind: str, width: int, size: int, seed: int, checksum: bytes = b"") -> bytes:
    """A key as PEM, OpenSSH and PGP print one, made up: nobody's key is in these tests."""
    body = b64encode(Random(seed).randbytes(size))
    lines = [body[at : at + width] for at in range(0, len(body), width)]
    head, tail = f"-----BEGIN {kind}-----".encode(), f"-----END {kind}-----".encode()
    return b"\n".join([head, *([b""] if checksum else []), *lines, *([checksum] if checksum else []), tail]) + b"\n"


SSH_KEY = armoured("OPENSSH PRIVATE KEY", 70, 194, seed=388)
RSA_KEY = armoured("RSA PRIVATE KEY", 64, 300, seed=2062)
PGP_KEY = armoured("PGP PRIVATE KEY BLOCK", 64, 150, seed=4793, checksum=b"=Kq7v")


def body(key: bytes) -> list[bytes]:
    """The lines of a key that say anything: without armour, blank lines and checksum."""
    return [line for line in key.splitlines() if line and line[:1] not in {b"-", b"="}]
