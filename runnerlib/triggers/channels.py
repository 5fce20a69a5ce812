"""Channels for follow-up jobs, as the settings choose them; pure.

The stdout channel is a line that begins with TRIGGERS_PREFIX. A step writes to the same stdout, so while the
channel is open the masker hides TRIGGERS_PREFIX, and the key that a worker may have given, like a secret: what
has passed it cannot contain either, in whatever pieces or encodings it was written. A console that takes
control characters out afterwards makes sure of it once more (`runnerlib.output.modes.grouped`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.events import TRIGGERS_PREFIX
from runnerlib.masking.candidates import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from runnerlib._util.paths import Workspace
    from runnerlib.config import Resolved, RunnerConfig

LONGEST_LINE = 1 << 20
"""Bytes of a line; what a worker reads at most."""

NO_KEY = "-"
_KEY = r"[A-Za-z0-9._~+/=-]{16,256}"


class Channels(NamedTuple):
    """The names of the channels, the file that keeps messages, and how the others are reached."""

    names: tuple[str, ...]
    file: Path
    config: RunnerConfig


def channels(config: RunnerConfig, workspace: Workspace) -> Channels:
    """The channels that `config` names, or those that fit. Raises PathError for a file outside of the workspace."""
    return Channels(chosen(config), workspace.resolve(config.triggers_file, "triggers_file"), config)


def chosen(config: RunnerConfig) -> tuple[str, ...]:
    """Return the names of the channels that the settings name, or those that fit."""
    return config.triggers or (("api",) if _is_known(config) else ("file",))


def required(config: RunnerConfig) -> bool:
    """Return whether a job fails when its follow-up jobs are not delivered.

    By default it does where a coordinator waits, since the file is then read by no one.
    """
    return _is_known(config) if config.triggers_required is None else config.triggers_required


def _is_known(config: RunnerConfig) -> bool:
    """Return whether this is a job of a coordinator, even if its URL is missing."""
    return bool(config.api_token and config.job_id)


def checked(resolved: Resolved, workspace: Workspace) -> list[Secret]:
    """Return the secrets that no step may write while the channels are open.

    Raises ConfigError for channels that cannot be used as set.
    """
    config = resolved.config
    workspace.resolve(config.triggers_file, resolved.subject("triggers_file"))
    names = config.triggers or ()
    if "file" in names and len(names) > 1:
        raise resolved.error("triggers", "'file' goes alone: the other channels keep the file until a message is taken")
    missing = [name for name in ("coordinator_url", "api_token", "job_id") if not getattr(config, name)]
    if "api" in names and missing:
        raise resolved.error("triggers", f"'api' needs {' and '.join(missing)} as well")
    if config.triggers_key is not None and not re.fullmatch(_KEY, config.triggers_key):
        raise resolved.error("triggers_key", "16 to 256 letters, digits and -._~+/= are expected")
    if "stdout" not in names:
        return []
    if config.secret_min_length > len(TRIGGERS_PREFIX):
        most = len(TRIGGERS_PREFIX)
        raise resolved.error("secret_min_length", f"'stdout' as a channel of triggers needs at most {most}")
    return [Secret("the beginning of lines that trigger jobs", TRIGGERS_PREFIX)]


def line(text: str, key: str | None) -> bytes:
    """Return the output line that announces the message `text`, which is one line of JSON."""
    return f"{TRIGGERS_PREFIX} {key or NO_KEY} {text}\n".encode()


def named(names: Iterable[str]) -> str:
    """Return a list of names as text for the user, at most five of them."""
    found = [f"'{name}'" for name in dict.fromkeys(names)]
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
