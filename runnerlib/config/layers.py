"""Defaults < configuration file < environment < command line, and which layer gave each value."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.config.settings import SETTINGS, RunnerConfig, Setting
from runnerlib.errors import ConfigError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Layer(Enum):
    """Where a value came from; later members win."""

    DEFAULT = "default"
    JOB_FILE = "job file"
    FILE = "configuration file"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"
    PLUGIN = "plugin"


class Origin(NamedTuple):
    """The layer of a value and how it is spelled there."""

    layer: Layer
    spelling: str

    def __str__(self) -> str:
        return f"{self.layer.value}, {self.spelling}" if self.spelling else self.layer.value


class Lowest(NamedTuple):
    """Settings that a job file brings, and its name: any other layer wins over them."""

    settings: Mapping[str, object]
    name: str


class _Given(NamedTuple):
    setting: Setting
    value: object
    origin: Origin


_DEFAULT = Origin(Layer.DEFAULT, "")


class Resolved(NamedTuple):
    """The configuration of a run and the origin of every value in it."""

    config: RunnerConfig
    origins: Mapping[str, Origin]

    def origin(self, name: str) -> Origin:
        """The layer that gave the setting `name` its value."""
        return self.origins.get(name, _DEFAULT)

    def changed(self, changes: Mapping[str, tuple[object, Origin]]) -> Resolved:
        """The same with other values, already checked, each with where it comes from."""
        if not changes:
            return self
        values: dict[str, Any] = {name: value for name, (value, _) in changes.items()}
        origins = {name: origin for name, (_, origin) in changes.items()}
        return self._replace(config=replace(self.config, **values), origins={**self.origins, **origins})

    def error(self, name: str, problem: str) -> ConfigError:
        """A ConfigError about the value of the setting `name`, naming its layer."""
        return ConfigError(f"{name} ({self.origin(name)}): {problem}")


def resolve(
    command_line: Mapping[str, object],
    environ: Mapping[str, str],
    file: Mapping[str, object] | None = None,
    file_name: str = "",
    job_file: Lowest | None = None,
) -> Resolved:
    """Merge the layers; pure.

    `command_line` maps setting names to values, None where not given. Variables of REACTORCIDE_*
    that are no setting belong to other parts of the system and are left alone. Raises ConfigError
    with one line for each unknown key, wrong value and contradiction.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for layer in (
        *([_from_file(job_file.settings, job_file.name, problems, Layer.JOB_FILE)] if job_file else ()),
        _from_file(file or {}, file_name, problems),
        _from_environment(environ),
        _from_command_line(command_line, problems),
    ):
        found: dict[str, _Given] = {}
        for given in layer:
            _add(found, given, problems)
        for name, given in found.items():
            values[name] = given.value
            origins[name] = given.origin
        _parse(found, values, problems)
    if problems:
        raise ConfigError("\n".join(problems))
    return Resolved(RunnerConfig(**values), origins)


def _from_file(
    file: Mapping[str, object], name: str, problems: list[str], layer: Layer = Layer.FILE
) -> Iterator[_Given]:
    for key, value in file.items():
        if key not in SETTINGS:
            problems.append(f"{name}: {unknown('setting', str(key), SETTINGS)}")
        elif value is not None:
            yield _Given(SETTINGS[key], value, Origin(layer, f"{name}: {key}"))


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    for setting in SETTINGS.values():
        if setting.variable in environ:
            yield _Given(setting, environ[setting.variable], Origin(Layer.ENVIRONMENT, setting.variable))


def _from_command_line(options: Mapping[str, object], problems: list[str]) -> Iterator[_Given]:
    for name, value in options.items():
        if name not in SETTINGS:
            problems.append(unknown("setting", name, SETTINGS))
        elif value is not None:
            yield _Given(SETTINGS[name], value, Origin(Layer.COMMAND_LINE, SETTINGS[name].option))


def _add(found: dict[str, _Given], given: _Given, problems: list[str]) -> None:
    """Put one given value, and what it implies, under the settings it is meant for."""
    implied = (_Given(SETTINGS[name], value, given.origin) for name, value in given.setting.implies.items())
    for target, value in ((given.setting.target, given), *((i.setting.name, i) for i in implied)):
        other = found.get(target)
        if other is not None and other.value != value.value:
            problems.append(f"{target} ({other.origin}) contradicts {value.origin.spelling}; give one of them")
        else:
            found.setdefault(target, value)


def _parse(found: Mapping[str, _Given], values: dict[str, Any], problems: list[str]) -> None:
    for name, given in found.items():
        try:
            values[name] = given.setting.parse(given.value)
        except ValueError as error:
            problems.append(f"{name} ({given.origin}): {_shown(given)}{error}")


def _shown(given: _Given) -> str:
    """What was given, for an error. What should be text and is a structure may hold secrets: only its kind is told."""
    if given.setting.secret:
        return ""
    if isinstance(given.value, (str, int, float)):
        return f"got '{given.value}', "
    return f"got a {'mapping' if isinstance(given.value, dict) else type(given.value).__name__}, "
