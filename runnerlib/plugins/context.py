"""What a hook is given: what it may look at, what it may change, what it may add to the run."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

from runnerlib.config import SETTINGS, RunnerConfig
from runnerlib.config import parsers as kinds
from runnerlib.config.settings import secret_texts
from runnerlib.errors import unknown
from runnerlib.masking import SecretMasker
from runnerlib.plugins.errors import PluginError
from runnerlib.secrets.providers import Lookup
from runnerlib.source import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from runnerlib.events.result import StepResult
    from runnerlib.output.protocol import Listener, MakeConsole
    from runnerlib.pipeline.job import Step
    from runnerlib.plugins.phase import PluginPhase
    from runnerlib.triggers.message import Message

_SETTINGS = tuple(setting.name for setting in fields(RunnerConfig))


class ChangeableConfig(RunnerConfig):
    """The settings of a run as a hook may change them: `context.config.job_command = "make"`.

    A value is checked as it is assigned, and masked from then on if the setting is secret. Raises
    AttributeError for an unknown setting and ValueError for a value that the setting does not allow.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _SETTINGS:
            raise AttributeError(unknown("setting", name, _SETTINGS))
        setting = SETTINGS[name]
        if value is not None or setting.default is not None:
            try:
                value = setting.parse(value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        object.__setattr__(self, name, value)
        if setting.secret:
            values = value.split(",") if setting.parse is kinds.values and isinstance(value, str) else value
            for text in secret_texts(values):
                self._hide(text, setting.variable)

    def _hide(self, value: str, name: str) -> None:
        """Mask a value from now on."""


def changeable(config: RunnerConfig, masker: SecretMasker) -> ChangeableConfig:
    """A copy of `config` that can be changed; `masker` hides what is secret in it."""
    values: dict[str, Any] = {name: getattr(config, name) for name in _SETTINGS}
    copy = ChangeableConfig(**values)
    object.__setattr__(copy, "_hide", masker.register_secret)
    return copy


class TriggerSink(Protocol):
    """Who is told of follow-up jobs. The same message may come again: its `operation_id` tells."""

    @property
    def name(self) -> str:
        """What messages for people call it."""

    def send(self, message: Message, /) -> str:
        """Take a message; what became of it, in a few words. What it raises means that it did not."""


class Services:
    """What the hooks of one run share: its masker, and what they add to it."""

    def __init__(
        self, masker: SecretMasker | None = None, sources: Sources | None = None, lookup: Lookup | None = None
    ) -> None:
        self.masker = masker or SecretMasker()
        self.sources = sources or Sources()
        self.lookup = lookup or Lookup()
        self.modes: dict[str, MakeConsole] = {}
        self.observers: list[tuple[str, Listener]] = []
        self.sinks: list[tuple[str, TriggerSink]] = []
        self.listening = False


@dataclass
class PluginContext:
    """The run as a hook sees it. Each plugin gets a context of its own in each phase.

    `config` and `env_vars`, the variables of the job, can be changed up to the phase that uses them.
    `job_path` is the workspace. `exit_code` is known from POST_EXECUTION on, `error` in ON_ERROR and
    CLEANUP when something failed. `metadata` is the plugin's own: what it puts there it finds again in
    its later hooks. `results` has each step that ended, by name. In the hooks of steps `step` is the
    step, in `post_step` `result` how it ended. `dry_run` means that nothing is going to be done.
    """

    config: RunnerConfig
    phase: PluginPhase | None = None
    job_path: Path | None = None
    env_vars: dict[str, str] | None = None
    exit_code: int | None = None
    error: Exception | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    results: Mapping[str, StepResult] = field(default_factory=dict)
    step: Step | None = None
    result: StepResult | None = None
    dry_run: bool = False
    plugin: str = ""
    services: Services = field(default_factory=Services, repr=False)

    @property
    def sources(self) -> Sources:
        """The types of source of this run; `register` adds one, up to PRE_SOURCE_PREP."""
        return self.services.sources

    def register_secret(self, value: str | bytes) -> bool:
        """Mask `value` in everything that is shown from now on; False if it is too short to be masked."""
        return self.services.masker.register_secret(value, f"registered by plugin {self.plugin}")

    def add_observer(self, observer: Listener) -> None:
        """Tell `observer` every event from now on; see `runnerlib.plugins.Watcher`. Raises PluginError."""
        for method in ("observe", "drain", "give_up", "close"):
            if not callable(getattr(observer, method, None)):
                raise PluginError(f"an observer needs {method}(); subclass runnerlib.plugins.Watcher")
        self.services.observers.append((self.plugin, observer))

    def add_output_mode(self, name: str, make_console: MakeConsole) -> None:
        """Let `--output NAME` show the job as `make_console(streams, look)` does; up to POST_VALIDATION."""
        if self.services.listening:
            raise PluginError(f"output mode '{name}': the output has begun; add it up to post_validation")
        if not callable(make_console):
            raise PluginError(f"output mode '{name}': a function of (streams, look) is expected")
        self.services.modes[name] = make_console

    def add_trigger_sink(self, sink: TriggerSink) -> None:
        """Tell `sink` of the follow-up jobs as well, once the job has ended. Raises PluginError."""
        if not isinstance(getattr(sink, "name", None), str) or not callable(getattr(sink, "send", None)):
            raise PluginError("a trigger sink needs a name and send(message)")
        self.services.sinks.append((self.plugin, sink))

    def add_secret_provider(self, name: str, get: Callable[[str, str], str | None]) -> None:
        """Ask `get(path, key)` for secrets that settings refer to by `${secret:path:key}`; up to PRE_VALIDATION.

        None means that it has no such secret. Raises RunnerError for a name that is taken.
        """
        self.services.lookup.register(name, get)
