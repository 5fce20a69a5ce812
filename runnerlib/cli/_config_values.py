"""Values of settings as people read them, and what holds where none is given."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.cli._grouped_help import FIRST, GROUPS
from runnerlib.config import SETTINGS, parsers
from runnerlib.runner.checkouts import cache_directory
from runnerlib.runner.journal.seal import state_directory
from runnerlib.triggers.channels import chosen, required

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runnerlib.config import RunnerConfig, Setting
    from runnerlib.runner.request import RunRequest

_BYTES = frozenset({"log_limit"})
_SIZES = ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB"))
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
_UNOFFERED = "Never on the command line"


def grouped() -> Iterator[tuple[str, list[str]]]:
    """Yield the headings of `run --help`, each with its settings; those without an option come last."""
    heads = dict(GROUPS)
    first, *others = heads
    assert first == FIRST  # noqa: S101 - its members are repeated below: there is no second place for them
    placed: dict[str, list[str]] = {}
    for heading in others:
        placed[heading] = [name for name in heads[heading] if _is_own(name)]
    most_used = [name for name in heads[FIRST] if _is_own(name)]
    placed[others[0]] = [*most_used, *placed[others[0]]]
    seen = {name for names in placed.values() for name in names}
    placed[_UNOFFERED] = [name for name in SETTINGS if _is_own(name) and name not in seen]
    yield from ((heading, names) for heading, names in placed.items() if names)


def _is_own(name: str) -> bool:
    return name in SETTINGS and SETTINGS[name].target == name


def text(setting: Setting, value: object) -> str:
    """Return a value in words: `64 MiB`, `1 h 30 min`, `true`; `-` for none."""
    if value is None or value == ():
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return _number(setting, value)
    if isinstance(value, tuple):
        return ",".join("=".join(one) if isinstance(one, tuple) else str(one) for one in value)
    if isinstance(value, dict):
        return " ".join(f"{name}={one}" for name, one in value.items())
    return repr(value) if isinstance(value, str) and "\n" in value else str(value)


def _number(setting: Setting, value: float) -> str:
    if setting.parse in {parsers.seconds, parsers.duration}:
        return duration(value)
    if setting.parse is parsers.line_length and not value:
        return "off"
    is_size = setting.parse in {parsers.size, parsers.line_length} or setting.name in _BYTES
    return size(int(value)) if is_size else f"{value:g}"


def size(count: int) -> str:
    """`64 MiB`, `1.5 GiB`, `65537 B`: in the largest unit in which nothing is rounded away."""
    for power, unit in _SIZES:
        if count >= 1 << power and not count * 4 % (1 << power):
            return f"{count / (1 << power):g} {unit}"
    return f"{count} B"


def duration(seconds: float) -> str:
    """`1 h 30 min`, `14 d`, `2.5 s`."""
    parts, whole = [], int(seconds)
    for length, unit in _UNITS:
        if whole >= length:
            parts.append(f"{whole // length} {unit}")
            whole %= length
    rest = whole + seconds - int(seconds)
    return " ".join(parts if parts and not rest else [*parts, f"{rest:g} s"])


def effective(request: RunRequest, name: str) -> object:
    """Return the value of a setting; where no layer gives one, what holds then, if that is known before a run."""
    config = request.resolved.config
    value = getattr(config, name)
    return _EFFECTIVE[name](config, request) if value is None and name in _EFFECTIVE else value


_EFFECTIVE: Mapping[str, Callable[[RunnerConfig, RunRequest], object]] = {
    "max_parallel": lambda _config, _request: os.cpu_count() or 1,
    "job_dir": lambda config, _request: config.code_dir,
    "cache_dir": lambda config, request: cache_directory(config, request.environ, request.located()) or "none",
    "state_dir": lambda config, request: state_directory(config.state_dir, request.environ),
    "triggers": lambda config, _request: chosen(config),
    "triggers_required": lambda config, _request: required(config),
}
