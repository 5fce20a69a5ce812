"""Downloads a file over http(s), and resumes after a broken connection.

Redirects are followed, but never from https down to http, with no credentials for another host, and not from a public
server to an address inside (see `_util.http.reach`). TLS is verified, with the system's authorities.

A failure of the network, and an answer that says "later", are tried again with growing pauses; a connection that
gives nothing, or next to nothing, counts as broken. What is there is kept when the server can prove that it is
still the same file (a strong ETag, Last-Modified) or the checksum is going to.
"""

from __future__ import annotations

import re
import ssl
import time
from contextlib import ExitStack, closing, contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple

from runnerlib._util.http.connection import HostError, Limits, SlowError
from runnerlib._util.http.proxy import ProxyError, basic
from runnerlib._util.http.reach import Boundary, RefusedAddressError
from runnerlib._util.http.target import REDIRECTS, UrlError
from runnerlib._util.http.transport import FAILURES, Exchange
from runnerlib._util.retry import RETRYABLE, RetryPolicy, retry_after
from runnerlib.errors import SourceError, one_line
from runnerlib.source.git_credentials import credentials
from runnerlib.source.progress import Meter
from runnerlib.source.retry import wait
from runnerlib.source.spec import still_wanted
from runnerlib.source.tarball.address import target_of

if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterator

    from runnerlib._util.http.target import Target
    from runnerlib.source.spec import Report
    from runnerlib.source.tarball.address import Address

_BLOCK = 1 << 18
_MOST_REDIRECTS = 10
_POLICY = RetryPolicy(first=0.5, longest=10.0)
_LONGEST_ASKED = 30.0  # seconds; the most that a server's request for a delay is followed
_WINDOW = 60.0  # seconds in which a connection has to bring something
_LEAST = 64 << 10  # bytes, in a window
_ENOUGH = 1 << 20  # bytes after which a failure is the first one again


class _Broken(Exception):  # noqa: N818 - never seen outside
    """The connection failed, or the server asks for a later retry: try again, after `asked` seconds if given."""

    def __init__(self, reason: str, asked: float | None = None) -> None:
        super().__init__(reason)
        self.asked = asked


class _State(NamedTuple):
    """Facts from earlier responses: a validator that proves the file unchanged, and its total length."""

    validator: str = ""
    total: int | None = None


def download(address: Address, file: IO[bytes], most: int, timeout: float, retries: int, report: Report) -> None:
    """Download `address` to `file`, at most `most` bytes. Raises `SourceError`.

    `timeout` is for how many seconds a connection may say nothing, and how long the head of an answer may take.
    """
    fetch = _Fetch(address, file, most, timeout, report)
    failures, since = 0, 0
    report(f"downloading '{address.shown}'")
    while True:
        try:
            fetch.go_on()
        except _Broken as error:
            failures = 1 if fetch.done - since >= _ENOUGH else failures + 1
            since = fetch.done
            if failures > retries:
                raise SourceError(f"cannot download '{address.shown}': {error}") from None
            pause = _POLICY.pause(failures, error.asked)
            report(f"download failed ({error}); trying again in {pause:.1f} s at {fetch.done / 1e6:.1f} MB")
            wait(pause, report)
        else:
            return


