"""The forms of a line of a log. Source: Reactorcide's `src.logging`, field by field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.output.log.level import LogLevel

# Readers of logs give up at lines of 64 KiB; a character may take twelve bytes in JSON.
_LONGEST = 5_000
_TEXTS = 1_000


def timestamp(seconds: float | None = None) -> str:
    """UTC with six digits and `+00:00`; now, if no `seconds` since the epoch are given."""
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds")


def structured(
    now: str,
    level: LogLevel,
    component: str,
    message: str,
    fields: Mapping[str, object] | None = None,
    error: tuple[str, str] | None = None,
    *,
    as_json: bool,
) -> str:
    """A line of a structured log without its line break; `error` is the type and the text of an exception."""
    if not as_json:
        pairs = "".join(f" {name}={value}" for name, value in (fields or {}).items())
        failure = f" error={error[0]}: {error[1]}" if error else ""
        return _one_line(f"{now} [{level.name}] [{component}] {message}{pairs}{failure}")
    line: dict[str, Any] = {"timestamp": now, "level": level.value, "component": component, "message": _cut(message)}
    if fields:
        line["fields"] = {
            name: _cut(value, _TEXTS) if isinstance(value, str) else value for name, value in fields.items()
        }
    if error:
        line["error"] = {"type": error[0], "message": _cut(error[1])}
    return json.dumps(line, default=str)


def streamed(now: str, stream: str, message: str, *, as_json: bool) -> str:
    """A line of output without its line break."""
    if as_json:
        return json.dumps({"timestamp": now, "stream": stream, "message": message})
    return f"{now} {message}"


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def _one_line(text: str) -> str:
    """Return `text` with its line breaks escaped: a message must not look like a line of its own."""
    return text.replace("\r", "\\r").replace("\n", "\\n")
