"""Limits of a fleet: the parts of a workflow that it cannot carry are refused before anything starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnerlib.config import RunnerConfig
    from runnerlib.pipeline.workflow import Instance
    from runnerlib.runner.plan import JobPlan, RunPlan


def refuse(
    front: RunPlan, instances: Mapping[str, Instance], plans: Mapping[str, JobPlan], *, inspecting: bool
) -> None:
    """Raise ConfigError, with a line for each part of the workflow that a fleet cannot carry."""
    problems: list[str] = []
    if front.config.fleet_key_file is None:
        problems.append("a fleet needs its key: give --fleet-key-file")
    if inspecting:
        problems.append("a fleet opens no shell where a step has failed; leave --shell-on-failure or --on out")
    if front.workspace.tree is not None:
        problems.append("a fleet does not see the files of this directory; give --workflow-file, and its jobs a source")
    for name, instance in instances.items():
        if instance.job.fan_out is not None:
            text = f"a fleet takes no {instance.job.fan_out.kind} from an output yet"
            problems.append(f"job '{one_line(name)}': {text}")
        if instance.job.retry.max:
            text = "the workers of a fleet do not try a whole job again yet; give its steps the retry"
            problems.append(f"job '{one_line(name)}': {text}")
        if (instance.job.upload or instance.job.download) and front.config.fleet_store is None:
            problems.append(f"job '{one_line(name)}': artifacts need a store that the workers see; give --fleet-store")
        if instance.job.body.concurrency is not None:
            told = "a concurrency group holds on one machine; on a fleet give it to the whole workflow"
            problems.append(f"job '{one_line(name)}': {told}")
        problems += (
            f"job '{one_line(name)}': {text}" for text in _of_this_machine(plans[name].config, front.config.fleet_store)
        )
    if problems:
        raise ConfigError("\n".join(problems))


def _of_this_machine(config: RunnerConfig, store: str | None) -> Iterator[str]:
    for what, kind, url in (
        ("source", config.source_type, config.source_url),
        ("ci_source", config.ci_source_type, config.ci_source_url),
    ):
        if kind == "copy":
            if store is None:
                yield f"{what}_type copy needs a store that the workers see; give --fleet-store, or a source with a URL"
        elif kind not in {None, "", "none"} and url and os.path.exists(url):
            yield f"{what}_url '{one_line(url)}' is a path of this machine; the workers of a fleet need a URL"
    if config.plugin_dir:
        yield "plugin_dir is a directory of this machine, which the workers of a fleet do not see"
