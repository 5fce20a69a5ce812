"""The settings as keywords of a call, for type checkers and editors: imported for types only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

Texts: TypeAlias = str | list[str] | tuple[str, ...]
"""A list of texts, or one text that names them, separated as the setting says."""


class SettingKeywords(TypedDict, total=False):
    """Settings of a call, as `runnerlib.config.settings` declares them; None means not given.

    Not those that have a parameter of their own, nor those of the command line (`runnerlib.api.call.INSTEAD`).
    """

    container_engine: Literal["auto", "docker", "podman", "none"] | None
    runner_image: str | None
    container: bool | str | None
    container_network: Literal["default", "none"] | None
    container_user: str | None
    container_capabilities: Texts | None
    container_read_only: bool | str | None
    container_pull: Literal["missing", "always", "never"] | None
    code_dir: str | None
    job_dir: str | None
    profile: str | None
    job_env: str | Mapping[str, str] | None
    inputs: Texts | Mapping[str, object] | None
    secrets_file: str | None
    secret_values_list: Texts | None
    secret_env_names: Texts | None
    source_type: str | None
    source_url: str | None
    source_ref: str | None
    source_options: Texts | Mapping[str, object] | None
    ci_source_type: str | None
    ci_source_url: str | None
    ci_source_ref: str | None
    ci_source_options: Texts | Mapping[str, object] | None
    cache_dir: str | None
    state_dir: str | None
    cache_size: int | str | None
    cache_age: float | str | None
    mask_marker: str | None
    secret_env_patterns: Texts | None
    secret_min_length: int | str | None
    secret_env_min_length: int | str | None
    secret_shapes: Texts | None
    mask_members: Literal["all", "private"] | None
    secret_providers: Texts | None
    untrusted_secrets: Texts | None
    secret_dir: str | None
    secret_command: Texts | None
    secret_timeout: float | str | None
    sandbox: Literal["auto", "off", "source", "strict"] | None
    sandbox_required: bool | str | None
    sandbox_paths: Texts | None
    network: bool | int | str | list[int] | tuple[int, ...] | None
    fleet: str | None
    fleet_key_file: str | None
    fleet_store: str | None
    fleet_lease: float | str | None
    fleet_run_lease: float | str | None
    run_id: str | None
    detach: bool | str | None
    queue_timeout: float | str | None
    on_worker_loss: Literal["retry", "fail"] | None
    force: bool | str | None
    max_parallel: int | str | None
    job_timeout: float | str | None
    output: str | None
    log_limit: int | str | None
    log_stream: Literal["auto", "split", "one"] | None
    max_line: int | str | None
    timestamps: bool | str | None
    events: str | None
    report: str | None
    annotations: Literal["auto", "github", "azure", "buildkite", "off"] | None
    code_quality: str | None
    junit: str | None
    log_format: Literal["text", "json"] | None
    log_level: Literal["debug", "info", "warning", "error", "fatal"] | None
    history: str | None
    metrics_file: str | None
    metrics_push: str | None
    notify: Texts | None
    notify_key: str | None
    notify_smtp: str | None
    notify_from: str | None
    profile_steps: bool | str | None
    otel: Literal["auto", "on", "off"] | None
    plugin_dir: str | None
    plugin_packages: Texts | None
    plugin_timeout: float | str | None
    trust_source_plugins: bool | str | None
    grace_period: float | str | None
    drain_timeout: float | str | None
    cleanup_timeout: float | str | None
    triggers: Texts | None
    triggers_file: str | None
    triggers_when: Literal["success", "always"] | None
    triggers_required: bool | str | None
    triggers_timeout: float | str | None
    triggers_key: str | None
    coordinator_url: str | None
    api_token: str | None
    read_token: str | None
    job_id: str | None
    allow_insecure_transport: bool | str | None
    secrets_list: Texts | None
    git_url: str | None
    git_ref: str | None


class WorkflowSettingKeywords(SettingKeywords, total=False):
    """The same for calls that run a workflow, whose jobs have no parameter for it."""

    artifacts_dir: str | None
