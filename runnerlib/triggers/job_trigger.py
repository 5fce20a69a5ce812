"""A follow-up job as a value: checked when it is made, so that no coordinator refuses it later."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from runnerlib.errors import ConfigError, printable, unknown
from runnerlib.triggers import field_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class TriggerError(ConfigError):
    """A follow-up job is described wrongly; the text names the job and the field, never a value of its environment."""


class FieldError(TriggerError, TypeError):
    """A field that no trigger has."""


RULES: Mapping[str, Callable[[object], Any]] = {
    "job_name": field_rules.text,
    "depends_on": field_rules.names,
    "condition": field_rules.condition,
    "env": field_rules.environment,
    "source_type": field_rules.text,
    "source_url": field_rules.text,
    "source_ref": field_rules.text,
    "ci_source_type": field_rules.text,
    "ci_source_url": field_rules.text,
    "ci_source_ref": field_rules.text,
    "container_image": field_rules.text,
    "job_command": field_rules.text,
    "priority": field_rules.whole,
    "timeout": field_rules.seconds,
    "capabilities": field_rules.names,
    "image_pull_secrets": field_rules.image_pull_secrets,
    "code_dir": field_rules.text,
    "job_dir": field_rules.text,
    "working_dir": field_rules.text,
    "run_as_user": field_rules.run_as_user,
    "for_each": field_rules.items,
    "item_var": field_rules.variable_name,
    "worker_class": field_rules.text,
    "characteristics": field_rules.mapping,
    "resources": field_rules.mapping,
    "disable_run_local": field_rules.truth,
    "run_local": field_rules.mapping,
    "ci_origin": field_rules.nothing,
    "execution_profile": field_rules.nothing,
}


@dataclass(frozen=True)
class JobTrigger:
    """A follow-up job. Fields that are None are left to the coordinator, which uses those of the parent.

    `depends_on` is a list of names, an empty one where nothing is given.

    Names as Reactorcide's messages have them; `timeout` in whole seconds. Raises TriggerError, which names
    the field, for a value that a coordinator would refuse and that cannot be mended: see `field_rules`.
    """

    job_name: str
    depends_on: Sequence[str] | str | None = None
    condition: str = "all_success"
    env: Mapping[str, str | int | float | bool] | None = None
    source_type: str | None = None
    source_url: str | None = None
    source_ref: str | None = None
    ci_source_type: str | None = None
    ci_source_url: str | None = None
    ci_source_ref: str | None = None
    container_image: str | None = None
    job_command: str | None = None
    priority: int | None = None
    timeout: int | None = None
    capabilities: Sequence[str] | None = None
    image_pull_secrets: Sequence[str] | None = None
    code_dir: str | None = None
    job_dir: str | None = None
    working_dir: str | None = None
    run_as_user: str | None = None
    for_each: Sequence[Any] | None = None
    item_var: str | None = None
    worker_class: str | None = None
    characteristics: Mapping[str, Any] | None = None
    resources: Mapping[str, Any] | None = None
    disable_run_local: bool | None = None
    run_local: Mapping[str, Any] | None = None
    ci_origin: str | None = None
    execution_profile: str | None = None

    def __post_init__(self) -> None:
        """Check and mend every field."""
        if self.depends_on is None:
            object.__setattr__(self, "depends_on", [])
        for name, check in RULES.items():
            given = getattr(self, name)
            if given is None and name not in {"job_name", "condition"}:
                continue
            try:
                object.__setattr__(self, name, check(given))
            except ValueError as error:
                raise TriggerError(f"{_subject(self.job_name)}: {name}: {printable(str(error))}") from None
        if self.depends_on and self.job_name in self.depends_on:
            raise TriggerError(f"{_subject(self.job_name)}: depends_on: it would wait for itself")

    def to_dict(self) -> dict[str, Any]:
        """The fields that are given, as they are sent."""
        given = {name: value for name in RULES if (value := getattr(self, name)) is not None}
        return given if self.depends_on else {name: value for name, value in given.items() if name != "depends_on"}


def trigger_of(given: object) -> JobTrigger:
    """The trigger that a mapping of fields describes. Raises TriggerError, FieldError for an unknown field."""
    if isinstance(given, JobTrigger):
        return given
    if not isinstance(given, dict):
        raise TriggerError(f"a job to trigger is a mapping of fields, got {field_rules.kind_of(given)}")
    return made(given)


def made(given: Mapping[str, Any]) -> JobTrigger:
    """The trigger with these fields. Raises TriggerError, FieldError for an unknown field."""
    known = [field.name for field in fields(JobTrigger)]
    for name in given:
        if name not in known:
            problem = unknown("field", printable(str(name)[:100]), known)
            raise FieldError(f"{_subject(given.get('job_name'))}: {problem}")
    if "job_name" not in given:
        raise TriggerError("a job to trigger needs a job_name")
    return JobTrigger(**given)


def _subject(name: object) -> str:
    return f"trigger '{printable(name[:100])}'" if isinstance(name, str) and name else "trigger"
