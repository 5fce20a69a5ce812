"""The routes of the Coordinator that a job uses, and the meaning of their answers.

Source: Reactorcide's REST API. `POST /api/v1/jobs/{id}/triggers` answers 201 with
`{"created_job_ids": […], "count": n}`, a list of jobs is `{"jobs": […], "total": n, …}`, and an error
`{"error": "…", "message": "…"}`.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from runnerlib._util.retry import RETRYABLE, retry_after
from runnerlib.errors import one_line
from runnerlib.triggers.coordinator.address import CoordinatorError, below, checked_token, redirected
from runnerlib.triggers.coordinator.http import Answer, ExchangeError, exchange
from runnerlib.triggers.coordinator.retry import RetryLimits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnerlib._util.http.target import Target

_REDIRECTS = frozenset({301, 302, 307, 308})
_MOST_REDIRECTS = 5
_PAGE = 100
# Statuses after which the request was certainly not carried out.
_REFUSALS = frozenset({400, 401, 403, 404, 405, 409, 413, 415, 422})
# Statuses that request a later attempt before anything was done.
_UNTOUCHED = frozenset({408, 425, 429})
_HINTS = {
    401: "the token ({token}) is wrong or has expired",
    403: "the token ({token}) does not allow it",
    404: "there is no such job, or the URL is not that of a coordinator",
    413: "the message is too large",
}


class Created(NamedTuple):
    """The answer of a coordinator to a message: ids of the jobs, their number, and attempts made."""

    job_ids: tuple[str, ...]
    jobs: int
    attempts: int


class Coordinator:
    """The Coordinator at an address, with a token, which error texts call `token_name`."""

    def __init__(self, where: Target, token: str, token_name: str, patience: RetryLimits | None = None) -> None:
        """Make a client. Raises CoordinatorError for a token that cannot be one."""
        self._where = where
        self._token = checked_token(token, token_name)
        self._token_name = token_name
        self._patience = patience or RetryLimits()

    def submit(self, job: str, body: str) -> Created:
        """Request the jobs of `body`, a message with an operation id, as follow-up jobs of the job `job`.

        It is sent again when it is not known to have been refused: the operation id makes that safe. Raises
        CoordinatorError.
        """
        answer, attempts = self._ask("POST", f"/api/v1/jobs/{quote(job, safe='')}/triggers", body.encode(), 201)
        given = _json(answer)
        ids, count = given.get("created_job_ids"), given.get("count")
        if not isinstance(ids, list) or not isinstance(count, int):
            raise CoordinatorError("the coordinator's answer to the triggers is not to be understood", answer.status)
        return Created(tuple(one_line(str(one)) for one in ids), count, attempts)

    def job(self, job: str) -> dict[str, Any]:
        """A job by its id. Raises CoordinatorError."""
        return _json(self._ask("GET", f"/api/v1/jobs/{quote(job, safe='')}", None, 200)[0])

    def jobs(self, **wanted: str) -> Iterator[dict[str, Any]]:
        """All jobs that fit, page by page: by `status`, `workflow_id`, `queue_name`, …. Raises CoordinatorError."""
        offset = 0
        while True:
            query = urlencode({**wanted, "limit": _PAGE, "offset": offset})
            given = _json(self._ask("GET", f"/api/v1/jobs?{query}", None, 200)[0])
            page, total = given.get("jobs") or [], given.get("total")
            if not isinstance(page, list) or not isinstance(total, int):
                raise CoordinatorError("the coordinator's list of jobs is not to be understood")
            yield from (job for job in page if isinstance(job, dict))
            offset += len(page)
            if not page or offset >= total:
                return

    def _ask(self, method: str, path: str, body: bytes | None, wanted: int) -> tuple[Answer, int]:
        """The answer with the status `wanted`, and how many attempts it took. Raises CoordinatorError for any other."""
        patience = self._patience
        deadline = patience.clock() + patience.total
        failures, doubt = 0, False  # whether an earlier attempt may have been carried out
        while True:
            asked = None
            try:
                answer = self._followed(method, below(self._where, path), body, deadline)
            except ExchangeError as error:
                doubt = doubt or error.sent
                problem = CoordinatorError(str(error), refused=not doubt)
            except CoordinatorError as error:  # from a redirect, which leaves the result of an earlier attempt open
                raise CoordinatorError(str(error), error.status, refused=error.refused and not doubt) from None
            else:
                if answer.status == wanted and _is_json(answer):
                    return answer, failures + 1
                problem = self._problem(answer, wanted, doubt)
                if answer.status not in RETRYABLE and answer.status != wanted:
                    raise problem
                doubt = doubt or answer.status not in _UNTOUCHED
                asked = retry_after(answer.headers.get("Retry-After"), time.time())
            failures += 1
            pause = patience.backoff.pause(failures, asked)
            if patience.clock() + pause >= deadline:
                raise _given_up(problem, failures, asked)
            patience.sleep(pause)

    def _followed(self, method: str, target: Target, body: bytes | None, deadline: float) -> Answer:
        """The answer after all redirects; the method and the body stay, because the operation id makes that safe."""
        clock = self._patience.clock
        end = min(deadline, clock() + self._patience.attempt)
        for _ in range(_MOST_REDIRECTS):
            answer = exchange(method, target, body, self._headers(body), max(end - clock(), 0.0))
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            target = redirected(target, location)
        raise CoordinatorError(f"the coordinator redirects more than {_MOST_REDIRECTS} times", refused=True)

    def _headers(self, body: bytes | None) -> Mapping[str, str]:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json", "Connection": "close"}
        return headers if body is None else {**headers, "Content-Type": "application/json"}

    def _problem(self, answer: Answer, wanted: int, doubt: bool) -> CoordinatorError:
        if answer.status == wanted:
            return CoordinatorError("the coordinator's answer is no JSON", answer.status)
        hint = _HINTS.get(answer.status, "").format(token=self._token_name)
        answered = "; ".join(filter(None, (_told(answer), hint)))
        text = f"the coordinator answered {answer.status}{': ' if answered else ''}{answered}"
        return CoordinatorError(text, answer.status, refused=not doubt and answer.status in _REFUSALS | _UNTOUCHED)


def _given_up(problem: CoordinatorError, attempts: int, asked: float | None) -> CoordinatorError:
    waited = f"; it asks to wait {asked:g} s, longer than there is time for" if asked else ""
    times = f" ({attempts} attempts)" if attempts > 1 else ""
    return CoordinatorError(f"{problem}{times}{waited}", problem.status, refused=problem.refused)


def _told(answer: Answer) -> str:
    """Return the error text of the server, if the answer is one of a coordinator."""
    try:
        given = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(given, dict):
        return ""
    parts = [given.get(key) for key in ("error", "message")]
    return ": ".join(one_line(part[:300]) for part in parts if isinstance(part, str) and part)


def _is_json(answer: Answer) -> bool:
    try:
        return isinstance(json.loads(answer.body), dict)
    except (ValueError, RecursionError):
        return False


def _json(answer: Answer) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(answer.body)
    return given
