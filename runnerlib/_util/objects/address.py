"""Addresses of stores: a path, `file:///PATH`, or `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from runnerlib._util.objects.bucket import bucket_of
from runnerlib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib._util.objects.contract import ObjectStore

_FORMS = "a path, file:///PATH or s3://BUCKET/PREFIX"


def open_store(address: str, environ: Mapping[str, str], check: Callable[[], object] = lambda: None) -> ObjectStore:
    """Return the store at an address; nothing is asked of it yet. `check` raises when a call is to end early.

    Credentials and, unless the address has them, region and endpoint of S3 are those of the usual variables
    (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3). Raises ConfigError.
    """
    bucket = bucket_of(address, environ)
    if bucket is None:
        from runnerlib._util.objects.directory import DirectoryStore

        return DirectoryStore(_path(address), check)
    from runnerlib._util.objects.s3 import S3Store
    from runnerlib._util.objects.sigv4 import Credentials

    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if missing := [name for name in names if not environ.get(name)]:
        raise ConfigError(f"store '{bucket}' needs credentials: {' and '.join(missing)} not in the environment")
    key, secret = (environ[name] for name in names)
    return S3Store(bucket, Credentials(key, secret, environ.get("AWS_SESSION_TOKEN", "")), check)


def check_address(address: str) -> str:
    """Return an address of a store as it is. Raises ValueError, whose text says what is expected."""
    try:
        if bucket_of(address, {}) is None:
            _path(address)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return address


def _path(address: str) -> str:
    path = unquote(address.removeprefix("file://")) if address.startswith("file://") else address
    if "://" in path or not path.startswith("/"):
        raise ConfigError(
            f"store '{one_line(address.partition('?')[0])}' is none; {_FORMS} is expected, the path absolute"
        )
    return path
