"""Where a git source is fetched from, and with which credentials."""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import unquote

from runnerlib.source.stored import stored
from runnerlib.source.url import Url, split, without_credentials


class Remote(NamedTuple):
    """Where to fetch: `address` for the transport and .git/config, `shown` for people, `user` and
    `password` for the server. `url` is None when `address` is an absolute local path.
    """

    address: str
    shown: str
    url: Url | None = None
    user: str = ""
    password: str = ""


def locate(url: str) -> Remote:
    """Return how to reach `url`, with its own credentials or the stored ones; paths become absolute."""
    found = split(url)
    if found is None or found.scheme == "file":
        path = os.path.abspath(unquote(found.rest) if found else url)
        return Remote(address=path, shown=url)
    user, password = found.user, found.password
    if not password and found.scheme in {"http", "https"}:
        user, password = stored(found) or (user, "")
    return Remote(found.clean(), without_credentials(url), found, user, password)
