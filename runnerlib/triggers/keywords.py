"""The fields of a follow-up job as keywords of a call, for type checkers and editors: imported for types only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TriggerKeywords(TypedDict, total=False):
    """The fields of `JobTrigger` besides `job_name`, `env`, `depends_on` and `condition`."""

    source_type: str | None
    source_url: str | None
    source_ref: str | None
    ci_source_type: str | None
    ci_source_url: str | None
    ci_source_ref: str | None
    container_image: str | None
    job_command: str | None
    priority: int | None
    timeout: int | None
    capabilities: Sequence[str] | None
    image_pull_secrets: Sequence[str] | None
    code_dir: str | None
    job_dir: str | None
    working_dir: str | None
    run_as_user: str | int | None
    for_each: Sequence[Any] | None
    item_var: str | None
    worker_class: str | None
    characteristics: Mapping[str, Any] | None
    resources: Mapping[str, Any] | None
    disable_run_local: bool | None
    run_local: Mapping[str, Any] | None
    ci_origin: str | None
    execution_profile: str | None
