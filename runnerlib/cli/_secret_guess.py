"""Possible secrets of an invocation that fails before its configuration is resolved.

Errors at that time quote settings and paths. It is only partly known which values are secret, so every possible
secret counts. The functions here ignore errors: they read as much as they can.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.config import CONFIG_VARIABLE, PROFILES, SECRETS, SETTINGS, RunnerConfig, load
from runnerlib.errors import RunnerError
from runnerlib.masking.candidates import guess
from runnerlib.source import stored_secrets, url_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def suspects(args: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield every value that may be secret, from all layers of the configuration."""
    given = given_texts(args, environ)
    filed = _lines_of(given["secrets_file"])
    assigned = _assignments(filed)
    variables = {**environ, **_assignments(given["job_env"]), **assigned}
    names = [name.strip() for text in given["secret_env_names"] for name in text.split(",")]
    patterns = [pattern for text in given["secret_env_patterns"] for pattern in text.split(",")]
    yield from (variables[name] for name in names if name in variables)
    plain = {setting.variable for setting in SETTINGS.values() if not setting.secret}
    others = {name: value for name, value in variables.items() if name not in plain}
    yield from (secret.value for secret in guess(others, [*RunnerConfig().secret_env_patterns, *patterns]))
    listed = _lines_of(given["secret_values_list"])
    for text in (*listed, *(text for setting in SECRETS for text in given[setting.name])):
        yield from (text, *text.split(","))
    yield from (*assigned.values(), *filed)
    for url in (*given["source_url"], *given["ci_source_url"], *args):
        yield from url_secrets(url)
    with suppress(RunnerError):
        yield from stored_secrets()


def given_texts(args: Sequence[str], environ: Mapping[str, str]) -> dict[str, list[str]]:
    """Return for each setting the texts given by all layers; aliases count for their setting."""
    found: dict[str, list[str]] = {}
    files = [*_option(args, "--config"), *filter(None, [environ.get(CONFIG_VARIABLE)])]
    for setting in SETTINGS.values():
        texts = found.setdefault(setting.target, [])
        texts += _option(args, setting.option)
        texts += filter(None, [environ.get(setting.variable)])
    for file in filter(_readable_again, files):
        with suppress(RunnerError):
            content = load(file)
            profiles = content.pop(PROFILES, None)
            for settings in (content, *(profiles.values() if isinstance(profiles, dict) else ())):
                for key, value in settings.items() if isinstance(settings, dict) else ():
                    if key in SETTINGS:
                        found[SETTINGS[key].target] += _texts(value)
    return found


def _option(args: Sequence[str], option: str) -> list[str]:
    """Return the values of an option on the command line, given as `--option value` or `--option=value`."""
    texts = []
    for word, following in zip(args, [*args, ""][1:], strict=True):
        name, equals, value = word.partition("=")
        if name == option:
            texts.append(value if equals else following)
    return texts


def _texts(value: object) -> list[str]:
    """Return the texts in a value of a configuration file, members of a mapping also as assignments."""
    if isinstance(value, dict):
        inner = [text for member in value.values() for text in _texts(member)]
        return inner + [f"{name}={text}" for name, member in value.items() for text in _texts(member)]
    if isinstance(value, list):
        return [text for member in value for text in _texts(member)]
    return [str(value)]


def _assignments(texts: Sequence[str]) -> dict[str, str]:
    lines = (line.strip().removeprefix("export ").partition("=") for text in texts for line in text.split("\n"))
    return {name.strip(): value for name, _, value in lines if value}


def _lines_of(paths: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for path in filter(_readable_again, paths):
        with suppress(OSError):
            lines += Path(path).read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    return [line.strip() for line in lines]


def _readable_again(path: str) -> bool:
    """Return whether `path` is a regular file: a pipe was read before, and opening it again may wait for ever."""
    with suppress(OSError, ValueError):  # not a valid path
        return Path(path).is_file()
    return False
