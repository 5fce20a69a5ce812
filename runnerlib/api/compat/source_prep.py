"""Preparing sources from a program, under the names of Reactorcide's `src.source_prep`.

`config` is what `runnerlib.get_config` returns, by default the configuration of this process.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.paths import in_container, locate
from runnerlib.config import Resolved, RunnerConfig, get_config
from runnerlib.errors import SourceError, unprepared
from runnerlib.runner.planner import plan_run
from runnerlib.runner.request import RunRequest
from runnerlib.runner.services import services_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.services import RunServices

    Report = Callable[[str], None]


def prepare_source(config: RunnerConfig | None = None, report: Report | None = None) -> Path | None:
    """Prepare the source of `source_type`, `source_url` and `source_ref` in the code directory; return its path.

    None when no source is configured: the directory is not changed. Otherwise its old content is replaced, once the
    new source is complete. `report` takes lines of progress, masked. Raises ConfigError, a ValueError, for a wrong
    setting, and SourceError when the source cannot be prepared; the target is unchanged then. The SourceError is
    an OSError here, and a FileNotFoundError for a path that does not exist.
    """
    return _prepare(config, report, trusted=False)


def prepare_ci_source(config: RunnerConfig | None = None, report: Report | None = None) -> Path | None:
    """Prepare the trusted CI source (`ci_source_*`) in `/job/ci` of the workspace; otherwise like `prepare_source`."""
    return _prepare(config, report, trusted=True)


def get_code_directory_path(config: RunnerConfig | None = None) -> Path:
    """Return the real path of the code directory. Raises PathError when it leads out of the workspace."""
    return _plan(config)[0].code_dir


def get_job_directory_path(config: RunnerConfig | None = None) -> Path:
    """Return the real path of the directory that the job runs in. Raises PathError if it is outside the workspace."""
    return _plan(config)[0].job_dir


def get_job_base_path() -> Path:
    """Return the real path of the workspace: `/job` in a container, else `./job`.

    Raises PathError for a variable with an invalid value.
    """
    return locate(os.environ, Path.cwd()).base


def is_in_container_mode() -> bool:
    """Return whether the workspace is `/job`: from REACTORCIDE_IN_CONTAINER; if unset, whether `/job` is usable.

    Raises PathError when the variable holds anything but a truth value.
    """
    return in_container(os.environ, Path.cwd())


def _plan(config: RunnerConfig | None) -> tuple[RunPlan, RunServices]:
    """Return the plan of a run without a job, which checks all settings of paths and sources, and its services."""
    resolved = Resolved(get_config() if config is None else config, {})
    services = services_for(resolved)
    return plan_run(RunRequest(resolved, (), os.environ, Path.cwd()), services), services


def _prepare(config: RunnerConfig | None, report: Report | None, *, trusted: bool) -> Path | None:
    plan, services = _plan(config)
    checkout = next((one for one in plan.checkouts if one.trusted == trusted), None)
    if checkout is None:
        return None

    def masked(line: str) -> None:
        if report is not None:
            report(services.masker.mask_string(line))

    try:
        services.sources.prepare(checkout.spec, checkout.target, masked)
    except SourceError as error:
        url = checkout.spec.url or ""
        raise unprepared(error, None if ":" in url else url) from None
    return checkout.target
