"""The few calls to an API server of Kubernetes, each a request of HTTPS; tried again while that may help."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from runnerlib._util.http.connection import Limits
from runnerlib._util.http.proxy import ProxyError
from runnerlib._util.http.transport import FAILURES, Exchange
from runnerlib._util.retry import RETRYABLE
from runnerlib._util.threads import TURN
from runnerlib.errors import one_line
from runnerlib.runner.fleet.contract import FleetError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.runner.fleet.kubernetes.access import Access

_SILENCE = 30.0
_TRIES = 5
_PAUSE = 1.0
_LARGEST = 64 << 20


class Answer(NamedTuple):
    """The status and the object of a response."""

    status: int
    content: Mapping[str, Any]

    @property
    def why(self) -> str:
        """The reason that the server gives for an error."""
        return one_line(str(self.content.get("message") or f"status {self.status}"))


class ApiClient:
    """An API server; its calls block. `check` raises when nobody waits for them any more."""

    def __init__(self, access: Access, check: Callable[[], object] = lambda: None) -> None:
        self._access = access
        self._check = check
        self.shown = access.server.shown
        self.namespace = access.namespace

    def make(self, group: str, kind: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make an object, or return the one that has its name already. Raises FleetError."""
        answer = self._ask("POST", self._path(group, kind), content)
        if answer.status != 409:
            return self._succeeded(answer, f"takes no {kind[:-1]}").content
        name = content["metadata"]["name"]
        return self._succeeded(self._ask("GET", self._path(group, kind, name)), f"has no {kind[:-1]} '{name}'").content

    def listed(self, group: str, kind: str, selector: str) -> list[Mapping[str, Any]]:
        """Return the objects whose labels match. Raises FleetError."""
        path = f"{self._path(group, kind)}?{urlencode({'labelSelector': selector})}"
        content = self._succeeded(self._ask("GET", path), f"lists no {kind}").content
        found = content.get("items")
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def remove(self, group: str, kind: str, name: str) -> None:
        """Remove an object with what it owns; there may be none. Raises FleetError."""
        answer = self._ask("DELETE", self._path(group, kind, name), {"propagationPolicy": "Background"})
        if answer.status != 404:
            self._succeeded(answer, f"removes no {kind[:-1]}")

    def remove_all(self, group: str, kind: str, selector: str) -> None:
        """Remove the objects whose labels match, with what they own. Raises FleetError."""
        path = f"{self._path(group, kind)}?{urlencode({'labelSelector': selector})}"
        self._succeeded(self._ask("DELETE", path, {"propagationPolicy": "Background"}), f"removes no {kind}")

    def _path(self, group: str, kind: str, name: str = "") -> str:
        base = f"/{group}/namespaces/{self.namespace}/{kind}"
        return f"{base}/{name}" if name else base

    def _succeeded(self, answer: Answer, what: str) -> Answer:
        if answer.status < 300:
            return answer
        if answer.status == 401:
            raise FleetError(f"the cluster at '{self.shown}' does not know these credentials")
        raise FleetError(f"the cluster at '{self.shown}' {what}: {answer.why}")

    def _ask(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Answer:
        """Return the answer to a request, at last. Raises FleetError."""
        for number in range(1, _TRIES + 1):
            answer, why = self._ask_once(method, path, content)
            if answer is not None and (answer.status not in RETRYABLE or number == _TRIES):
                return answer
            end = time.monotonic() + _PAUSE * number
            while number < _TRIES and time.monotonic() < end:
                self._check()
                time.sleep(TURN)
        raise FleetError(f"cannot reach the cluster at '{self.shown}': {why}")

    def _ask_once(self, method: str, path: str, content: Mapping[str, Any] | None) -> tuple[Answer | None, str]:
        access, headers = self._access, {"accept": "application/json"}
        body = None if content is None else json.dumps(content).encode()
        if body is not None:
            headers["content-type"] = "application/json"
        if bearer := access.bearer():
            headers["authorization"] = f"Bearer {bearer}"
        target = access.server._replace(path=f"{access.server.path.rstrip('/')}{path}")
        try:
            made = Exchange(target, Limits(_SILENCE, self._check), trust=access.trust)
        except ProxyError as error:
            raise FleetError(str(error)) from None
        except (OSError, ValueError) as error:
            raise FleetError(f"the certificate for the cluster at '{self.shown}' cannot be used: {error}") from None
        try:
            response = made.ask(method, headers, body)
            found = json.loads(response.read(_LARGEST) or b"{}")
            return Answer(response.status, found if isinstance(found, dict) else {}), ""
        except FAILURES as error:
            return None, "it took too long" if isinstance(error, TimeoutError) else made.explain(error)
        except ValueError:
            return Answer(response.status, {"message": f"status {response.status}, and no JSON"}), ""
        finally:
            made.close()
