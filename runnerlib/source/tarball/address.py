"""Address of an archive and its expected checksum: `https://host/x.tar.gz#sha256=…`, `file:///x.zip`, `x.tar`. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from runnerlib._util.http.target import UrlError, is_host
from runnerlib._util.http.target import parse as parse_target
from runnerlib.errors import SourceError, unknown
from runnerlib.source.url import split, without_credentials

if TYPE_CHECKING:
    from runnerlib._util.http.target import Target
    from runnerlib.source.url import Url

_SCHEMES = ("https", "http", "file")
_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_CHECKSUM = r"(?s)(.*)#([A-Za-z0-9_-]+)=([^#]*)"


class Checksum(NamedTuple):
    """A hash algorithm of `hashlib` and the expected hexadecimal digest."""

    algorithm: str
    digest: str


class Address(NamedTuple):
    """An archive's `path` on this machine or, with `url`, on another; `shown` holds no secret."""

    shown: str
    path: str = ""
    url: Url | None = None
    checksum: Checksum | None = None


def parse(text: str) -> Address:
    """Take the url of a source apart. Raises `SourceError`."""
    place, checksum = _checksum(text)
    url = split(place)
    if url is None or not url.scheme:
        return Address(place, place, None, checksum)
    shown = without_credentials(place)
    if url.scheme not in _SCHEMES:
        raise SourceError(f"{unknown('archive url scheme', url.scheme, _SCHEMES)} in '{shown}'")
    if url.scheme == "file":
        if url.host not in {"", "localhost"}:
            raise SourceError(f"archive url '{shown}' names a file on host '{url.host}', not on this one")
        return Address(shown, unquote(url.rest), None, checksum)
    if "#" in place:
        fragment = place.rpartition("#")[2]
        raise SourceError(
            f"archive url '{without_query(shown)}' ends with '#{fragment}'; #sha256=DIGEST may stand there"
        )
    if not is_host(url.host):
        raise SourceError(f"archive url '{without_query(shown)}' has no valid host")
    try:
        target_of(url)
    except UrlError as error:
        raise SourceError(f"archive url '{without_query(shown)}' {error}") from None
    return Address(without_query(shown), "", url, checksum)


def target_of(url: Url) -> Target:
    """Return what is asked for `url`, without its credentials. Raises `UrlError`."""
    return parse_target(f"{url.scheme}://{url.host}{url.rest}")


def without_query(url: str) -> str:
    """Return a url without its query, which may hold signatures and tokens."""
    place, mark, _ = url.partition("#")[0].partition("?")
    return f"{place}?…" if mark else place


def _checksum(text: str) -> tuple[str, Checksum | None]:
    found = re.fullmatch(_CHECKSUM, text)
    if found is None:
        return text, None
    place, algorithm, digest = found.groups()
    algorithm = algorithm.lower()
    if algorithm in {"md5", "sha1"}:
        raise SourceError(f"a checksum by {algorithm} proves nothing any more ({', '.join(_DIGITS)})")
    if algorithm not in _DIGITS:
        raise SourceError(unknown("checksum", algorithm, _DIGITS))
    if not re.fullmatch(f"[0-9a-fA-F]{{{_DIGITS[algorithm]}}}", digest):
        raise SourceError(f"checksum '{digest}' is not the {_DIGITS[algorithm]} hexadecimal digits of {algorithm}")
    return place, Checksum(algorithm, digest.lower())
