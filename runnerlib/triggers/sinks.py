"""Sinks: each sends messages to one channel; it takes a message or says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from runnerlib.triggers.channels import LONGEST_LINE, line, named
from runnerlib.triggers.coordinator import Coordinator, CoordinatorError, RetryLimits, address
from runnerlib.triggers.outbox import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib.config import RunnerConfig
    from runnerlib.triggers.channels import Channels
    from runnerlib.triggers.message import Item, Message

    Write = Callable[[str, bytes], object]
    """Announces a message on stdout: gets its text, and the whole line."""


# Statuses that may be about one job of a message; the others are about the sender.
_ABOUT_CONTENT = frozenset({400, 403, 413, 422})


class Sink(Protocol):
    """A channel that takes messages; plugins can add one.

    The same message may come again, with the same `operation_id`.
    """

    @property
    def name(self) -> str:
        """The name in texts for the user; deliveries are recorded under it."""

    def send(self, message: Message) -> str:
        """Take a message; return the result in a few words.

        Raises DeliveryError: with `refused` when nothing can have come of it, with `content` when parts of it may go.
        """


class Api:
    """The Coordinator as a sink, which creates the jobs of a message as follow-up jobs of this one."""

    name = "api"

    def __init__(self, config: RunnerConfig) -> None:
        """Make the sink. Raises CoordinatorError for a URL or a token that cannot be used."""
        self._job = config.job_id or ""
        self._coordinator = coordinator(config, config.api_token, "REACTORCIDE_API_TOKEN")

    def send(self, message: Message) -> str:
        """Send the message, with retries for a while. Raises DeliveryError."""
        try:
            created = self._coordinator.submit(self._job, message.encode())
        except CoordinatorError as error:
            content = error.refused and error.status in _ABOUT_CONTENT
            raise DeliveryError(str(error), refused=error.refused, content=content) from None
        again = f" at attempt {created.attempts}" if created.attempts > 1 else ""
        if created.jobs:
            return f"the coordinator created {counted(created.jobs)}{again}"
        # A workflow may wait for an approval, and what was created by an earlier attempt is not created again.
        due = [str(job["job_name"]) for job in message.items if _is_due(job)] if message.form == "jobs" else []
        if due and created.attempts == 1:
            raise DeliveryError(f"the coordinator took the message and created none of {named(due)}")
        return f"the coordinator took {counted(len(message.job_names))} and has created none yet{again}"


class Stdout:
    """Lines on stdout that a worker watches for. Stdout is a log, so no secret may be in them."""

    name = "stdout"

    def __init__(self, config: RunnerConfig, mask: Callable[[str], str], write: Write) -> None:
        """`mask` knows the secrets."""
        self._key = config.triggers_key
        self._mask = mask
        self._write = write

    def send(self, message: Message) -> str:
        """Write the line. Raises DeliveryError when a secret would be in it."""
        text = message.encode()
        whole = line(text, self._key)
        if len(whole) > LONGEST_LINE:
            problem = f"a line of {len(whole)} bytes is longer than those that are read ({LONGEST_LINE} at most)"
            raise DeliveryError(problem, content=True)
        if self._mask(text) != text:
            where = named(f"{job}: {field}" for job, field in self._secrets(message))
            raise DeliveryError(
                f"stdout is a log and would show the secret in {where or 'the message'}; use a reference "
                "(${secret:PATH:KEY}) or another channel",
                content=True,
            )
        self._write(text, whole)
        return f"announced {counted(len(message.job_names))} on stdout"

    def _secrets(self, message: Message) -> Iterator[tuple[str, str]]:
        """The jobs and fields that hold a secret."""
        for job in message.jobs():
            for field, value in job.items():
                parts = value.items() if field == "env" else [(field, value)]
                yield from ((job["job_name"], name) for name, part in parts if self._mask(str(part)) != str(part))


def coordinator(config: RunnerConfig, token: str | None, token_name: str) -> Coordinator:
    """Return a client for the Coordinator that `config` names, with `token`. Raises CoordinatorError."""
    if not config.coordinator_url or not token:
        missing = token_name if config.coordinator_url else "REACTORCIDE_COORDINATOR_URL"
        raise CoordinatorError(f"{missing} is not set", refused=True)
    where = address(config.coordinator_url, insecure=config.allow_insecure_transport)
    return Coordinator(where, token, token_name, RetryLimits(total=config.triggers_timeout))


def sinks(channels: Channels, mask: Callable[[str], str], write: Write) -> list[Sink]:
    """The sinks of the built-in channels. Raises CoordinatorError for one that cannot be used."""
    found: list[Sink] = []
    if "api" in channels.names:  # first: a message that it refuses appears in no log
        found.append(Api(channels.config))
    if "stdout" in channels.names:
        found.append(Stdout(channels.config, mask, write))
    return found


def _is_due(job: Item) -> bool:
    """Return whether a job depends on no other, and has at least one instance."""
    return not job.get("depends_on") and job.get("for_each") != []


def counted(number: int, what: str = "job") -> str:
    """`1 job`, `2 jobs`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
