"""Selection of secret values, and of those that are strong enough to be searched for; pure.

A value that is declared as secret is masked from a few bytes up. A value that is only guessed to be secret, by the
name of its variable, must be longer and no everyday word: masking every `main` or `true` would make the log
unreadable and reveal the "secret".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Secret(NamedTuple):
    """A value to mask; `name` is its origin and is shown, the value never is."""

    name: str
    value: str
    guessed: bool = False


def guess(environ: Mapping[str, str], patterns: Iterable[str]) -> Iterator[Secret]:
    """Yield the variables of `environ` that look secret by name; `*` in a pattern matches anything, case is ignored."""
    split = [pattern.upper().split("*") for pattern in patterns]
    for name, value in environ.items():
        if value and any(_matches(name.upper(), parts) for parts in split):
            yield Secret(name, value, guessed=True)


def _matches(name: str, parts: list[str]) -> bool:
    """Return whether `name` consists of `parts` with anything between them.

    `fnmatch` would do the same after compiling a regular expression for each pattern, which costs
    every start as much as all other work of the runner before the job begins.
    """
    head, *rest = parts
    if not rest:
        return name == head
    *middle, tail = rest
    end = len(name) - len(tail)
    at = len(head)
    if not name.startswith(head) or not name.endswith(tail):
        return False
    for part in middle:
        at = name.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return at <= end


def weakness(secret: Secret, min_length: int, guessed_min_length: int) -> str:
    """Return why `secret` is not going to be masked, or '' when it is. Lengths are in bytes."""
    raw = secret.value.encode("utf-8", "surrogateescape")
    needed, setting = (
        (guessed_min_length, "secret_env_min_length") if secret.guessed else (min_length, "secret_min_length")
    )
    if not raw:
        return "it is empty or not set"
    if not raw.strip():
        return "it is blank"
    if len(raw) < needed:
        return f"it has {len(raw)} bytes, {setting} is {needed}"
    return _everyday(raw) if secret.guessed else ""


def _everyday(raw: bytes) -> str:
    """Return why a value with a secret-looking name is too common to be a secret, or ''."""
    from runnerlib.masking.strength import MIN_DISTINCT, TRIVIAL

    bare = raw.strip()
    if bare.lower() in TRIVIAL:
        return "it is an everyday word"
    if bare.isdigit():
        return "it is a plain number"
    return "it is hardly more than one character repeated" if len(set(raw)) < MIN_DISTINCT else ""


def secret_texts(value: object) -> Iterator[str]:
    """Yield the secret texts in the value of a secret setting: everything but names, and each item of a list."""
    if isinstance(value, Mapping):
        value = tuple(value.items())
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from secret_texts(item[-1] if isinstance(item, tuple) else item)
    elif value is not None:
        yield str(value)
