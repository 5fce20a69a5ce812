"""Who is told what happens in a run with plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import OutputError
from runnerlib.events import Warned

if TYPE_CHECKING:
    from runnerlib.events import Event, Observer
    from runnerlib.masking import SecretMasker
    from runnerlib.output.protocol import Listener


class Listeners:
    """The audience of the run, from the moment there is one, and the observers of plugins.

    What happens before there is an audience is kept for it. An observer of a plugin that fails is told
    nothing more.
    """

    def __init__(self, masker: SecretMasker) -> None:
        self._masker = masker
        self._main: Observer | None = None
        self._added: list[tuple[str, Listener]] = []
        self.kept: list[Event] = []

    def open(self, main: Observer) -> None:
        """There is an audience now; it is told what it missed. Raises OutputError."""
        self._main = main
        kept, self.kept = self.kept, []
        for event in kept:
            main.observe(event)

    def beside(self, main: Observer) -> Listeners:
        """`main` instead of the audience, and the same observers of plugins."""
        other = Listeners(self._masker)
        other._main, other._added = main, self._added
        return other

    def add(self, plugin: str, observer: Listener) -> None:
        """Tell an observer of `plugin` from now on."""
        self._added.append((plugin, observer))

    def close(self) -> None:
        """The observers of plugins have their last call."""
        for plugin, observer in list(self._added):
            try:
                observer.close()
            except Exception as error:
                self._dismiss(plugin, observer, error)
        self._added.clear()

    @property
    def congested(self) -> bool:
        """Whether the audience is; observers of plugins hold nobody up."""
        return self._main is not None and self._main.congested

    def observe(self, event: Event) -> None:
        """Tell one event. Raises OutputError when the audience can take no more."""
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
        """Tell one event to no observer of plugins: what these write must not come back to them. Raises OutputError."""
        if self._main is None:
            self.kept.append(event)
        else:
            self._main.observe(event)

    async def drain(self) -> None:
        """Return when the audience is not congested."""
        if self._main is not None:
            await self._main.drain()

    def _dismiss(self, plugin: str, observer: Listener, error: Exception) -> None:
        self._added[:] = [(name, other) for name, other in self._added if other is not observer]
        text = f"an observer of plugin '{plugin}' failed and is told nothing more: {type(error).__name__}: {error}"
        self.observe(Warned(self._masker.mask_string(text)))
