"""From the options of a command to a checked plan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.config import Resolved, read
from runnerlib.errors import ConfigError
from runnerlib.plan import RunPlan, plan_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.cli.session import Session


def resolve_options(config_file: str | None, options: Mapping[str, str | None]) -> Resolved:
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
    session: Session, config_file: str | None, options: Mapping[str, str | None], words: Sequence[str]
) -> RunPlan:
    """The plan of a run; from here on the session masks with the plan's masker. Raises ConfigError."""
    resolved = resolve_options(config_file, options)
    plan = plan_run(resolved, words, os.environ, current_directory())
    session.planned = plan.masker
    return plan


def current_directory() -> Path:
    """Where the runner stands. Raises ConfigError when somebody has removed it."""
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(f"the current directory is gone: {error.strerror}") from None
