"""The layers of the configuration: their values as written there, their order, and the origin of each value.

Default < job file < file of the CI source < its profile < configuration file < its profile < environment < command
line. Checked-in files rank below the caller's own settings; among them the job file is lowest, since it may come from
anywhere and the CI source is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from runnerlib._util.values import NamedTuple
from runnerlib.config.settings import SETTINGS, RunnerConfig
from runnerlib.errors import ConfigError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runnerlib.config.setting import Setting

PROFILES = "profiles"
_OF_JOBS = frozenset({"job", "jobs", "steps", "workflow"})


class Layer(Enum):
    """Origin of a value; later members win."""

    DEFAULT = "default"
    JOB_FILE = "job file"
    CI_FILE = "file of the CI source"
    CI_PROFILE = "profile of the CI source"
    FILE = "configuration file"
    PROFILE = "profile"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"
    PLUGIN = "plugin"


class Origin(NamedTuple):
    """The layer of a value and how it is spelled there."""

    layer: Layer
    spelling: str

    def __str__(self) -> str:
        return f"{self.layer.value}, {self.spelling}" if self.spelling else self.layer.value


class LayerValue(NamedTuple):
    """A value, as one layer gives it."""

    setting: Setting
    value: object
    origin: Origin

    @property
    def shown(self) -> str:
        """Describe a value for an error message.

        A structure that should be text may hold secrets: only its type is shown.
        """
        if self.setting.secret:
            return ""
        if isinstance(self.value, (str, int, float)):
            return f"got '{self.value}', "
        return f"got a {'mapping' if isinstance(self.value, dict) else type(self.value).__name__}, "


class ParsedFile(NamedTuple):
    """The content of a file of settings: those at its top, and its profiles."""

    settings: Mapping[str, object]
    profiles: Mapping[str, Mapping[str, object]]


_NOTHING: Mapping[str, object] = MappingProxyType({})


class FileLayer(NamedTuple):
    """Settings that a file brings, and its name."""

    settings: Mapping[str, object]
    name: str


class Layers(NamedTuple):
    """Input of every layer, unparsed. `ci_file` is None until the CI source is prepared."""

    command_line: Mapping[str, object]
    environ: Mapping[str, str]
    file: FileLayer = FileLayer(_NOTHING, "")
    job_file: FileLayer | None = None
    ci_file: FileLayer | None = None


_DEFAULT = Origin(Layer.DEFAULT, "")


class Resolved(NamedTuple):
    """The configuration of a run, the origin of every value, and its input.

    `given` maps the name of a setting to what each layer gives for it, the winner last.
    """

    config: RunnerConfig
    origins: Mapping[str, Origin]
    given: Mapping[str, Sequence[LayerValue]] = MappingProxyType({})
    layers: Layers = Layers(_NOTHING, MappingProxyType({}))

    def origin(self, name: str) -> Origin:
        """The layer that gave the setting `name` its value."""
        return self.origins.get(name, _DEFAULT)

    def changed(self, changes: Mapping[str, tuple[object, Origin]]) -> Resolved:
        """Return a copy with other values, already checked, and the origin of each."""
        if not changes:
            return self
        values: dict[str, Any] = {name: value for name, (value, _) in changes.items()}
        origins = {name: origin for name, (_, origin) in changes.items()}
        return self._replace(config=replace(self.config, **values), origins={**self.origins, **origins})

    def subject(self, name: str) -> str:
        """Return the setting `name` as errors name it: with the layer of its value."""
        return f"{name} ({self.origin(name)})"

    def error(self, name: str, problem: str) -> ConfigError:
        """A ConfigError about the value of the setting `name`, naming its layer."""
        return ConfigError(f"{self.subject(name)}: {problem}")


def resolve(
    command_line: Mapping[str, object],
    environ: Mapping[str, str],
    file: Mapping[str, object] | None = None,
    file_name: str = "",
    job_file: FileLayer | None = None,
    ci_file: FileLayer | None = None,
) -> Resolved:
    """Merge the layers; pure.

    `command_line` maps setting names to values, None where not given. Variables of REACTORCIDE_*
    that are no setting belong to other parts of the system and are left alone. Raises ConfigError
    with one line for each unknown key, wrong value and contradiction.
    """
    return merge(Layers(command_line, environ, FileLayer(file or {}, file_name), job_file, ci_file))


def merge(layers: Layers) -> Resolved:
    """Merge `layers` as `resolve` does."""
    problems: list[str] = []
    values: dict[str, Any] = {}
    all_given: dict[str, list[LayerValue]] = {}
    filed = separate(layers.file.settings, layers.file.name, problems)
    ci_filed = separate(*layers.ci_file, problems, late=True) if layers.ci_file else ParsedFile(_NOTHING, {})
    profile = _profile(layers, filed)
    _check_others(filed, layers.file.name, profile, problems)
    _check_others(ci_filed, layers.ci_file.name if layers.ci_file else "", profile, problems)
    for layer in _in_order(layers, filed, ci_filed, profile, problems):
        found: dict[str, LayerValue] = {}
        for given in layer:
            _add(found, given, problems)
        for name, given in found.items():
            values[name] = given.value
            all_given.setdefault(name, []).append(given)
        _parse(found, values, problems)
    origins = {name: each[-1].origin for name, each in all_given.items()}
    profiles = {**filed.profiles, **ci_filed.profiles}
    awaited = layers.ci_file is None and values.get("ci_source_type") not in (None, "", "none")
    if profile and profile not in profiles and not awaited:
        what = unknown("profile", profile, profiles) if profiles else f"no configuration file has a profile '{profile}'"
        problems.append(f"profile ({origins.get('profile', _DEFAULT)}): {what}")
    if problems:
        raise ConfigError("\n".join(problems))
    return Resolved(RunnerConfig(**values), origins, all_given, layers)


def _in_order(
    layers: Layers, filed: ParsedFile, ci_filed: ParsedFile, profile: str, problems: list[str]
) -> Iterator[Iterator[LayerValue]]:
    if layers.job_file:
        separate(*layers.job_file, problems)
        yield from_file(layers.job_file.settings, Layer.JOB_FILE, layers.job_file.name)
    if layers.ci_file:
        name = layers.ci_file.name
        yield from_file(ci_filed.settings, Layer.CI_FILE, name)
        yield from_file(ci_filed.profiles.get(profile, _NOTHING), Layer.CI_PROFILE, name, profile)
    yield from_file(filed.settings, Layer.FILE, layers.file.name)
    yield from_file(filed.profiles.get(profile, _NOTHING), Layer.PROFILE, layers.file.name, profile)
    yield from_environment(layers.environ)
    yield from_command_line(layers.command_line, problems)


def _check_others(filed: ParsedFile, file: str, profile: str, problems: list[str]) -> None:
    """Add the errors of the profiles that are not chosen."""
    for name, settings in filed.profiles.items():
        if name != profile:
            found: dict[str, LayerValue] = {}
            for given in from_file(settings, Layer.PROFILE, file, name):
                _add(found, given, problems)
            _parse(found, {}, problems)


def _profile(layers: Layers, filed: ParsedFile) -> str:
    """The name of the profile that the highest layer chooses; '' for none."""
    setting = SETTINGS["profile"]
    named = (layers.command_line.get("profile"), layers.environ.get(setting.variable), filed.settings.get("profile"))
    return str(next((name for name in named if name is not None), ""))


def _add(found: dict[str, LayerValue], given: LayerValue, problems: list[str]) -> None:
    """Add one given value, and the values it implies, under their target settings."""
    implied = (LayerValue(SETTINGS[name], value, given.origin) for name, value in given.setting.implies.items())
    for target, value in ((given.setting.target, given), *((i.setting.name, i) for i in implied)):
        other = found.get(target)
        if other is not None and other.value != value.value:
            problems.append(f"{target} ({other.origin}) contradicts {value.origin.spelling}; give one of them")
        else:
            found.setdefault(target, value)


def _parse(found: Mapping[str, LayerValue], values: dict[str, Any], problems: list[str]) -> None:
    for name, given in found.items():
        try:
            values[name] = given.setting.parse(given.value)
        except ValueError as error:
            problems.append(f"{name} ({given.origin}): {given.shown}{error}")


def separate(content: Mapping[str, object], file: str, problems: list[str], *, late: bool = False) -> ParsedFile:
    """Split a file into settings and profiles, and check the keys of all, also of profiles that are not chosen.

    `late`: the file is known only when the CI source is there, and must not set what is used before.
    """
    settings = {key: value for key, value in content.items() if key != PROFILES}
    found = content.get(PROFILES)
    profiles: dict[str, Mapping[str, object]] = {}
    if isinstance(found, Mapping):
        profiles = {str(name): inner for name, inner in found.items() if isinstance(inner, Mapping)}
        wrong = [str(name) for name, inner in found.items() if inner is not None and not isinstance(inner, Mapping)]
        profiles |= {str(name): {} for name, inner in found.items() if inner is None}
        problems += (f"{file}: {PROFILES}: '{name}' must be a mapping of setting names to values" for name in wrong)
    elif found is not None:
        problems.append(f"{file}: {PROFILES} must be a mapping of names to settings")
    problems += (f"{file}: {text}" for text in _wrong_keys(settings, "", late))
    for name, inner in profiles.items():
        problems += (f"{file}: {text}" for text in _wrong_keys(inner, f"{PROFILES}.{name}.", late))
    return ParsedFile(settings, profiles)


def _wrong_keys(settings: Mapping[str, object], prefix: str, late: bool) -> Iterator[str]:
    for key in map(str, settings):
        if key not in SETTINGS:
            where = f"{prefix[:-1]}: " if prefix else ""
            yield f"{where}{_unknown(key)}"
        elif prefix and key == "profile":
            yield f"{prefix}{key}: a profile cannot choose a profile"
        elif late and SETTINGS[key].early:
            yield (
                f"{prefix}{key} is used before the CI source is there; "
                "set it in a configuration file, the environment or on the command line"
            )


def _unknown(key: str) -> str:
    if key in _OF_JOBS:
        return f"'{key}' is of a job or a workflow: give this file as --job-file or --workflow-file"
    return unknown("setting", key, SETTINGS)


def from_file(settings: Mapping[str, object], layer: Layer, file: str, profile: str = "") -> Iterator[LayerValue]:
    """The settings of a file, or of its profile `profile`; keys that are none were complained of by `separate`."""
    prefix = f"{PROFILES}.{profile}." if profile else ""
    for key, value in settings.items():
        if key in SETTINGS and value is not None:
            yield LayerValue(SETTINGS[key], value, Origin(layer, f"{file}: {prefix}{key}"))


def from_environment(environ: Mapping[str, str]) -> Iterator[LayerValue]:
    """The variables that are settings; others of REACTORCIDE_* belong to other parts of the system."""
    for setting in SETTINGS.values():
        if setting.variable in environ:
            yield LayerValue(setting, environ[setting.variable], Origin(Layer.ENVIRONMENT, setting.variable))


def from_command_line(options: Mapping[str, object], problems: list[str]) -> Iterator[LayerValue]:
    """Yield the given options; None means that an option was not given."""
    for name, value in options.items():
        if name not in SETTINGS:
            problems.append(unknown("setting", name, SETTINGS))
        elif value is not None:
            yield LayerValue(SETTINGS[name], value, Origin(Layer.COMMAND_LINE, SETTINGS[name].option))
