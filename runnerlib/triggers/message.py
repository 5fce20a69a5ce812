"""Messages: jobs, or workflows of jobs, under one operation id, and their form as JSON. Pure.

    {"type": "trigger_job", "operation_id": "…", "trigger_type": "runnerlib", "jobs": [{…}, …]}

Source: Reactorcide's triggers.json and the body of `POST /api/v1/jobs/{id}/triggers`, which are the same.
"""

from __future__ import annotations

import json
import uuid
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.graph import cycle
from runnerlib.errors import printable
from runnerlib.triggers.field_rules import kind_of
from runnerlib.triggers.job_trigger import TriggerError, trigger_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Item = Mapping[str, Any]

TYPE = "trigger_job"
PLAIN, EVALUATED = "runnerlib", "runnerlib_eval"
_OWN = ("type", "operation_id", "trigger_type", "jobs", "workflows")


class Message(NamedTuple):
    """Items under an operation id. `form` is their kind, `jobs` or `workflows`; `more` are the other keys.

    A coordinator takes the same operation id once: what may have been sent must not change any more.
    """

    operation_id: str
    items: tuple[Item, ...]
    form: str = "jobs"
    trigger_type: str = PLAIN
    more: Mapping[str, Any] = MappingProxyType({})

    @property
    def job_names(self) -> tuple[str, ...]:
        """The names of all jobs in it."""
        return tuple(str(job.get("job_name", "")) for job in self.jobs())

    def jobs(self) -> Iterable[Item]:
        """All jobs in it, those of workflows too."""
        if self.form == "jobs":
            return self.items
        return (job for workflow in self.items for job in workflow.get("jobs", ()))

    def extended(self, other: Message) -> Message:
        """Return this message with the further items of `other`; equal items are one item."""
        known = {canonical(item) for item in self.items}
        new: dict[str, Item] = {canonical(item): item for item in other.items}
        added = tuple(item for text, item in new.items() if text not in known)
        return self._replace(items=(*self.items, *added), more={**self.more, **other.more})

    def without(self, known: Iterable[Item]) -> Message:
        """This message without the items that are `known`, and each of the rest once."""
        texts = {canonical(item) for item in known}
        rest = {text: item for item in self.items if (text := canonical(item)) not in texts}
        return self._replace(items=tuple(rest.values()))

    def fits(self, other: Message) -> bool:
        """Return whether the items of both can be in one message."""
        return (self.form, self.trigger_type) == (other.form, other.trigger_type)

    def check(self) -> None:
        """Raise TriggerError when jobs wait for each other: none of them would ever start."""
        for jobs in [self.items] if self.form == "jobs" else [item.get("jobs", ()) for item in self.items]:
            waits: dict[str, list[str]] = {str(job["job_name"]): [] for job in jobs}
            for job in jobs:
                waits[job["job_name"]] += [name for name in job.get("depends_on", ()) if name in waits]
            if ring := cycle(waits):
                raise TriggerError(f"jobs to trigger wait for each other: {printable(' → '.join(ring))}")

    def encode(self) -> str:
        """One line of JSON in ASCII, without the line's end."""
        head = {"type": TYPE, "operation_id": self.operation_id, "trigger_type": self.trigger_type}
        return json.dumps({**head, self.form: list(self.items), **self.more}, separators=(",", ":"))


def message(
    items: Sequence[Item], form: str = "jobs", trigger_type: str = PLAIN, more: Mapping[str, Any] | None = None
) -> Message:
    """Return a new message with a new operation id. Raises TriggerError when its jobs wait for each other."""
    made = Message(str(uuid.uuid4()), tuple(items), form, trigger_type, more or {}).without(())
    made.check()
    return made


def parse(text: str | bytes, name: str) -> Message:
    """The message in `text`, the content of the file `name`; one without an operation id gets one.

    Raises TriggerError when it is none that a coordinator would take.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise TriggerError(f"{name}: not valid JSON") from None
    if not isinstance(given, dict) or given.get("type") != TYPE:
        raise TriggerError(f"{name}: no message of triggers: a mapping with type '{TYPE}' is expected")
    if "version" in given:
        raise TriggerError(f"{name}: the key 'version' is not allowed")
    form = "workflows" if "workflows" in given else "jobs"
    items = given.get(form)
    if not isinstance(items, list):
        raise TriggerError(f"{name}: {form}: a list is expected, got {kind_of(items)}")
    more = {key: value for key, value in given.items() if key not in _OWN}
    trigger_type, operation_id = given.get("trigger_type", PLAIN), given.get("operation_id") or str(uuid.uuid4())
    if not isinstance(trigger_type, str) or not isinstance(operation_id, str):
        raise TriggerError(f"{name}: operation_id and trigger_type are texts")
    checked = [_job(item, name) if form == "jobs" else _workflow(item, name) for item in items]
    return Message(operation_id, tuple(checked), form, trigger_type, more)


def canonical(item: Item) -> str:
    """A text that is equal for equal items."""
    return json.dumps(item, sort_keys=True, separators=(",", ":"))


def _job(item: object, name: str) -> Item:
    try:
        return trigger_of(item).to_dict()
    except TriggerError as error:
        raise TriggerError(f"{name}: {error}") from None


def _workflow(item: object, name: str) -> Item:
    jobs = item.get("jobs") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(jobs, list):
        raise TriggerError(f"{name}: a workflow is a mapping with a list of jobs")
    return {**item, "jobs": [_job(job, name) for job in jobs]}
