"""Targets of notifications, as `notify` names them: `[WHEN=]ADDRESS`. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from runnerlib._util.http.target import UrlError, parse
from runnerlib.errors import unknown

WHEN = ("failure", "always", "success", "cancelled", "changed")
"""The moments of a notification, the usual one first; `changed` is an end that differs from that of the last run."""

_ADDRESS = re.compile(r"[^\s@<>,;:\"()\\]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*")
_SMTP_PORTS = {"smtp": 587, "smtps": 465}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class Notification(NamedTuple):
    """A message that is wanted: `kind` is webhook, slack or email, `address` a URL or the receivers, with commas."""

    when: str
    kind: str
    address: str

    @property
    def shown(self) -> str:
        """The target in messages: without path and query, which are the secret of many webhooks."""
        return f"{self.kind} {self.address if self.kind == 'email' else parse(self.address).authority}"


class Mailbox(NamedTuple):
    """The server that takes e-mail; `tls` from the first byte on, else by STARTTLS."""

    host: str
    port: int
    tls: bool
    user: str
    password: str


def notification(text: str, *, insecure: bool = False) -> Notification:
    """Read one target. Raises ValueError; what may be secret in the text is not repeated.

    Plain http goes to this machine only, unless `insecure` allows it.
    """
    when, address = _parted(text.strip())
    if when not in WHEN:
        raise ValueError(f"{unknown('moment', when, WHEN)}")
    if address.startswith("mailto:"):
        receivers = [one.strip() for one in unquote(address.removeprefix("mailto:")).split(",")]
        if not all(map(_ADDRESS.fullmatch, receivers)):
            raise ValueError("mailto: is followed by addresses as team@example.org, with commas between them")
        return Notification(when, "email", ", ".join(receivers))
    kind, url = ("slack", address.removeprefix("slack:")) if address.startswith("slack:") else ("webhook", address)
    try:
        target = parse(url)
    except UrlError as error:
        raise ValueError(f"a target {error}; https://…, slack:https://… or mailto:… is expected") from None
    if target.scheme == "http" and target.host not in _LOCAL and not insecure:
        raise ValueError(
            f"'{target.authority}' would be told without encryption; https is expected, or allow_insecure_transport"
        )
    return Notification(when, kind, url)


def _parted(text: str) -> tuple[str, str]:
    """Return the moment and the address; an address may have a `=` of its own."""
    before, mark, rest = text.partition("=")
    return (before, rest) if mark and ":" not in before else (WHEN[0], text)


def mailbox(url: str) -> Mailbox:
    """Read the address of a mail server, `smtps://USER:PASSWORD@HOST` or `smtp://…`. Raises ValueError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("smtps://USER:PASSWORD@HOST:PORT is expected") from None
    if parts.scheme not in _SMTP_PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("smtps://USER:PASSWORD@HOST:PORT is expected, or smtp:// for STARTTLS")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Mailbox(parts.hostname, port or _SMTP_PORTS[parts.scheme], parts.scheme == "smtps", user, password)
