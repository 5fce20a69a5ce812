"""The fields of a step as keywords of a call, for type checkers and editors: imported for types only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.pipeline.job.cache import Cache
    from runnerlib.pipeline.job.concurrency import Concurrency
    from runnerlib.pipeline.job.inputs import Input
    from runnerlib.pipeline.job.service import Service
    from runnerlib.pipeline.job.step import Retry, Sandbox, Step, When


class JobChanges(TypedDict, total=False):
    """The keywords of `Job`."""

    name: str
    steps: Sequence[Step]
    env: Mapping[str, str]
    timeout: float | None
    max_parallel: int | None
    secrets: Sequence[str] | None
    env_file: Sequence[str]
    origins: Mapping[str, str] | None
    inputs: Mapping[str, Input] | None
    input_values: Mapping[str, str] | None
    cache: Cache | Sequence[Cache]
    concurrency: Concurrency | str | None
    services: Sequence[Service]


class StepKeywords(TypedDict, total=False):
    """The fields of `Step` besides `name` and `run`; a number of retries stands for a Retry."""

    shell: str | None
    env: Mapping[str, str]
    working_dir: str | None
    depends_on: Sequence[str] | None
    parallel: bool
    when: When | None
    condition: str | None
    required: bool
    timeout: float | None
    no_output_timeout: float | None
    retry: Retry | int
    outputs: Sequence[str]
    weight: int
    stdin: str | None
    tty: bool
    secrets: Sequence[str] | None
    untrusted: bool
    sandbox: Sandbox | None
    network: bool | Sequence[int] | None
    description: str
    image: str | None
    env_file: Sequence[str]
    cache: Cache | Sequence[Cache]
    reports: Mapping[str, str | Sequence[str]]
    problem_matchers: Sequence[str]
    resources: Mapping[str, Any]
    sources: Sequence[str]
    generates: Sequence[str]
