"""Delivery: first into the triggers file, then to each channel; messages that are not taken stay in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import Interrupted, RunnerError
from runnerlib.triggers.outbox import Added, DeliveryError, Outbox
from runnerlib.triggers.partial_delivery import name_of, stuck
from runnerlib.triggers.sinks import counted, sinks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runnerlib.triggers.channels import Channels
    from runnerlib.triggers.message import Message
    from runnerlib.triggers.sinks import Sink, Write


class Verdict(NamedTuple):
    """Result of a delivery: `done` has a line for each success, `problem` the reason for the rest, if any.

    `sent` are the messages that all channels have taken; the others are in the file `path`. `warnings` are about jobs
    that were sent, and will not start.
    """

    done: tuple[str, ...] = ()
    problem: str = ""
    sent: tuple[Message, ...] = ()
    path: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def success(self) -> bool:
        """True if every message that was due is delivered."""
        return not self.problem


class _Noted:
    """A sink that records the result for each message."""

    def __init__(self, sink: Sink, done: list[str]) -> None:
        self._sink = sink
        self._done = done

    def __call__(self, message: Message) -> None:
        try:
            self._done.append(self._sink.send(message))
        except Interrupted:
            raise
        except DeliveryError as error:
            raise DeliveryError(f"{self._sink.name}: {error}", refused=error.refused, content=error.content) from None
        except RunnerError as error:
            raise DeliveryError(f"{self._sink.name}: {error}") from None


def hand_over(
    message: Message | None,
    channels: Channels,
    mask: Callable[[str], str],
    write: Write,
    others: Sequence[Sink] = (),
    kept: Callable[[], object] = lambda: None,
) -> Verdict:
    """Deliver `message` and those kept from before; `others` are sinks of plugins.

    Failures are in the verdict. `kept` is called once the file has the message, which then needs to be nowhere else.
    The file is a channel where there is no other: its reader takes a message by removing it from the file.
    """
    outbox = Outbox(channels.file, turn=60.0 + channels.config.triggers_timeout)
    done: list[str] = []
    warnings: list[str] = []
    try:
        if message is not None:
            done += _added(outbox.add(message), message.form, channels)
            kept()
        used = {sink.name: _Noted(sink, done) for sink in (*sinks(channels, mask, write), *others)}
        sent = outbox.send(used, warnings.append) if used else []
        if message is not None and not used:
            warnings += _waiting(outbox, message, channels)
    except Interrupted:
        raise  # what may have been sent is known to be so
    except RunnerError as error:
        where = f"; they are kept in '{channels.file}'" if channels.file.exists() else ""
        before = error.sent if isinstance(error, DeliveryError) else ()
        return Verdict(tuple(done), f"{error}{where}", before, str(channels.file), tuple(warnings))
    return Verdict(tuple(done), "", tuple(sent), str(channels.file), tuple(warnings))


def _waiting(outbox: Outbox, message: Message, channels: Channels) -> Iterator[str]:
    """Yield a line for each of these jobs that can never start, as the file is now.

    Its reader may have more messages by then.
    """
    names = set(message.job_names)
    for waiting in outbox.messages():
        for left in stuck(waiting):
            if name_of(left.item) in names:
                yield f"'{name_of(left.item)}' in '{channels.file}': {left.why}"


def _added(added: Added, form: str, channels: Channels) -> Iterator[str]:
    """Yield a line about the messages added to the file, if it is the only channel.

    The other channels report their own results.
    """
    if channels.names == ("file",):
        what = counted(added.new, form.removesuffix("s"))
        yield f"wrote {what} to '{added.path}'" if added.new else f"'{added.path}' has these {form} already"
