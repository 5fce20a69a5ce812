"""Adapter for the trigger sinks of plugins: each is called in its plugin's thread, with a time limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import RunnerError
from runnerlib.triggers.outbox import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.plugins.context import TriggerSink
    from runnerlib.plugins.deadline import Limit
    from runnerlib.runner.plugin_host.active_plugins import Member
    from runnerlib.triggers.message import Message


class LimitedSink:
    """A sink of a plugin, called in its thread for a limited time."""

    def __init__(
        self, sink: TriggerSink, member: Member, limit: Callable[[], Limit], tell: Callable[[str], object]
    ) -> None:
        self.name = sink.name
        self._sink = sink
        self._member = member
        self._limit = limit
        self._tell = tell

    def send(self, message: Message) -> str:
        """Pass a message on. Raises DeliveryError."""
        answers: list[str] = []

        def send() -> None:
            answers.append(str(self._sink.send(message)))

        where = f"trigger sink '{self.name}'"
        try:
            self._member.calls.call([send], where, self._limit(), self._tell)
        except RunnerError as error:
            raise DeliveryError(str(error)) from None
        return answers[0]
