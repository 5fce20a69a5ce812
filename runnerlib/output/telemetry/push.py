"""Figures sent to a gateway of Prometheus, from a thread that no run waits for longer than a moment.

A run that has begun is told at once; if that gets no answer, nothing more is sent, and the end of the run waits for
nothing. Source: the API of the Pushgateway, https://github.com/prometheus/pushgateway#api.
"""

from __future__ import annotations

import queue
import time
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from runnerlib._util.http.connection import Limits
from runnerlib._util.http.proxy import basic
from runnerlib._util.http.target import UrlError, parse
from runnerlib._util.http.transport import FAILURES, Exchange
from runnerlib._util.threads import start_thread
from runnerlib.errors import ConfigError, RunnerError

if TYPE_CHECKING:
    from runnerlib._util.http.target import Target

ANSWER = 10.0
"""Seconds that the gateway has for one answer."""
MOMENT = 1.0
"""Seconds that the end of a run waits at most for answers of a gateway that may be well."""


class Pusher:
    """Sends figures to the gateway at `url`. Raises ConfigError for a text that is no URL of http or https."""

    def __init__(self, url: str) -> None:
        try:
            self._target = parse(url)
        except UrlError as error:
            raise ConfigError(f"metrics_push {error}; http://HOST:9091 is expected") from None
        self._headers = {"Content-Type": "text/plain; version=0.0.4", **_login(url)}
        self._waiting: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._began = time.monotonic()
        self._answered = False
        self.problem = ""
        self._thread = start_thread(self._work, "runnerlib-push")

    def send(self, pipeline: str, text: str) -> None:
        """Have figures of a pipeline sent; returns at once."""
        self._waiting.put((pipeline, text.encode()))

    def finish(self) -> str:
        """Wait a moment until all is sent; return why something is not, else an empty text."""
        self._waiting.put(None)
        if not self.problem:
            spent = 0.0 if self._answered else time.monotonic() - self._began
            self._thread.join(max(MOMENT - spent, 0.0))
            if self._thread.is_alive() and not self.problem:
                self.problem = "no answer from the gateway in time"
        return self.problem

    def _work(self) -> None:
        while not self.problem and (one := self._waiting.get()) is not None:
            try:
                self.problem = self._sent(*one)
            except RunnerError as error:  # a proxy that cannot be used
                self.problem = str(error)
            self._answered = not self.problem

    def _sent(self, pipeline: str, body: bytes) -> str:
        exchange = Exchange(_group(self._target, pipeline), Limits(ANSWER, total=ANSWER))
        try:
            answer = exchange.ask("POST", self._headers, body)
            status = answer.status
        except FAILURES as error:
            return f"no answer from the gateway: {exchange.explain(error)}"
        finally:
            exchange.close()
        return "" if status in {200, 202, 204} else f"the gateway answers {status}"


def _group(target: Target, pipeline: str) -> Target:
    """Return where the figures of one pipeline go: a name may have any character in it."""
    name = urlsafe_b64encode(pipeline[:200].encode(errors="replace")).decode().rstrip("=") or "="
    path, mark, query = target.path.partition("?")
    return target._replace(path=f"{path.rstrip('/')}/metrics/job/runnerlib/pipeline@base64/{name}{mark}{query}")


def _login(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    return {"Authorization": basic(unquote(parts.username), unquote(parts.password or ""))}
