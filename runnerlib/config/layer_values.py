"""Values of each configuration layer, as written there, and variables that were probably meant as settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.config.settings import ENV_PREFIX, SETTINGS, Setting
from runnerlib.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator


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


# What this runner reads besides its settings.
_READ = ("CONFIG", "IN_CONTAINER", "SECRETS_PASSWORD", "SECRETS_SOCKET", "SOURCE_DIR", "CI_SOURCE_DIR", "VCS_AUTH_DIR")
# What other parts of Reactorcide set or read, and jobs find there.
_OTHERS = (
    *("EVENT_TYPE", "BRANCH", "SHA", "GIT_BRANCH", "GIT_COMMIT", "DIFF_BASE", "PR_NUMBER", "PR_REF", "PR_BASE_REF"),
    *("BASE_URL", "BASE_REF", "HEAD_URL", "HEAD_REF", "HEAD_ACTOR", "IS_FORK_PR", "ACTOR_SUBJECTS", "SOURCE_PATH"),
    *("CI", "CI_APPROVALS", "CI_POLICY", "CI_POLICY_REVISION", "CI_SOURCE_PATH", "CHECKOUT_MODE", "PROVIDER", "REPO"),
    *("JOB_API_URL", "JOB_KIND", "JOB_SHELLCMD", "QUEUE", "REPORT_GENERATION", "REPORT_TARGET_GENERATION"),
    *("REPORT_TARGET_ID", "VCS_AUTH_CLEANUP", "WORKER_MODE"),
)
_MEANT = tuple(dict.fromkeys((*(setting.variable for setting in SETTINGS.values()), *(ENV_PREFIX + n for n in _READ))))
_KNOWN = frozenset((*_MEANT, *(ENV_PREFIX + name for name in _OTHERS)))
# A name is taken for a misspelt one when it is that much like one.
_LIKENESS = 0.8


def misspelt(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each unknown variable whose name is close to that of a setting."""
    for name in environ:
        if name[:1] in {"R", "r"} and name not in _KNOWN and (meant := _meant(name)):
            yield f"variable '{name[:100]}' is no setting; did you mean '{meant}'?"


def _meant(name: str) -> str:
    """The variable that `name` is close to; empty for none, as for the name of a job's own."""
    prefix, underscore, rest = name.upper().partition("_")
    wanted = ENV_PREFIX[:-1]
    if not underscore or not 0.5 < len(prefix) / len(wanted) < 2:
        return ""
    from difflib import SequenceMatcher, get_close_matches  # most starts have no such variable

    if prefix != wanted and SequenceMatcher(None, prefix, wanted).ratio() < _LIKENESS:
        return ""
    if ENV_PREFIX + rest in _KNOWN:
        return ENV_PREFIX + rest
    near = get_close_matches(rest, [known.removeprefix(ENV_PREFIX) for known in _MEANT], 1, _LIKENESS)
    return ENV_PREFIX + near[0] if near else ""