class _Fetch:
    """One file on its way: as much as is `done` survives a broken connection."""

    def __init__(self, address: Address, file: IO[bytes], most: int, timeout: float, report: Report) -> None:
        assert address.url is not None  # noqa: S101 - for the type checker
        self.address = address
        self.target = target_of(address.url)
        self.login = credentials(address.url)
        self.file = file
        self.most = most
        self.timeout = timeout
        self.report = report
        self.state = _State()
        self.done = 0
        self.boundary = Boundary()
        self.limits = self.new_limits()

    def new_limits(self) -> Limits:
        """Return the limits of a new connection."""
        return Limits(self.timeout, lambda: still_wanted(self.report))

    def go_on(self) -> None:
        """Make one request and store its data. Raises `_Broken` for failures that a retry may cure."""
        if self.done and not self.state.validator and self.address.checksum is None:
            self.start_over()
        with ExitStack() as held:
            self.take(self.follow(held))

    def follow(self, held: ExitStack) -> http.client.HTTPResponse:
        """Send the request, and follow redirects; the connection stays open as long as `held`."""
        target = self.target
        for _ in range(_MOST_REDIRECTS):
            with ExitStack() as hop:
                answer = self.ask(target, hop)
                location = answer.headers["Location"]
                if answer.status not in REDIRECTS or not location:
                    held.push(hop.pop_all())
                    return answer
            try:
                target = target.redirected(location)
            except UrlError as error:
                raise SourceError(f"'{self.address.shown}' {error}") from None
        raise SourceError(f"'{self.address.shown}' leads to more than {_MOST_REDIRECTS} other places")

    def ask(self, target: Target, held: ExitStack) -> http.client.HTTPResponse:
        """Send one request; its connection stays open as long as `held`."""
        headers = {"User-Agent": "runnerlib", "Accept": "*/*", "Accept-Encoding": "identity"}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
            if self.state.validator:
                headers["If-Range"] = self.state.validator
        if any(self.login) and target.origin == self.target.origin:
            headers["Authorization"] = basic(*self.login)
        self.limits = self.new_limits()
        try:
            exchange = held.enter_context(closing(Exchange(target, self.limits, self.boundary)))
        except ProxyError as error:
            raise SourceError(str(error)) from None
        held.enter_context(self.explained(exchange))
        return held.enter_context(exchange.ask("GET", headers))

    @contextmanager
    def explained(self, exchange: Exchange) -> Iterator[None]:
        """Turn failures of a connection into `_Broken`, or into a `SourceError` if a retry would not cure them."""
        try:
            yield
        except SlowError as error:
            raise _Broken(str(error)) from None
        except TimeoutError:
            raise _Broken(f"nothing came for {self.timeout:g} s") from None
        except UnicodeError:
            raise SourceError(f"'{self.address.shown}' has a host that is no name of the internet") from None
        except RefusedAddressError as error:
            raise SourceError(f"cannot download '{self.address.shown}': {error}") from None
        except FAILURES as error:
            said = exchange.explain(error)
            if isinstance(error, ssl.SSLCertVerificationError) or (isinstance(error, HostError) and not error.passing):
                raise SourceError(f"cannot download '{self.address.shown}': {said}") from None
            raise _Broken(said) from None

    def take(self, answer: http.client.HTTPResponse) -> None:
        """Write the body of an answer to the file."""
        self.judge(answer)
        length = answer.length
        if length is not None and self.done + length > self.most:
            raise SourceError(f"'{self.address.shown}' is more than {self.most} bytes (option max-size)")
        total = None if length is None else self.done + length
        self.state = _State(_validator(answer), total)
        for block in self.blocks(answer):
            if self.done + len(block) > self.most:
                raise SourceError(f"'{self.address.shown}' is more than {self.most} bytes (option max-size)")
            self.file.write(block)
            self.done += len(block)
        self.file.flush()
        if total is not None and self.done < total:
            raise _Broken(f"the connection ended at {self.done} of {total} bytes")

    def judge(self, answer: http.client.HTTPResponse) -> None:
        """Evaluate the status of a response; afterwards `done` is the offset where its body begins."""
        status = answer.status
        if status == 206 and self.done and answer.headers["Content-Range"]:
            found = re.match(r"bytes (\d{1,19})-", answer.headers["Content-Range"])
            if found is None or int(found[1]) != self.done:
                self.start_over()
                raise _Broken("the server sent another part of the file")
        elif status == 416 and self.done:
            self.start_over()
            raise _Broken("the server has no such part of the file any more")
        elif status in RETRYABLE:
            asked = retry_after(answer.headers["Retry-After"], time.time())
            said = f"the server says {status} {one_line(answer.reason)}"
            raise _Broken(said, None if asked is None else min(asked, _LONGEST_ASKED))
        elif status == 401:
            given = "refused the credentials given for it" if any(self.login) else "asks for credentials"
            raise SourceError(f"'{self.address.shown}' {given}")
        elif status != 200:
            raise SourceError(f"cannot download '{self.address.shown}': {status} {one_line(answer.reason)}")
        elif self.done:
            self.start_over()

    def start_over(self) -> None:
        """Discard the received data: the server's file is a different one."""
        self.file.seek(0)
        self.file.truncate()
        self.done, self.state = 0, _State()

    def progress(self) -> tuple[int, int, str]:
        """For a `Meter`."""
        total = self.state.total or 0
        return self.done, total, f"{self.done / 1e6:.1f} of {total / 1e6:.1f} MB"

    def blocks(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        """Yield the body as it arrives; raises `_Broken` when it is too slow."""
        window, came = time.monotonic(), 0
        self.expect_portion()
        meter = Meter(self.report)
        while block := answer.read1(_BLOCK):
            still_wanted(self.report)
            yield block
            came += len(block)
            now = time.monotonic()
            if self.state.total:
                meter.watch("downloading", self.progress)
            else:
                meter.count(lambda: f"downloaded {self.done / 1e6:.1f} MB")
            if now - window > _WINDOW:
                if came < _LEAST:
                    raise _Broken(f"only {came} bytes came within {_WINDOW:g} s")
                window, came = now, 0
                self.expect_portion()

    def expect_portion(self) -> None:
        """Limit the time until the next portion of a body: chunk extensions and trailers could be endless."""
        self.limits.expect(_WINDOW + self.timeout, "a portion of the file")


def _validator(answer: http.client.HTTPResponse) -> str:
    """Return the header that proves the server's file unchanged; a weak ETag proves nothing."""
    tag = answer.headers["ETag"] or ""
    return tag if tag.startswith('"') else answer.headers["Last-Modified"] or ""
