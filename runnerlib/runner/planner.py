"""The request of a run with the changes so far, and its plan, which is made anew when one of them has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from runnerlib.config import with_ci_source
from runnerlib.errors import ConfigError, one_line
from runnerlib.runner.plan import NO_CHANGES, early_environment
from runnerlib.runner.request import Changes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from runnerlib.config import Origin, Resolved
    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.request import RunRequest
    from runnerlib.runner.services import RunServices

P_co = TypeVar("P_co", bound="RunPlan", covariant=True)


class Planner(Generic[P_co]):
    """Makes the plan of one run by `make`, which is `plan_job` or `plan_run`.

    All its plans share the services, so the masker knows more with each.
    """

    def __init__(
        self,
        request: RunRequest,
        services: RunServices,
        make: Callable[[RunRequest, RunServices, Changes, Path], P_co],
    ) -> None:
        self.request = request
        self.services = services
        self._changes = NO_CHANGES
        self._spool: Path | None = None
        self._make = make
        self._plan: P_co | None = None
        self._outdated = False

    def plan(self) -> P_co:
        """Return the plan, made anew if something has changed. Raises the errors of `plan_job`."""
        if self._plan is None or self._outdated:
            return self.plan_again()
        return self._plan

    def plan_again(self) -> P_co:
        """Make the plan anew because something else has changed, as the source types. Raises the same errors."""
        self._plan = self._make(self.request, self.services, self._changes, self.spool)
        self._outdated = False
        return self._plan

    @property
    def settings(self) -> Resolved:
        """The settings with the changes by plugins; references to secrets are still in them."""
        return self.request.changed_settings(self._changes)

    @property
    def spool(self) -> Path:
        """The file for the follow-up jobs of steps and hooks: one for all plans."""
        if self._spool is None:
            self._spool = self.request.located().spool(lasting=self.request.job is not None)
        return self._spool

    def env(self) -> Mapping[str, str]:
        """Return the variables of the job; before the first plan, those that are known without. Raises ConfigError."""
        if self._plan is not None:
            return self.plan().env
        return early_environment(self.request, self.services, self._changes).variables

    def change(self, settings: Mapping[str, tuple[object, Origin]], env: Mapping[str, str | None]) -> None:
        """Add changes by a plugin."""
        self._changes = Changes({**self._changes.settings, **settings}, {**self._changes.env, **env})
        self._outdated = True

    def choose_job(self) -> None:
        """Choose the job again if plugins have changed the settings that name it. Raises ConfigError."""
        if not self._changes.settings.keys().isdisjoint({"job_file", "job_command"}):
            self._ask_for(self.request.with_chosen_job(self._changes))

    def add_ci_settings(self, directory: Path) -> None:
        """Add the settings of the trusted source, prepared in `directory`. Raises ConfigError."""
        self._ask_for(self.request._replace(resolved=with_ci_source(self.request.resolved, directory)))

    def read_awaited_job(self) -> None:
        """Read the awaited job file, once the sources are prepared. Raises ConfigError."""
        awaited, before = self.request.awaited, self.plan()
        if awaited is None:
            return
        self._ask_for(self.request.with_awaited_job(self._changes))
        if self.plan().checkouts != before.checkouts:
            name = one_line(awaited.given)
            raise ConfigError(f"the job file '{name}' is in a source, so it cannot say where sources come from or go")

    def _ask_for(self, request: RunRequest) -> None:
        self.request = request
        self._outdated = True
