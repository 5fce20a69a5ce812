"""Delivery of notifications: requests of HTTP, signed where a key is known, and e-mail."""

from __future__ import annotations

import hashlib
import hmac
import smtplib
import ssl
import time
from typing import TYPE_CHECKING

from runnerlib._util.http.connection import Limits
from runnerlib._util.http.target import parse
from runnerlib._util.http.transport import FAILURES, Exchange
from runnerlib._util.retry import RETRYABLE, RetryPolicy, retry_after
from runnerlib.errors import RunnerError, one_line

if TYPE_CHECKING:
    from email.message import EmailMessage

    from runnerlib.config.notify import Mailbox

LIMIT = 10.0
"""Seconds that one notification has, all attempts together."""
SIGNATURE, MOMENT = "X-Runnerlib-Signature-256", "X-Runnerlib-Timestamp"
_ATTEMPTS = 3


def signature(key: str, moment: str, body: bytes) -> str:
    """Return the signature of a body: HMAC-SHA-256 of the timestamp, a dot and the body, as `sha256=HEX`.

    So an old message cannot be sent again later; the receiver refuses one whose timestamp is minutes old.
    """
    return "sha256=" + hmac.new(key.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def post(url: str, body: bytes, key: str | None) -> str:
    """Send a body of JSON; return why it was not taken, else an empty text.

    A server that is busy is asked again; redirects are not followed, because a body is sent.
    """
    end, policy = time.monotonic() + LIMIT, RetryPolicy(0.5, 4.0)
    for attempt in range(1, _ATTEMPTS + 1):
        problem, later = _posted(url, body, key, end - time.monotonic())
        pause = policy.pause(attempt, later)
        if later is None or attempt == _ATTEMPTS or time.monotonic() + pause >= end:
            break
        time.sleep(pause)
    return problem


def _posted(url: str, body: bytes, key: str | None, seconds: float) -> tuple[str, float | None]:
    """Return what went wrong, and the pause that the server asks for; no pause where another attempt is no use."""
    headers = {"Content-Type": "application/json", "User-Agent": "runnerlib"}
    if key is not None:
        moment = str(int(time.time()))
        headers |= {MOMENT: moment, SIGNATURE: signature(key, moment, body)}
    exchange = None
    try:
        exchange = Exchange(parse(url), Limits(seconds, total=seconds))
        answer = exchange.ask("POST", headers, body)
    except FAILURES as error:
        return (f"no answer: {exchange.explain(error)}" if exchange is not None else one_line(str(error))), 0.0
    except RunnerError as error:  # a proxy that cannot be used
        return str(error), None
    finally:
        if exchange is not None:
            exchange.close()
    if 200 <= answer.status < 300:
        return "", None
    asked = retry_after(answer.headers.get("Retry-After"), time.time())
    return f"the answer is {answer.status}", (asked or 0.0) if answer.status in RETRYABLE else None


def mail(message: EmailMessage, box: Mailbox) -> str:
    """Send an e-mail; return why it was not taken, else an empty text.

    A password is sent over TLS only; without one, a server that offers no STARTTLS gets the mail in plain text.
    """
    context = ssl.create_default_context()
    try:
        with _connected(box, context) as server:
            server.ehlo_or_helo_if_needed()
            secured = box.tls
            if not secured and server.has_extn("starttls"):
                server.starttls(context=context)
                secured = True
            if box.password and not secured:
                return "the server offers no encryption, so it does not get the password"
            if box.user:
                server.login(box.user, box.password)
            refused = server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        return f"the mail server: {one_line(_said(error))}"
    return f"the mail server refuses {', '.join(map(one_line, refused))}" if refused else ""


def _connected(box: Mailbox, context: ssl.SSLContext) -> smtplib.SMTP:
    if box.tls:
        return smtplib.SMTP_SSL(box.host, box.port, timeout=LIMIT, context=context)
    return smtplib.SMTP(box.host, box.port, timeout=LIMIT)


def _said(error: Exception) -> str:
    """Return the words of an error; a refused login repeats no password, whatever the server says."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "it refuses the login"
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
