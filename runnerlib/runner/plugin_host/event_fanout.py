"""Delivery of events to the main observer of a run and to the observers of its plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import OutputError
from runnerlib.events import Warned

if TYPE_CHECKING:
    from runnerlib.events import Event, Observer
    from runnerlib.masking import SecretMasker
    from runnerlib.output.protocol import Listener


class Listeners:
    """The main observer of the run, once it is open, and the observers of plugins.

    Events before that are kept for the main observer. An observer of a plugin that fails gets no further events.
    """

    def __init__(self, masker: SecretMasker) -> None:
        self._masker = masker
        self._main: Observer | None = None
        self._added: list[tuple[str, Listener]] = []
        self.kept: list[Event] = []

    def open(self, main: Observer) -> None:
        """Set the main observer, and send it the events kept so far. Raises OutputError."""
        self._main = main
        kept, self.kept = self.kept, []
        for event in kept:
            main.observe(event)

    def beside(self, main: Observer) -> Listeners:
        """Return a copy with another main observer and the same observers of plugins."""
        other = Listeners(self._masker)
        other._main, other._added = main, self._added
        return other

    def add(self, plugin: str, observer: Listener) -> None:
        """Add an observer of `plugin`; it gets all later events."""
        self._added.append((plugin, observer))

    def close(self) -> None:
        """Close the observers of plugins."""
        for plugin, observer in list(self._added):
            try:
                observer.close()
            except Exception as error:
                self._dismiss(plugin, observer, error)
        self._added.clear()

    @property
    def congested(self) -> bool:
        """Return whether the main observer is congested; observers of plugins cannot delay a run."""
        return self._main is not None and self._main.congested

    def observe(self, event: Event) -> None:
        """Send one event to all observers. Raises OutputError when the main observer cannot take more."""
        failed: OutputError | None = None
        try:
            self.tell_audience(event)
        except OutputError as error:
            failed = error
        for plugin, observer in self._added[:]:
            try:
                observer.observe(event)
            except Exception as error:
                self._dismiss(plugin, observer, error)
        if failed is not None:
            raise failed

    def tell_audience(self, event: Event) -> None:
        """Send one event to the main observer only. Raises OutputError.

        Plugins' observers are left out for output of plugins: what they write must not come back to them.
        """
        if self._main is None:
            self.kept.append(event)
        else:
            self._main.observe(event)

    async def drain(self) -> None:
        """Wait until the main observer is no longer congested."""
        if self._main is not None:
            await self._main.drain()

    def _dismiss(self, plugin: str, observer: Listener, error: Exception) -> None:
        self._added[:] = [(name, other) for name, other in self._added if other is not observer]
        text = f"an observer of plugin '{plugin}' failed and is told nothing more: {type(error).__name__}: {error}"
        self.observe(Warned(self._masker.mask_string(text)))
