"""Parts of a bucket of S3, from an address and the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from runnerlib._util.http.target import Target, UrlError, parse
from runnerlib.errors import ConfigError, one_line, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

_REGION = "us-east-1"
_OPTIONS = ["endpoint", "region"]


class Bucket(NamedTuple):
    """A part of a bucket of S3; `prefix` is empty or ends with a slash."""

    name: str
    prefix: str
    region: str
    endpoint: Target

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}".removesuffix("/")


def bucket_of(address: str, environ: Mapping[str, str]) -> Bucket | None:
    """Return the bucket that an address names, None where it is a directory. Raises ConfigError."""
    if not address.startswith("s3://"):
        return None
    shown = one_line(address.partition("?")[0])
    parts = urlsplit(address)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS:
            raise ConfigError(f"store '{shown}' has no option '{one_line(name)}'{suggestion(name, _OPTIONS)}")
    prefix = "".join(f"{part}/" for part in unquote(parts.path).split("/") if part)
    if not parts.netloc or "@" in parts.netloc or parts.fragment or not prefix.isascii():
        raise ConfigError(
            f"store '{shown}' is no s3://BUCKET/PREFIX of ASCII letters; credentials are in the environment"
        )
    region = options.get("region") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or _REGION
    given = options.get("endpoint") or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    try:
        endpoint = parse(given or f"https://s3.{region}.amazonaws.com")
    except UrlError as error:
        raise ConfigError(f"the endpoint of store '{shown}' {error}") from None
    return Bucket(parts.netloc, prefix, region, endpoint)
