"""Bucket of S3, or of a server that speaks it, as a store: a request for each call, tried again while that may help."""

from __future__ import annotations

import re
import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

from runnerlib._util.http.connection import HostError, Limits
from runnerlib._util.http.proxy import ProxyError
from runnerlib._util.http.transport import FAILURES, Exchange
from runnerlib._util.objects.contract import Stored, StoreError, checked_key
from runnerlib._util.objects.sigv4 import signed
from runnerlib._util.retry import RETRYABLE, RetryPolicy, retry_after
from runnerlib._util.threads import TURN
from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import Message

    from runnerlib._util.objects.bucket import Bucket
    from runnerlib._util.objects.sigv4 import Credentials

_POLICY = RetryPolicy(first=0.5, longest=8.0)
_TRIES = 5
_SILENCE = 30.0
_UNRESERVED = "-_.~"
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "XAmzStorageFull", "StorageFull"})
_WRONG = frozenset(
    {"SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidToken", "ExpiredToken", "XAdminUserNotFound"}
)


class _Answer(NamedTuple):
    """The response of the server."""

    status: int
    headers: Message
    body: bytes

    @property
    def code(self) -> str:
        """The name of an error, '' where the server gives none."""
        found = re.search(rb"<Code>([\w.]{1,80})</Code>", self.body[: 1 << 16])
        return found[1].decode() if found else ""


class S3Store:
    """The objects of a bucket whose keys begin with a prefix."""

    def __init__(self, bucket: Bucket, who: Credentials, check: Callable[[], object] = lambda: None) -> None:
        self.shown = str(bucket)
        self._bucket = bucket
        self._who = who
        self._check = check
        self._ahead = 0.0  # seconds by which the server's clock is ahead of this one

    def put(self, key: str, data: bytes, *, new: bool = False) -> bool:
        """Store an object; the server compares it with the digest that is signed."""
        headers = {"if-none-match": "*"} if new else {}
        answer = self._ask("PUT", self._path(key), headers, data)
        if new and answer.status in {409, 412}:
            return False
        self._succeeded(answer, "PUT")
        return True

    def get(self, key: str) -> bytes | None:
        """Return an object."""
        answer = self._ask("GET", self._path(key))
        if answer.status == 404 and answer.code != "NoSuchBucket":
            return None
        return self._succeeded(answer, "GET").body

    def delete(self, key: str) -> None:
        """Remove an object."""
        answer = self._ask("DELETE", self._path(key))
        if answer.status != 404 or answer.code == "NoSuchBucket":
            self._succeeded(answer, "DELETE")

    def entries(self, prefix: str = "") -> Iterator[Stored]:
        """Yield objects, a thousand for each request."""
        token: str | None = ""
        own = self._bucket.prefix
        while token is not None:
            query = {"list-type": "2", "prefix": f"{own}{prefix}"} | ({"continuation-token": token} if token else {})
            answer = self._succeeded(self._ask("GET", "/", {}, query=query), "GET")
            try:
                page = ET.fromstring(answer.body)  # noqa: S314 - expat bounds what entities become
                for one in page.iterfind("{*}Contents"):
                    key = one.findtext("{*}Key", "").removeprefix(own)
                    at = datetime.fromisoformat(one.findtext("{*}LastModified", ""))
                    yield Stored(key, int(one.findtext("{*}Size", "")), at.timestamp())
                token = page.findtext("{*}NextContinuationToken")
            except (ET.ParseError, ValueError):
                raise StoreError(f"store '{self.shown}' does not answer as S3 does") from None

    def _path(self, key: str) -> str:
        return "/" + quote(f"{self._bucket.prefix}{checked_key(key)}", safe=f"/{_UNRESERVED}")

    def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        query: Mapping[str, str] | None = None,
    ) -> _Answer:
        """Return what the server says, at last, to a request. Raises StoreError."""
        asked = f"?{urlencode(sorted(query.items()), quote_via=quote, safe=_UNRESERVED)}" if query else ""
        for number in range(1, _TRIES + 1):
            answer, why = self._ask_once(method, f"{path}{asked}", headers or {}, body)
            if number == _TRIES or (answer is not None and not self._is_passing(answer)):
                break
            self._wait(_POLICY.pause(number, answer and retry_after(answer.headers["Retry-After"], time.time())))
        if answer is None:
            raise StoreError(f"store '{self.shown}' cannot be reached: {why}")
        return answer

    def _ask_once(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[_Answer | None, str]:
        """Return the answer to one request, or None and why there is none. Raises StoreError."""
        base = self._bucket.endpoint
        target = base._replace(path=f"{base.path.rstrip('/')}/{quote(self._bucket.name, safe=_UNRESERVED)}{path}")
        sent = signed(method, target, headers, body, self._who, self._bucket.region, time.time() + self._ahead)
        try:
            made = Exchange(target, Limits(_SILENCE, self._check))
        except ProxyError as error:
            raise StoreError(str(error)) from None
        try:
            answer = made.ask(method, {**sent, "content-length": str(len(body))}, body or None)
            return _Answer(answer.status, answer.headers, answer.read()), ""
        except HostError as error:
            if error.passing:
                return None, str(error)
            raise StoreError(f"store '{self.shown}' cannot be reached: {error}") from None
        except FAILURES as error:
            return None, "it took too long" if isinstance(error, TimeoutError) else made.explain(error)
        finally:
            made.close()

    def _is_passing(self, answer: _Answer) -> bool:
        """Return whether the same request may succeed the next time; sets the clock by the server's if that is why."""
        if answer.code == "RequestTimeTooSkewed" and not self._ahead:
            try:
                self._ahead = parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
            except (TypeError, ValueError):
                return False
            return True
        return answer.status in RETRYABLE and answer.code not in _FULL

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._check()
            time.sleep(min(left, TURN))

    def _succeeded(self, answer: _Answer, method: str) -> _Answer:
        """Return the answer of a request that was carried out. Raises StoreError."""
        if answer.status < 300:
            return answer
        code = answer.code or f"status {answer.status}"
        if code in _FULL or answer.status == 507:
            why = "is full"
        elif code in _WRONG:
            why = f"does not know these credentials ({code})"
        elif answer.status == 403:
            why = f"does not let these credentials {method} there ({code})"
        elif code == "NoSuchBucket":
            why = "is in no bucket that exists"
        elif region := answer.headers["x-amz-bucket-region"]:
            why = f"is in region '{one_line(region)}', not in '{self._bucket.region}' (?region= or AWS_REGION)"
        else:
            why = f"refuses a {method} ({code})"
        raise StoreError(f"store '{self.shown}' {why}")
