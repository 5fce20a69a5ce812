"""Sets of secrets as they are registered for real jobs, all made up."""

from __future__ import annotations

import string
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import cycle, islice
from typing import TYPE_CHECKING

from benchmarks.draw import Draw
from runnerlib.masking import SecretMasker
from runnerlib.masking.encodings import forms

if TYPE_CHECKING:
    from collections.abc import Callable

MARKER = b"[REDACTED]"

_ALNUM = string.ascii_letters + string.digits
# Neither quotes nor a comma: the sets are also handed over on command lines.
_PRINTABLE = _ALNUM + "!#$%&*+-./:;<=>?@^_~"
_WORDS = ("winter", "dragon", "sunshine", "monkey", "shadow", "football", "princess", "corvette")


@dataclass(frozen=True)
class SecretSet:
    """Secrets to mask; `encoded` ones are searched in all forms in which programs print them."""

    name: str
    secrets: tuple[bytes, ...]
    encoded: bool = False

    @cached_property
    def patterns(self) -> tuple[bytes, ...]:
        """The byte strings that must be found: what an engine without encodings has to be given."""
        if not self.encoded:
            return self.secrets
        return tuple(dict.fromkeys(pattern for secret in self.secrets for _, pattern in forms(secret)))

    def masker(self) -> SecretMasker:
        """Compile the set with our engine, as users do."""
        masker = SecretMasker(MARKER, encodings=self.encoded)
        masker.register_secrets(self.secrets)
        return masker

    def plain_masker(self) -> SecretMasker:
        """Compile the patterns as they are: without the folded view, which no rival has."""
        masker = SecretMasker(MARKER, encodings=False)
        masker.register_secrets(self.patterns)
        return masker


def _github_token(draw: Draw) -> bytes:
    return b"ghp_" + draw.string(_ALNUM, 36).encode()


def _password(draw: Draw) -> bytes:
    """Return 8 to 16 characters; half of them are a word and digits."""
    length = draw.between(8, 16)
    if draw.below(2):
        return draw.string(_PRINTABLE, length).encode()
    word = draw.pick(_WORDS)
    return (word + draw.string(string.digits, max(length - len(word), 2))).encode()


def _uuid(draw: Draw) -> bytes:
    digits = draw.noise(16).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])).encode()


def _aws_key_id(draw: Draw) -> bytes:
    return b"AKIA" + draw.string(string.ascii_uppercase + string.digits, 16).encode()


def _aws_secret(draw: Draw) -> bytes:
    return b64encode(draw.noise(30))


def _jwt(draw: Draw) -> bytes:
    header = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    claims = (
        f'{{"sub":"{draw.noise(16).hex()}","name":"ci-{draw.below(10**6)}","iat":{17 * 10**8 + draw.below(10**8)}}}'
    )
    signature = urlsafe_b64encode(draw.noise(32)).rstrip(b"=")
    return b".".join((header, urlsafe_b64encode(claims.encode()).rstrip(b"="), signature))


def _pem_line(draw: Draw) -> bytes:
    return b64encode(draw.noise(48))


# Ten secrets of ten sets; the first one of all is a token.
_KINDS: tuple[Callable[[Draw], bytes], ...] = (
    *(_github_token, _password, _uuid, _aws_key_id, _github_token),
    *(_jwt, _password, _aws_secret, _github_token, _pem_line),
)


@cache
def raw(count: int) -> SecretSet:
    """Return a set of secrets as they are; a larger set contains the smaller ones."""
    draw = Draw("secrets")
    made = dict.fromkeys(kind(draw) for kind in islice(cycle(_KINDS), count))
    while len(made) < count:  # a word and two digits may have come twice
        made[_password(draw)] = None
    return SecretSet(str(count), tuple(made))


@cache
def encoded(count: int) -> SecretSet:
    """Return a set whose secrets are searched in all their encodings."""
    return SecretSet(f"{count} encoded", raw(count).secrets, encoded=True)


@cache
def nested() -> SecretSet:
    """Return 200 secrets each of which contains all shorter ones."""
    return SecretSet("nested", tuple(b"a" * length for length in range(8, 208)))
