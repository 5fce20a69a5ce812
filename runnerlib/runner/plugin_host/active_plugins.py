"""The plugins of one run, each with its thread and its metadata, in the order of their calls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from runnerlib.plugins.hook_runner import Calls
from runnerlib.plugins.loading import load_file, packaged
from runnerlib.plugins.registry import PluginManager
from runnerlib.plugins.validation import registered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from runnerlib.masking import SecretMasker
    from runnerlib.plugins.deadline import Limit
    from runnerlib.plugins.validation import Registered

    Tell = Callable[[str], object]


class Member:
    """A plugin in a run; `metadata` is its own data, shared by all its hooks."""

    def __init__(self, one: Registered, masker: SecretMasker, grace: float) -> None:
        self.one = one
        self.calls = Calls(f"plugin '{one.name}'", one.file, masker, grace, one.turn)
        self.metadata: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The name of the plugin."""
        return self.one.name


class ActivePlugins:
    """The active plugins, by name; `close` releases their threads. `grace` is the time from TERM to KILL in seconds."""

    def __init__(self, masker: SecretMasker, grace: float) -> None:
        self._masker = masker
        self._grace = grace
        self._manager = PluginManager()
        self._members: dict[str, Member] = {}

    def take(self, ones: Iterable[Registered]) -> None:
        """Add plugins that were checked. Raises PluginError for a name that is taken."""
        for one in ones:
            self._manager.add(one)
            self._members.setdefault(one.name, Member(one, self._masker, self._grace))

    def load(self, file: Path, limit: Limit, tell: Tell) -> None:
        """Load a plugin file within `limit`; lines that it prints go to `tell`. Raises PluginError."""
        self._bring(f"plugin file '{file.name}'", str(file), partial(load_file, file), limit, tell)

    def load_packages(self, names: tuple[str, ...], limit: Limit, tell: Tell) -> None:
        """Load the plugins of installed packages. Raises PluginError."""
        if names:
            self._bring("plugin_packages", ", ".join(names), partial(packaged, names), limit, tell)

    def members(self) -> list[Member]:
        """Return all active plugins."""
        return list(self._members.values())

    def having(self, hook: str) -> list[Member]:
        """Return the enabled plugins that have `hook` (a phase or a step hook), in the order of their calls."""
        found = (self._members[one.name] for one in self._manager.ordered() if hook in one.hooks)
        return [member for member in found if member.one.plugin.enabled]

    def close(self) -> None:
        """Release all threads."""
        for member in self._members.values():
            member.calls.close()

    def _bring(self, subject: str, file: str, work: Callable[[], Iterable[object]], limit: Limit, tell: Tell) -> None:
        calls = Calls(subject, file, self._masker, self._grace)
        found: list[Registered] = []
        try:
            # Constructors, and the methods that validation calls, are code of the plugin, too.
            calls.call([lambda: found.extend(map(registered, work()))], "loading", limit, tell, None)
        finally:
            calls.close()
        self.take(found)
