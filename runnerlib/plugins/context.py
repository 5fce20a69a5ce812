"""The context of a hook: data of the run to read, to change and to extend."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

from runnerlib.config import SETTINGS, RunnerConfig, parsers
from runnerlib.errors import unknown
from runnerlib.masking import SecretMasker
from runnerlib.masking.candidates import secret_texts
from runnerlib.plugins.errors import PluginError
from runnerlib.secrets.lookup import SecretResolver
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
    """The settings of a run, which a hook can change: `context.config.job_command = "make"`.

    A value is checked when it is assigned, and masked from then on if the setting is secret. Raises
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
            values = value.split(",") if setting.parse is parsers.values and isinstance(value, str) else value
            for text in secret_texts(values):
                self._hide(text, setting.variable)

    def _hide(self, value: str, name: str) -> None:
        """Mask a value from now on."""


def changeable(config: RunnerConfig, masker: SecretMasker) -> ChangeableConfig:
    """Return a copy of `config` that can be changed; `masker` hides its secret values."""
    values: dict[str, Any] = {name: getattr(config, name) for name in _SETTINGS}
    copy = ChangeableConfig(**values)
    object.__setattr__(copy, "_hide", masker.register_secret)
    return copy


class TriggerSink(Protocol):
    """Receiver of follow-up jobs. A message may arrive again, with the same `operation_id`."""

    @property
    def name(self) -> str:
        """The name of the sink in messages."""

    def send(self, message: Message, /) -> str:
        """Take a message, and return the result in a few words. An exception means that it was not delivered."""


class Services:
    """Objects shared by the hooks of one run: its masker, and the extensions that hooks add."""

    def __init__(
        self,
        masker: SecretMasker | None = None,
        sources: Sources | None = None,
        lookup: SecretResolver | None = None,
        modes: dict[str, MakeConsole] | None = None,
    ) -> None:
        self.masker = masker or SecretMasker()
        self.sources = sources or Sources()
        self.lookup = lookup or SecretResolver()
        self.modes = {} if modes is None else modes
        self.observers: list[tuple[str, Listener]] = []
        self.sinks: list[tuple[str, TriggerSink]] = []
        self.listening = False


@dataclass
class PluginContext:
    """The run as a hook sees it. Each plugin gets its own context in each phase.

    `config` and `env_vars`, the variables of the job, can be changed up to the phase that uses them.
    `job_path` is the workspace. `exit_code` is known from POST_EXECUTION on, `error` in ON_ERROR and
    CLEANUP after a failure. `metadata` is the plugin's own data: its later hooks get the same mapping.
    `results` has the result of each step that ended, by name. `step` is set in the hooks of steps, `result` in
    `post_step`. `dry_run` means that no job will run.
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
        """The source types of this run; `register` adds one, up to PRE_SOURCE_PREP."""
        return self.services.sources

    def register_secret(self, value: str | bytes) -> bool:
        """Mask `value` in all later output; return False if it is too short to be masked."""
        return self.services.masker.register_secret(value, f"registered by plugin {self.plugin}")

    def add_observer(self, observer: Listener) -> None:
        """Send every later event to `observer`; see `runnerlib.plugins.Watcher`. Raises PluginError."""
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
        """Send the follow-up jobs to `sink` as well, once the job has ended. Raises PluginError."""
        if not isinstance(getattr(sink, "name", None), str) or not callable(getattr(sink, "send", None)):
            raise PluginError("a trigger sink needs a name and send(message)")
        self.services.sinks.append((self.plugin, sink))

    def add_secret_provider(self, name: str, get: Callable[[str, str], str | None]) -> None:
        """Add a provider of the secrets that settings refer to by `${secret:path:key}`; up to PRE_VALIDATION.

        `get(path, key)` returns None for a secret that it does not have. Raises RunnerError for a name that is taken.
        """
        self.services.lookup.register(name, get)
