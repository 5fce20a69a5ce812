"""The fields of a job of a workflow as keywords of a call, for type checkers and editors: imported for types only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runnerlib.pipeline.job import Retry, Step
    from runnerlib.pipeline.job.cache import Cache
    from runnerlib.pipeline.job.concurrency import Concurrency
    from runnerlib.pipeline.job.service import Service
    from runnerlib.pipeline.workflow.job import Approval, Download, Filter


class JobKeywords(TypedDict, total=False):
    """The fields of `WorkflowJob` besides `name`, `body` and `command`, and those of its body."""

    steps: Iterable[Step]
    env: Mapping[str, str] | None
    timeout: float | None
    max_parallel: int | None
    secrets: Sequence[str] | None
    env_file: Sequence[str]
    cache: Cache | Sequence[Cache]
    concurrency: Concurrency | str | None
    services: Iterable[Service]
    working_dir: str | None
    image: str | None
    depends_on: Iterable[str]
    condition: str
    for_each: Iterable[Any] | str | None
    item_var: str
    matrix: Mapping[str, Any] | str
    priority: int | None
    settings: Mapping[str, str]
    upload: Iterable[str]
    if_no_files: Literal["fail", "warn", "ignore"]
    download: Iterable[Download | str] | Download
    outputs: Mapping[str, str] | Iterable[str]
    resources: Mapping[str, Any]
    runs_on: Iterable[str]
    remote: Mapping[str, Any]
    on: Filter
    description: str
    retry: Retry | int
    allow_failure: bool
    fail_fast: bool
    max_runs: int | None
    retention: float | None
    approve: Approval | str | bool | None
