"""Downloads a file over http(s), and resumes after a broken connection.

By the standard library: of what the clients on top of it add (pools, sessions, cookies, decoding) nothing is
wanted here, and following redirects, which they do, has to be done by hand all the same: never from https down to
http, and with no credentials for another host. TLS is verified, with the system's authorities.

A failure of the network, and an answer that says "later", are tried again with growing pauses; a connection that
gives nothing, or next to nothing, counts as broken. What is there is kept when the server can prove that it is
still the same file (a strong ETag, Last-Modified) or the checksum is going to.
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
from contextlib import ExitStack, closing
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

from runnerlib._util.retry import RETRYABLE, RetryPolicy, retry_after
from runnerlib.errors import SourceError, one_line
from runnerlib.source.git_credentials import credentials
from runnerlib.source.progress import Meter
from runnerlib.source.retry import wait
from runnerlib.source.spec import still_wanted
from runnerlib.source.tarball.address import is_host, without_query
from runnerlib.source.tarball.connection import SlowError, Watch, connection_to, http_basic, proxy_for, proxy_login
from runnerlib.source.url import split, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.source.spec import Report
    from runnerlib.source.tarball.address import Address
    from runnerlib.source.url import Url

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
        self.url = address.url
        self.login = credentials(address.url)
        self.file = file
        self.most = most
        self.timeout = timeout
        self.report = report
        self.state = _State()
        self.done = 0
        self.watch = Watch(timeout, report)

    def go_on(self) -> None:
        """Make one request and store its data. Raises `_Broken` for failures that a retry may cure."""
        if self.done and not self.state.validator and self.address.checksum is None:
            self.start_over()
        try:
            with ExitStack() as held:
                self.take(self.follow(held))
        except ssl.SSLCertVerificationError as error:
            raise SourceError(f"cannot download '{self.address.shown}': {error.verify_message}") from None
        except SlowError as error:
            raise _Broken(str(error)) from None
        except TimeoutError:
            raise _Broken(f"nothing came for {self.timeout:g} s") from None
        except UnicodeError:
            raise SourceError(f"'{self.address.shown}' has a host that is no name of the internet") from None
        except (OSError, http.client.HTTPException) as error:
            raise _Broken(_said(error)) from None

    def follow(self, held: ExitStack) -> http.client.HTTPResponse:
        """Send the request, and follow redirects; the connection stays open as long as `held`."""
        url = self.url
        for _ in range(_MOST_REDIRECTS):
            with ExitStack() as hop:
                connection = hop.enter_context(closing(self.ask(url)))
                answer = hop.enter_context(connection.getresponse())
                target = answer.headers["Location"]
                if answer.status not in {301, 302, 303, 307, 308} or not target:
                    held.push(hop.pop_all())
                    return answer
                url = self.redirected(url, target)
        raise SourceError(f"'{self.address.shown}' leads to more than {_MOST_REDIRECTS} other places")

    def redirected(self, url: Url, target: str) -> Url:
        """The url that an answer points to."""
        where = without_query(without_credentials(target))
        try:
            found = split(urljoin(f"{url.scheme}://{url.host}{url.rest}", target).partition("#")[0])
        except ValueError:  # brackets that do not match, and the like
            found = None
        if found is None or found.scheme not in {"http", "https"} or not is_host(found.host):
            raise SourceError(f"'{self.address.shown}' leads to '{one_line(where)}', which is no http url")
        if url.scheme == "https" and found.scheme != "https":
            raise SourceError(f"'{self.address.shown}' leads to '{one_line(where)}', which is not encrypted")
        if not found.rest.isascii() or not found.rest.isprintable() or " " in found.rest:
            raise SourceError(f"'{self.address.shown}' leads to a url with characters that must be percent-encoded")
        return found

    def ask(self, url: Url) -> http.client.HTTPConnection:
        """Send one request."""
        headers = {"User-Agent": "runnerlib", "Accept": "*/*", "Accept-Encoding": "identity"}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
            if self.state.validator:
                headers["If-Range"] = self.state.validator
        if any(self.login) and (url.scheme, url.host.lower()) == (self.url.scheme, self.url.host.lower()):
            headers["Authorization"] = http_basic(*self.login)
        path = url.rest if url.rest.startswith("/") else f"/{url.rest}"
        proxy = proxy_for(url)
        if proxy is not None and url.scheme == "http":
            path, headers = f"http://{url.host}{path}", headers | proxy_login(proxy)
        self.watch = Watch(self.timeout, self.report)
        connection = connection_to(url, self.watch, proxy)
        try:
            connection.request("GET", path, headers=headers)
        except BaseException:
            connection.close()
            raise
        return connection

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
        self.watch.expect(_WINDOW + self.timeout, "a portion of the file")


def _said(error: Exception) -> str:
    return one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".").lower()


def _validator(answer: http.client.HTTPResponse) -> str:
    """Return the header that proves the server's file unchanged; a weak ETag proves nothing."""
    tag = answer.headers["ETag"] or ""
    return tag if tag.startswith('"') else answer.headers["Last-Modified"] or ""
