"""Members of structured secrets that are no secrets: where a service is, and who uses it.

A mask on `eu-west-3` or on the name of a project makes a log unreadable, and tells the value to who sees the gap.
"""

from __future__ import annotations

_LAST = frozenset({"uri", "url", "username", "region", "host", "hostname", "port", "loglevel"})
_LAST_TWO = frozenset({("project", "id"), ("client", "email"), ("user", "name"), ("log", "level")})
_ALONE = frozenset({("level",), ("verbosity",)})


def is_public(name: str, value: bytes) -> bool:
    """Judge a member by its name: `project_id`, `DB_HOST`, `tokenUri`; a URL that may hold a secret is none."""
    words = _words(name)
    if not ((words[-1:] and words[-1] in _LAST) or words[-2:] in _LAST_TWO or words in _ALONE):
        return False
    return _is_bare(value) if words[-1] in {"uri", "url"} or b"://" in value else b"@" not in value or "email" in words


def _words(name: str) -> tuple[str, ...]:
    """Split `DB_HOST`, `db-host`, `db.host` and `dbHost`."""
    spaced = "".join(
        f" {char}" if char.isupper() and before.islower() else char if char.isalnum() else " "
        for before, char in zip(" " + name, name, strict=False)
    )
    return tuple(spaced.lower().split())


def _is_bare(url: bytes) -> bool:
    """Return whether a URL has neither user, query nor fragment, and is no hook, whose path is its password."""
    return not any(mark in url.lower() for mark in (b"@", b"?", b"#", b"hook"))
