"""Reading a configuration file: a YAML or JSON mapping of setting names to values."""

from __future__ import annotations

from runnerlib.errors import ConfigError, one_line

_LARGEST = 1 << 20


def load(path: str) -> dict[str, object]:
    """The mapping in the file at `path` (JSON is read as the subset of YAML that it is).

    Raises ConfigError when the file cannot be read, is over 1 MiB, no YAML, or holds no mapping with
    text keys, has keys twice, tags, or aliases that stand for too much. The text of a parser's complaint
    is repeated only where it quotes nothing of the file: the line may hold a secret.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST + 1).decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a UTF-8 text file"
        raise ConfigError(f"cannot read {_subject(path)}: {why}") from None
    return parse(text, path)


def parse(text: str, path: str) -> dict[str, object]:
    """The mapping in `text`, the content of the file at `path`. Raises ConfigError as `load` does."""
    subject = _subject(path)
    if len(text) > _LARGEST:
        raise ConfigError(f"{subject} has more than 1 MiB")
    content = _parsed(text, subject)
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"{subject} must hold a mapping of setting names to values")
    return content


def _subject(path: str) -> str:
    return f"the configuration file '{one_line(path)}'"


def _parsed(text: str, subject: str) -> object:
    # What reads YAML takes time to load, and most runs have no file.
    from runnerlib._util import yaml_nodes

    try:
        root = yaml_nodes.compose(text)
        return {} if root is None else yaml_nodes.plain(root)
    except yaml_nodes.DocumentError as error:
        place = f", line {error.place.line}, column {error.place.column}" if error.place else ""
        raise ConfigError(f"{subject}{place}: {one_line(str(error))}") from None
