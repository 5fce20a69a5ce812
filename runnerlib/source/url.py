"""Credentials in URLs: take them off, hide them, list them. Pure text, no I/O."""

from __future__ import annotations

import re
from urllib.parse import unquote

from runnerlib._util.values import NamedTuple

# Patterns as texts: they are compiled when they are first used, and a plain start uses none.
_URL = r"(?s)(?P<scheme>[A-Za-z][\w+.-]*)://(?:(?P<info>[^/?#]*)@)?(?P<host>[^/?#@]*)(?P<rest>.*)"
_SCP = r"(?s)(?:(?P<info>[^/@]*)@)?(?P<host>\[[^/\]]*\]|[^/:@]+):(?P<rest>(?!//).*)"
_HOST = r"([\w.-]+|\[[\w:.%]*\])(:\d*)?"
_IN_TEXT = r"([A-Za-z][\w+.-]*://)[^\s/'\"]*@"

# Names that forges document as a fixed user beside a token, or a fixed password behind one: no secrets,
# and masking them would blacken every "git" of a log.
_PUBLIC = frozenset({"", "git", "hg", "oauth2", "gitlab-ci-token", "x-access-token", "x-oauth-basic", "x-token-auth"})

# Query parameters that grant access: tokens of forges, signatures of object stores.
_PARAMETERS = r"(?i)[?&;](?:[\w-]*(?:token|signature|secret|password|api_?key|credential)|sig|key)=([^&;#]{6,})"

# Here the user is a part of the address.
_SSH = ("ssh", "svn+ssh")


class Url(NamedTuple):
    """`scheme://user:password@host/rest`; `scheme` is "" for the scp-like `user@host:rest`."""

    scheme: str
    user: str
    password: str
    host: str
    rest: str

    def clean(self) -> str:
        """Return the URL without password, fit to be stored; ssh keeps its user, who is part of the address."""
        user = f"{self.user}@" if self.user and self.scheme in {"", *_SSH} else ""
        place = f"{user}{self.host}"
        return f"{self.scheme}://{place}{self.rest}" if self.scheme else f"{place}:{self.rest}"


def split(url: str) -> Url | None:
    """Take a URL or an scp-like address apart, percent-decoding the user-info; None for a plain path."""
    found = re.fullmatch(_URL, url) or re.fullmatch(_SCP, url)
    if found is None:
        return None
    parts = found.groupdict()
    user, _, password = (parts["info"] or "").partition(":")
    scheme = (parts.get("scheme") or "").lower()
    return Url(scheme, unquote(user), unquote(password), parts["host"], parts["rest"])


def _user_info(url: str) -> tuple[str, str | None]:
    """Return the scheme ("ssh" for scp-like) and the raw user-info, None without one.

    An unescaped `/`, `?` or `#` in a password makes nonsense of the host; then the user-info is taken to
    reach up to the last `@`.
    """
    found = re.fullmatch(_URL, url)
    if found is None:
        scp = re.fullmatch(_SCP, url)
        return "ssh", scp["info"] if scp else None
    if "@" in found["rest"] and not re.fullmatch(_HOST, found["host"]):
        return found["scheme"].lower(), url[found.end("scheme") + 3 : url.rindex("@")]
    return found["scheme"].lower(), found["info"]


def without_credentials(url: str) -> str:
    """Hide the user-info of `url`: `https://me:token@host/x` becomes `https://***@host/x`.

    A lone user of ssh (`git@host:x`, `ssh://git@host/x`) is an address, not a secret, and stays.
    """
    scheme, info = _user_info(url)
    if info is None or (scheme in _SSH and ":" not in info):
        return url
    return f"{url[: url.index(info)]}***@{url.rpartition('@')[2]}"


def url_secrets(url: str | None) -> list[str]:
    """Return the password or token of the user-info of `url`, and those of its query, raw and percent-decoded.

    A user without a password is a token, except over ssh; fixed names such as `x-access-token` are none.
    """
    scheme, info = _user_info(url or "")
    user, _, password = (info or "").partition(":")
    raw = password if unquote(password) not in _PUBLIC else "" if scheme in _SSH else user
    found = re.findall(_PARAMETERS, url or "") + ([] if unquote(raw) in _PUBLIC else [raw])
    return list(dict.fromkeys(text for secret in found for text in (secret, unquote(secret))))


def scrub(message: str, secrets: list[str]) -> str:
    """Remove `secrets`, and the user-info of every URL, from the text of another program's error."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        message = message.replace(secret, "***")
    return re.sub(_IN_TEXT, r"\1***@", message)
