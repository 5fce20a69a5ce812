"""From the options of a command to a checked plan."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.config import Lowest, Resolved, read
from runnerlib.errors import ConfigError
from runnerlib.plan import RunPlan, chosen_job_file, plan_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.cli.session import Session
    from runnerlib.job_file import JobFile
    from runnerlib.journal import Selection


def resolve_options(config_file: str | None, options: Mapping[str, object]) -> Resolved:
    """The configuration with `options` on top, after changing to its work_dir. Raises ConfigError."""
    resolved = read(options, os.environ, config_file)
    work_dir = resolved.config.work_dir
    if work_dir is not None:
        try:
            os.chdir(work_dir)
        except OSError as error:
            raise resolved.error("work_dir", f"cannot change to '{work_dir}': {error.strerror}") from None
    return resolved


def planned(
    session: Session,
    config_file: str | None,
    options: Mapping[str, str | None],
    words: Sequence[str],
    wish: Selection | None = None,
) -> RunPlan:
    """The plan of a run; from here on the session masks with the plan's masker. Raises ConfigError."""
    resolved = resolve_options(config_file, options)
    session.log_format = resolved.config.log_format
    path = chosen_job_file(resolved, words)
    if path is None:
        plan = plan_run(resolved, words, os.environ, current_directory(), wish=wish, lookup=session.lookup)
    else:
        # Most runs have no such file, and reading one takes YAML.
        file: JobFile = importlib.import_module("runnerlib.job_file").load(path)
        resolved = read(options, os.environ, config_file, Lowest(file.settings, path))
        plan = plan_run(resolved, (), os.environ, current_directory(), file.job, wish, lookup=session.lookup)
        plan = plan._replace(warnings=(*file.notices, *plan.warnings))
    session.planned = plan.masker
    return plan


def current_directory() -> Path:
    """Where the runner stands. Raises ConfigError when somebody has removed it."""
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(f"the current directory is gone: {error.strerror}") from None
