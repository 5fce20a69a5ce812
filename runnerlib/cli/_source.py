"""Common part of `checkout` and `copy`: preparation of one source in the workspace, without a job.

A plugin may add the source type. If there may be plugins, their phases up to PRE_SOURCE_PREP are fired, and then
CLEANUP.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from runnerlib._util.cancellation import Stop
from runnerlib.cli._progress import Lines
from runnerlib.cli._request import current_directory, resolve_options, warn_of_misspelt
from runnerlib.config import SETTINGS
from runnerlib.errors import ConfigError, SourceError, printable
from runnerlib.events import Notice, Warned
from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.runner.planner import Planner, plan_run
from runnerlib.runner.request import RunRequest
from runnerlib.runner.run import preview
from runnerlib.runner.services import know_early
from runnerlib.runner.supervision import interruptible
from runnerlib.source import forget_stored
from runnerlib.source.mounts import prepare as prepare_unless_mounted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from runnerlib.cli._session import Session
    from runnerlib.config import Resolved
    from runnerlib.events import Event
    from runnerlib.masking import SecretMasker
    from runnerlib.runner.checkouts import Checkout
    from runnerlib.runner.plan import RunPlan
    from runnerlib.source import Sources

_PLACES = ("code_dir", "job_dir", "work_dir", "profile")
PREPARING = tuple(name for name in SETTINGS if name in _PLACES or name.startswith(("cache_", "plugin_")))
"""The settings for the target of a source, its cache, and plugins."""


def prepare(session: Session, config_file: str | None, options: Mapping[str, object], *, ci: bool = False) -> None:
    """Prepare the source that `options` name, and print its directory. Raises RunnerError.

    With `ci` this is the trusted source only: settings of the other source are ignored. That source may be prepared
    next, with the same credentials, so these are kept.
    """
    resolved = resolve_options(config_file, options)
    another = ci and resolved.config.source_type not in {None, "", "none"}
    if ci:
        _check_ci(resolved)
        resolved = resolved.changed({"source_type": ("none", resolved.origin("source_type"))})
    request = RunRequest(resolved, (), os.environ, current_directory())
    services = session.serve(request)
    know_early(request, services)
    warn_of_misspelt(session)
    stop = Stop()
    report = Lines(sys.stderr, services.masker.mask_string, stop.check)
    planner = Planner(request, services, plan_run)
    try:
        with preview(planner, observer=_Telling(report), stop=stop, until="pre_source_prep"):
            place = _prepare(planner.plan(), services.sources, report, trusted=ci)
    finally:
        report.clear()
    if not another:
        forget_stored()
    click.echo(printable(services.masker.mask_string(place)))


def _check_ci(resolved: Resolved) -> None:
    """Raise ConfigError when no trusted source is configured."""
    if not resolved.config.ci_source_url and resolved.config.ci_source_type in {None, "", "none"}:
        raise ConfigError("no CI source is known: give its URL, or ci_source_type and ci_source_url")


def _prepare(plan: RunPlan, sources: Sources, report: Lines, *, trusted: bool) -> str:
    """Prepare one of the sources of a plan, and return its directory."""
    for checkout in plan.checkouts:
        if checkout.trusted == trusted:
            prepare_unless_mounted(sources, checkout.spec, checkout.target, plan.workspace.base, report)
    return str(plan.workspace.ci if trusted else plan.code_dir)


def bring(checkouts: Iterable[Checkout], sources: Sources, base: Path, masker: SecretMasker) -> None:
    """Prepare each source in its directory, in the workspace `base`. Raises SourceError, which names the source."""
    stop = Stop()
    report = Lines(sys.stderr, masker.mask_string, stop.check)
    try:
        with interruptible(stop):
            for one in checkouts:
                report(f"{one.label} -> '{one.target}'")
                try:
                    prepare_unless_mounted(sources, one.spec, one.target, base, report)
                except SourceError as error:
                    raise SourceError(f"{one.label}: {error}") from None
    finally:
        report.clear()


class _Telling(UnbufferedObserver):
    """Observer that writes messages of plugins as progress lines."""

    def __init__(self, report: Lines) -> None:
        self._report = report

    def observe(self, event: Event) -> None:
        """Write the text of a notice or warning."""
        if isinstance(event, Notice):
            self._report(event.text)
        elif isinstance(event, Warned):
            self._report(f"warning: {event.text}")
