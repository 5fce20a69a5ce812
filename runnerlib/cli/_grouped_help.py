"""The groups of options in `--help`, which begins with those that are needed first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.config import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIRST = "Most used options"
OTHER = "Other options"

GROUPS: Mapping[str, Sequence[str]] = {
    FIRST: ("job_file", "workflow_file", "job_command", "git_url", "only", "resume", "dry_run"),
    "What runs": (
        "here",
        "alone",
        "start",
        "skip",
        "watching",
        "listing",
        "drawing",
        "config_file",
        "profile",
        "exit_code_from",
        "pick",
        "shell_on_failure",
    ),
    "Source": (
        *("source_type", "source_url", "source_ref", "source_options", "git_ref"),
        *(
            "ci_source_type",
            "ci_source_url",
            "ci_source_ref",
            "ci_source_options",
            "cache_dir",
            "cache_size",
            "cache_age",
        ),
    ),
    "Directories": ("work_dir", "code_dir", "job_dir", "artifacts_dir", "state_dir"),
    "Environment": ("inputs", "job_env"),
    "Secrets": tuple(
        name for name in SETTINGS if ("secret" in name or name.startswith("mask_")) and SETTINGS[name].offered
    ),
    "Container": ("runner_image", *(name for name in SETTINGS if name.startswith("container"))),
    "Sandbox": ("sandbox", "sandbox_required", "sandbox_paths", "network"),
    "Fleet": (
        *("fleet", "fleet_key_file", "fleet_store", "run_id", "detach", "fleet_lease", "fleet_run_lease"),
        *("queue_timeout", "on_worker_loss"),
    ),
    "Limits": ("force", "max_parallel", "job_timeout", "grace_period", "drain_timeout", "cleanup_timeout"),
    "Output": (
        "output",
        "log_limit",
        "max_line",
        "timestamps",
        "events",
        "report",
        "junit",
        "annotations",
        "code_quality",
        "log_format",
        "log_level",
        "log_stream",
        "config_exit_code",
    ),
    "Figures": ("history", "metrics_file", "metrics_push", "notify_from", "otel", "profile_steps"),
    "Plugins": ("plugin_dir", "plugin_packages", "plugin_timeout", "trust_source_plugins"),
    "Follow-up jobs": (
        *("triggers", "triggers_file", "triggers_when", "triggers_required", "triggers_timeout"),
        *("coordinator_url", "job_id", "allow_insecure_transport"),
    ),
}
"""The names of parameters by the heading of their group."""
