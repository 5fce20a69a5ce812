"""What `checkout` and `copy` have in common: one source into the workspace, no job."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from runnerlib.cli.bar import Lines
from runnerlib.cli.planning import current_directory, resolve_options
from runnerlib.config import SETTINGS
from runnerlib.errors import printable
from runnerlib.job import Job, Step
from runnerlib.plan import plan_run
from runnerlib.runner import interruptible
from runnerlib.source import forget_stored
from runnerlib.source.mounted import prepare as prepare_unless_mounted
from runnerlib.stopping import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.cli.session import Session

_PLACES = ("code_dir", "job_dir", "work_dir", "profile")
PREPARING = tuple(name for name in SETTINGS if name in _PLACES or name.startswith("cache_"))
"""The settings that say where a source goes."""


def prepare(session: Session, config_file: str | None, options: Mapping[str, object]) -> None:
    """Prepare the source that `options` name, and print where it is. Raises RunnerError."""
    resolved = resolve_options(config_file, options)
    nothing = Job("checkout", [Step("nothing", "true")])
    plan = plan_run(resolved, (), os.environ, current_directory(), nothing, lookup=session.lookup)
    session.planned = plan.masker
    stop = Stop()
    report = Lines(sys.stderr, plan.masker.mask_string, stop.check)
    try:
        with interruptible(stop):
            for checkout in plan.checkouts:
                if not checkout.trusted:
                    prepare_unless_mounted(plan.sources, checkout.spec, checkout.target, plan.workspace.base, report)
    finally:
        report.clear()
    forget_stored()
    click.echo(printable(plan.masker.mask_string(str(plan.code_dir))))
