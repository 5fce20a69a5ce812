"""The key of a fleet: what is sealed to its public half only workers can open.

A key file has a line for each half. A dispatcher needs the public line alone.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from runnerlib.errors import ConfigError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_PUBLIC = "runnerlib-fleet-public-key"
_PRIVATE = "runnerlib-fleet-private-key"
_LENGTH = 32
_LARGEST = 4096


class FleetKey(NamedTuple):
    """A key; `private` is empty where only the public half is known."""

    public: bytes
    private: bytes = b""

    @property
    def fingerprint(self) -> str:
        """The name of the key that everybody may see."""
        return hashlib.sha256(self.public).hexdigest()[:16]


def new_key() -> FleetKey:
    """Make a key."""
    made = X25519PrivateKey.generate()
    return FleetKey(made.public_key().public_bytes_raw(), made.private_bytes_raw())


def written(key: FleetKey) -> str:
    """Return the content of a key file."""
    return (
        "# Key of a fleet of runnerlib. Workers need both lines; a dispatcher needs the public one alone.\n"
        f"{_PUBLIC} {b64encode(key.public).decode()}\n{_PRIVATE} {b64encode(key.private).decode()}\n"
    )


def read_key(path: str) -> FleetKey:
    """Read a key file, or the public half of one. Raises ConfigError."""
    shown = printable(path)
    try:
        with open(path, encoding="ascii") as file:
            text = file.read(_LARGEST)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(f"cannot read the fleet's key '{shown}': {why}") from None
    lines = dict(_fields(line) for line in text.splitlines() if line.strip() and not line.startswith("#"))
    if not lines.keys() & {_PUBLIC, _PRIVATE} or lines.keys() - {_PUBLIC, _PRIVATE}:
        raise ConfigError(f"'{shown}' is no key of a fleet; `runnerlib worker keygen` prints one")
    private = _half(lines, _PRIVATE, shown)
    public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw() if private else b""
    given = _half(lines, _PUBLIC, shown)
    if public and given and public != given:
        raise ConfigError(f"the halves in '{shown}' are of different keys")
    return FleetKey(public or given, private)


def _fields(line: str) -> tuple[str, str]:
    name, _, value = line.strip().partition(" ")
    return name, value.strip()


def _half(lines: Mapping[str, str], name: str, shown: str) -> bytes:
    try:
        found = b64decode(lines.get(name, ""), validate=True)
    except ValueError:
        found = b"?"
    if len(found) not in {0, _LENGTH}:
        raise ConfigError(f"'{shown}' is damaged: {name} has not {_LENGTH} bytes")
    return found
