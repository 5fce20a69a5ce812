"""The texts of notifications: JSON for programs, a message of Slack, an e-mail. Pure."""

from __future__ import annotations

import json
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.errors import one_line
from runnerlib.output.messages import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runnerlib.events.result import JobResult, StepResult, WorkflowResult

FAILED_SHOWN = 20
"""Failed steps that a message names."""
_LONGEST = 500
"""Characters of one name or reason."""


class Message(NamedTuple):
    """The facts of a run that are told, masked, each text on one line."""

    name: str
    outcome: str
    exit_code: int
    reason: str
    seconds: float
    counts: Mapping[str, int]
    failed: Sequence[Mapping[str, str | int]]
    about: Mapping[str, str]
    kind: str

    @property
    def headline(self) -> str:
        """One line for people: what, how it ended, and after how long."""
        words = {"success": "passed", "failure": "failed", "cancelled": "was cancelled"}
        where = self.about.get("vcs.ref.head.name", "")
        code = f", exit code {self.exit_code}" if self.outcome == "failure" else ""
        return f"{self.name}{where and f' on {where}'} {words[self.outcome]} after {duration(self.seconds)}{code}"

    @property
    def lines(self) -> list[str]:
        """The lines of the body: reason, counts, and the steps that failed."""
        told = [self.reason] if self.reason else []
        told.append(", ".join(f"{count} {outcome}" for outcome, count in self.counts.items() if count))
        told += [f"- {one['name']}: {one['reason']}" for one in self.failed]
        revision = self.about.get("vcs.ref.head.revision", "")
        return [*told, *([f"commit {revision}"] if revision else [])]


def message_of(
    result: JobResult | WorkflowResult, mask: Callable[[str], str], about: Mapping[str, str], *, workflow: bool
) -> Message:
    """Return what is said of a result; every text of it goes through `mask`."""
    parts: tuple[StepResult, ...] = getattr(result, "jobs" if workflow else "steps")

    def said(text: str) -> str:
        return one_line(mask(text))[:_LONGEST]

    outcomes = ("success", "failure", "cancelled", "skipped")
    counts = {outcome: sum(one.outcome == outcome for one in parts) for outcome in outcomes}
    failed: list[dict[str, str | int]] = [
        {"name": said(one.name), "exit_code": one.exit_code, "reason": said(one.reason)}
        for one in parts
        if one.outcome == "failure"
    ]
    return Message(
        said(result.name),
        outcome_of(result.exit_code, interrupted=result.interrupted),
        result.exit_code,
        said(result.reason),
        result.duration,
        counts,
        failed[:FAILED_SHOWN],
        {name: said(text) for name, text in about.items()},
        "workflow" if workflow else "job",
    )


def outcome_of(exit_code: int, *, interrupted: bool) -> str:
    """Return how a run ended, in one word."""
    return "cancelled" if interrupted else "failure" if exit_code else "success"


def as_json(message: Message) -> bytes:
    """Return the body for a webhook: version, kind, and what is said, with the names of the conventions for VCS."""
    document: dict[str, Any] = {"v": 1, "type": f"{message.kind}_finished", **message._asdict()}
    del document["kind"]
    return json.dumps(document, ensure_ascii=False).encode(errors="replace")


def as_slack(message: Message) -> bytes:
    """Return the body for an incoming webhook of Slack; no text in it is a link, or calls somebody.

    Source: Slack's rules for text, https://docs.slack.dev/messaging/formatting-message-text.
    """
    mark = {"success": ":white_check_mark:", "failure": ":x:", "cancelled": ":no_entry_sign:"}[message.outcome]
    lines = [f"{mark} *{_slack(message.headline)}*", *map(_slack, message.lines)]
    return json.dumps({"text": "\n".join(lines)}, ensure_ascii=False).encode(errors="replace")


def as_email(message: Message, sender: str, receivers: str) -> EmailMessage:
    """Return an e-mail in plain text."""
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = message.headline.encode(errors="replace").decode(), sender, receivers
    made["Date"], made["Message-ID"] = format_datetime(localtime()), make_msgid(domain="runnerlib.invalid")
    made["Auto-Submitted"] = "auto-generated"
    text = "\n".join([message.headline, "", *message.lines]) + "\n"
    made.set_content(text.encode(errors="replace").decode())
    return made


def _slack(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\u200b{one}" if one in "*_~`" else one for one in escaped)
