"""References to secrets in texts: `${secret:path:key}`. Pure; the names are those of Reactorcide's runner."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Get = Callable[[str, str], str | None]
    """Gives the value for a path and a key, or None."""

SECRET_REF_PATTERN = re.compile(r"\$\{secret:([a-zA-Z0-9/_-]+):([a-zA-Z0-9_-]+)\}")


class SecretRef(NamedTuple):
    """A reference; `raw` is how it is written."""

    path: str
    key: str
    raw: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.key}"


def parse_secret_ref(text: str) -> SecretRef | None:
    """The reference that `text` is as a whole, or None."""
    found = SECRET_REF_PATTERN.fullmatch(text)
    return SecretRef(found[1], found[2], found[0]) if found else None


def find_secret_refs(text: str) -> list[SecretRef]:
    """Every reference in `text`, in order."""
    return [SecretRef(found[1], found[2], found[0]) for found in SECRET_REF_PATTERN.finditer(text)]


def is_secret_ref(text: str) -> bool:
    """Return whether `text` is one reference and nothing else."""
    return parse_secret_ref(text) is not None


def has_secret_refs(text: str) -> bool:
    """Return whether `text` contains a reference."""
    return SECRET_REF_PATTERN.search(text) is not None


def resolve_secrets_in_string(text: str, get: Get, missing_ok: bool = False) -> str:
    """Return `text` with every reference replaced, once: references inside a value are not replaced.

    Raises ValueError for the first that `get` does not have, unless it may be missing and stays then.
    """

    def value(found: re.Match[str]) -> str:
        secret = get(found[1], found[2])
        if secret is None and not missing_ok:
            raise ValueError(f"Secret not found: {found[1]}:{found[2]}")
        return found[0] if secret is None else secret

    return SECRET_REF_PATTERN.sub(value, text)


def resolve_secrets_in_dict(data: Mapping[str, object], get: Get, missing_ok: bool = False) -> dict[str, object]:
    """A copy of `data` with the references in all its texts replaced, those in lists and mappings within included."""
    return {name: _resolved(value, get, missing_ok) for name, value in data.items()}


def collect_secret_refs(data: object) -> list[SecretRef]:
    """Every reference in a structure of mappings, lists and texts, each once, in order."""
    return list(dict.fromkeys(_collected(data)))


def _resolved(value: object, get: Get, missing_ok: bool) -> object:
    if isinstance(value, str):
        return resolve_secrets_in_string(value, get, missing_ok)
    if isinstance(value, Mapping):
        return resolve_secrets_in_dict(value, get, missing_ok)
    if isinstance(value, (list, tuple)):
        return type(value)([_resolved(item, get, missing_ok) for item in value])
    return value


def _collected(data: object) -> Iterator[SecretRef]:
    if isinstance(data, str):
        yield from find_secret_refs(data)
    elif isinstance(data, (Mapping, list, tuple)):
        for item in data.values() if isinstance(data, Mapping) else data:
            yield from _collected(item)
