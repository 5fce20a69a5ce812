"""Seals: the envelope of a job to the fleet's key (HPKE, RFC 9180), its frames with a key inside of the envelope.

Every seal is bound to what it is about, a text: the engine cannot put the envelope or a frame of one job in the place
of another.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from runnerlib.errors import RunnerError

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_NONCE = 12


class SealError(RunnerError):
    """A message is not the one that was sealed, or was sealed to another key."""


def seal(data: bytes, public: bytes, about: str) -> bytes:
    """Seal `data` for who has the private half of `public`."""
    return _SUITE.encrypt(data, X25519PublicKey.from_public_bytes(public), about.encode())


def opened(sealed: bytes, private: bytes, about: str) -> bytes:
    """Return what was sealed. Raises SealError."""
    try:
        return _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), about.encode())
    except (InvalidTag, ValueError):
        raise SealError("it was sealed to another key, or changed on its way") from None


class JobCipher:
    """Seals what belongs to one job, in both directions."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)

    def seal(self, data: bytes, about: str) -> bytes:
        """Seal `data`; the nonce, which is random, comes first."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, about.encode())

    def opened(self, sealed: bytes, about: str) -> bytes:
        """Return what was sealed. Raises SealError."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], about.encode())
        except (InvalidTag, ValueError):
            raise SealError("it is not from this job, or was changed on its way") from None
