"""The wire format, that of Reactorcide's `secrets_server.py`, so that its clients work unchanged; pure.

A connection carries one request: 4 bytes of length, big-endian, then so many bytes of UTF-8 JSON,
`{"action": "register", "secrets": ["…", …]}` or `"secrets": "…"`. The reply is one line shorter than
1024 bytes, which is what a client can be expected to read at once: `{"status": "ok", "registered": N, …}`
or `ERROR: ` and the reason. Nothing of a request is ever repeated in a reply.
"""

from __future__ import annotations

import re
import struct

from runnerlib._util.values import NamedTuple

HEADER = struct.Struct(">I")

# Indexes told in a reply; all of them could be a megabyte.
_SHOWN_INDEXES = 20

# Surrogates for which "surrogateescape" has no byte.
# Patterns as texts: they are compiled when they are first used, and a plain start uses none.
_UNPAIRED = "[\ud800-\udc7f\udd00-\udfff]"


class RequestError(Exception):
    """A request that is not served; the text is sent to the client and holds no part of the request."""


class Request(NamedTuple):
    """Values to register, none empty, and the indexes of invalid ones: empty or not a string."""

    values: list[str]
    rejected: list[int]


def parse(body: bytes | bytearray) -> Request:
    """Read the body of a request. Raises RequestError.

    Values keep their bytes: each string of the result encodes to them with "surrogateescape", as the
    strings of `os.environ` do. Bytes that are not UTF-8 may come raw or as `\\udc80` to `\\udcff`; any
    other lone surrogate stands for its three bytes ("surrogatepass").
    """
    message = _decode(body)
    if not isinstance(message, dict):
        raise RequestError("Request is not an object")
    if message.get("action") != "register":
        raise RequestError("Unknown action")
    secrets = message.get("secrets")
    if isinstance(secrets, str):
        secrets = [secrets]
    if not isinstance(secrets, list):
        raise RequestError("Secrets are neither a string nor a list")
    values = [_exact(secret) for secret in secrets if isinstance(secret, str) and secret]
    return Request(values, [i for i, secret in enumerate(secrets) if not isinstance(secret, str) or not secret])


def reply(request: Request, masked: int) -> bytes:
    """Return the answer to a request that was carried out.

    `registered` counts the values, as it always did. `masked` is how many of them are masked: those too short are
    not. `rejected`, if there, has the first indexes of invalid values.
    """
    rejected = f', "rejected": {request.rejected[:_SHOWN_INDEXES]}' if request.rejected else ""
    return f'{{"status": "ok", "registered": {len(request.values)}, "masked": {masked}{rejected}}}\n'.encode()


def refusal(error: RequestError) -> bytes:
    """The answer to a request that was not carried out."""
    return f"ERROR: {error}\n".encode()


def _decode(body: bytes | bytearray) -> object:
    import json  # a start that registers nothing does not need it

    try:
        decoded: object = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, a thousand brackets
        raise RequestError("Invalid JSON") from None
    return decoded


def _exact(value: str) -> str:
    return re.sub(
        _UNPAIRED, lambda found: found[0].encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"), value
    )
