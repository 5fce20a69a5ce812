"""The observer that tells of a run when it has ended."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from runnerlib._util.threads import start_thread
from runnerlib.events import JobFinished, WorkflowFinished
from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.output.notify.message import as_email, as_json, as_slack, message_of, outcome_of
from runnerlib.output.notify.sending import LIMIT, mail, post

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from threading import Thread
    from typing import Protocol

    from runnerlib.config.notify import Mailbox, Notification
    from runnerlib.events import Event
    from runnerlib.events.result import JobResult, WorkflowResult
    from runnerlib.output.notify.message import Message

    class Facts(Protocol):
        """Answers of the run: masked texts, the repository, the last end of the same name; and its warnings."""

        def mask(self, text: str) -> str:
            """Return a text without secrets."""

        def about(self) -> Mapping[str, str]:
            """Return branch, commit and the like."""

        def last_exit_code(self, name: str) -> int | None:
            """Return the exit code of the run of that name before this one; None for none."""

        def warn(self, text: str) -> object:
            """Show a warning."""


class Notifier(UnbufferedObserver):
    """Sends what is wanted in threads of their own, which `finish` waits for; a failure is a warning and no more."""

    def __init__(
        self,
        wanted: Sequence[Notification],
        facts: Facts,
        key: str | None,
        sender: str,
        box: Mailbox | None,
        *,
        workflow: bool,
    ) -> None:
        self._wanted = wanted
        self._facts = facts
        self._key = key
        self._sender = sender
        self._box = box
        self._workflow = workflow
        self._result: JobResult | WorkflowResult | None = None

    def observe(self, event: Event) -> None:
        """Keep the result of the run."""
        match event:
            case JobFinished() if not self._workflow:
                self._result = event.result
            case WorkflowFinished():
                self._result = event.result

    def finish(self) -> None:
        """Send all that is wanted at the same time, and warn of what was not taken."""
        if self._result is None:
            return
        wanted = [one for one in self._wanted if self._is_due(one.when, self._result)]
        if not wanted:
            return
        message = message_of(self._result, self._facts.mask, self._facts.about(), workflow=self._workflow)
        problems: dict[int, str] = {}
        threads: list[Thread] = []
        for number, one in enumerate(wanted):
            problems[number] = f"no answer within {LIMIT:g} s"
            threads.append(start_thread(partial(self._send, number, one, message, problems), "runnerlib-notify"))
        for thread in threads:
            thread.join(LIMIT + 1)
        for number, one in enumerate(wanted):
            if problems[number]:
                self._facts.warn(f"{one.shown} was not told how it ended: {problems[number]}")

    def _is_due(self, when: str, result: JobResult | WorkflowResult) -> bool:
        outcome = outcome_of(result.exit_code, interrupted=result.interrupted)
        if when != "changed":
            return when in {"always", outcome}
        last = self._facts.last_exit_code(result.name)
        return last is not None and bool(last) != bool(result.exit_code)

    def _send(self, number: int, one: Notification, message: Message, problems: dict[int, str]) -> None:
        if one.kind == "email" and self._box is not None:  # there is one, `notifier` sees to that
            problems[number] = mail(as_email(message, self._sender, one.address), self._box)
        elif one.kind == "slack":
            problems[number] = post(one.address, as_slack(message), None)
        else:
            problems[number] = post(one.address, as_json(message), self._key)
