"""Signature of a request to S3 (AWS Signature Version 4): a chain of HMACs over the request in one fixed form. Pure.

Sixty lines instead of a client library of thirty megabytes, which would be the largest thing that runnerlib loads.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib._util.http.target import Target

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """Key that signs: its id, its secret, and the token of a session, or ''."""

    key: str
    secret: str
    token: str = ""


def digest_of(data: bytes) -> str:
    """The SHA-256 of data, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def signed(
    method: str,
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    who: Credentials,
    region: str,
    now: float,
) -> dict[str, str]:
    """Return the headers of a request with those that sign it, `headers` included.

    The path of `target` is percent-encoded as S3 does it, and its query is in the order of names. `now` is in seconds
    since the epoch; the server takes a signature for some minutes.
    """
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    sent = {
        **{name.lower(): value for name, value in headers.items()},
        "host": target.authority,
        "x-amz-content-sha256": digest_of(body),
        "x-amz-date": at,
    }
    if who.token:
        sent["x-amz-security-token"] = who.token
    names = sorted(sent)
    path, _, query = target.path.partition("?")
    fixed = (
        *(method, path, query, *(f"{name}:{sent[name].strip()}" for name in names)),
        *("", ";".join(names), sent["x-amz-content-sha256"]),
    )
    scope = f"{at[:8]}/{region}/s3/aws4_request"
    text = "\n".join((_ALGORITHM, at, scope, digest_of("\n".join(fixed).encode())))
    signature = hmac.new(_key(who.secret, scope), text.encode(), hashlib.sha256).hexdigest()
    sent["authorization"] = (
        f"{_ALGORITHM} Credential={who.key}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return sent


def _key(secret: str, scope: str) -> bytes:
    """Return the key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
