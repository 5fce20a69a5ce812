"""Reading a configuration file: a YAML or JSON mapping of setting names to values."""

from __future__ import annotations

from pathlib import Path

from runnerlib.errors import ConfigError


def load(path: str) -> dict[str, object]:
    """The mapping in the file at `path` (JSON is read as the subset of YAML that it is).

    Raises ConfigError when the file cannot be read, is no YAML or holds no mapping with text keys.
    The text of a parser's complaint is not repeated, only its place: the line may hold a secret.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a UTF-8 text file"
        raise ConfigError(f"cannot read the configuration file '{path}': {why}") from None
    content = _parse(text, path)
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"the configuration file '{path}' must hold a mapping of setting names to values")
    return content


def _parse(text: str, path: str) -> object:
    import yaml  # 18 ms that a run without a file must not pay

    try:
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}  # noqa: S506 - both loaders are safe
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"the configuration file '{path}' is not valid YAML or JSON{place}") from None
    except yaml.YAMLError:
        raise ConfigError(f"the configuration file '{path}' is not valid YAML or JSON") from None
