"""The notifications that the settings of a run ask for; loaded for runs that have some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.config.notify import mailbox, notification
from runnerlib.errors import ConfigError, RunnerError
from runnerlib.output.notify.observer import Notifier
from runnerlib.runner.about import about

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.services import RunServices


class _Facts:
    """The things that a notifier asks of a run."""

    def __init__(
        self, plan: RunPlan, mask: Callable[[str], str], history: Path | None, warn: Callable[[str], object]
    ) -> None:
        self._plan = plan
        self._history = history
        self.mask = mask
        self.warn = warn

    def about(self) -> Mapping[str, str]:
        return about(self._plan)

    def last_exit_code(self, name: str) -> int | None:
        """The run itself is the last one in the history, because that is written first."""
        if self._history is None:
            return None
        try:
            from runnerlib.output.history.file import load

            runs = load(self._history, name, last=2)
        except (ImportError, RunnerError):  # the recorder of the history has said so
            return None
        return runs[0].exit_code if len(runs) > 1 else None


def notifier(
    plan: RunPlan,
    services: RunServices,
    history: Path | None,
    warn: Callable[[str], object],
    *,
    workflow: bool,
) -> Notifier:
    """Make the observer that tells of a run. Raises ConfigError for targets that do not go with the other settings.

    URLs are masked from now on: who knows that of a webhook can use it.
    """
    config, masker = plan.config, services.masker
    try:
        wanted = [notification(one, insecure=config.allow_insecure_transport) for one in config.notify]
    except ValueError as error:
        raise ConfigError(f"notify: {error}") from None
    if config.notify_smtp is None and any(one.kind == "email" for one in wanted):
        raise ConfigError("notify: mail needs a server, notify_smtp: smtps://USER:PASSWORD@HOST")
    if history is None and any(one.when == "changed" for one in wanted):
        raise ConfigError("notify: 'changed' compares with the run before, so it needs a history (--history FILE)")
    masker.register_secrets([one.address for one in wanted if one.kind != "email"], "notify")
    box = mailbox(config.notify_smtp) if config.notify_smtp is not None else None
    if box is not None and box.password:
        masker.register_secrets([box.password], "notify_smtp")
    facts = _Facts(plan, masker.mask_string, history, warn)
    return Notifier(wanted, facts, config.notify_key, config.notify_from, box, workflow=workflow)
