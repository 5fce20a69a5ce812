"""The schema of configuration files, which also serves for `.reactorcide/runnerlib.yaml`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from runnerlib.config import PROFILES, SETTINGS, Setting, parsers
from runnerlib.output import MODES
from runnerlib.source.registry import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_LIST: Schema = {"anyOf": [_STRING, {"type": "array", "items": _STRING}]}
_PORT: Schema = {"type": ["string", "integer"]}
_VALUE: Schema = {"type": ["string", "number", "boolean"]}
_OPTION: Schema = {"type": ["string", "boolean", "integer"]}
# YAML 1.1 reads `off` so; said in a way that no editor offers.
_ONLY_FALSE: Schema = {"not": {"anyOf": [{"type": ["string", "number", "object", "array", "null"]}, {"const": True}]}}
# Words of settings that plugins may add others to.
_WORDS: Mapping[str, Iterable[str]] = {"output": MODES, "source_type": BUILT_IN, "ci_source_type": BUILT_IN}

KINDS: Mapping[Callable[..., Any], Schema] = {
    parsers.text: _STRING,
    parsers.store: _STRING,
    parsers.smtp: _STRING,
    parsers.notifications: _LIST,
    parsers.plain_name: {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    parsers.marker: {"type": "string", "minLength": 1, "pattern": r"^[^\n]*$"},
    parsers.seconds: {"type": ["string", "number"], "minimum": 0},
    parsers.duration: {"type": ["string", "number"], "exclusiveMinimum": 0},
    parsers.count: {"type": ["string", "integer"], "minimum": 1},
    parsers.exit_code: {"type": ["string", "integer"], "minimum": 1, "maximum": 255},
    parsers.boolean: {"anyOf": [{"enum": [True, False]}, _STRING]},
    parsers.network: {"anyOf": [{"type": ["string", "integer", "boolean"]}, {"type": "array", "items": _PORT}]},
    parsers.line_length: {
        "anyOf": [
            {"const": "off"},
            {"const": 0},
            {"type": ["string", "integer"], "minimum": 256, "pattern": "^[0-9]{1,15}[KMGTkmgt]?$"},
        ]
    },
    parsers.size: {"type": ["string", "integer"], "minimum": 1, "pattern": "^[0-9]{1,15}[KMGTkmgt]?$"},
    parsers.names: _LIST,
    parsers.words: _LIST,
    parsers.values: _LIST,
    parsers.environment: {"anyOf": [_STRING, {"type": "object", "additionalProperties": _STRING}]},
    parsers.inputs: {"anyOf": [*_LIST["anyOf"], {"type": "object", "additionalProperties": _VALUE}]},
    parsers.options: {
        "anyOf": [
            *_LIST["anyOf"],
            {"type": "object", "additionalProperties": {"anyOf": [_OPTION, {"type": "array", "items": _OPTION}]}},
        ]
    },
}
"""The schema of the value in a file for each kind of setting."""


def config_schema(place: str = "#") -> Schema:
    """Settings, and profiles of them; `place` is where the schema stands in its document."""
    settings = {name: _setting(setting) for name, setting in SETTINGS.items()}
    profile = {name: {"$ref": f"{place}/properties/{name}"} for name in settings if name != "profile"}
    settings[PROFILES] = {
        "description": "named sets of settings, of which `profile` chooses one",
        "type": ["object", "null"],
        "additionalProperties": {"type": ["object", "null"], "properties": profile, "additionalProperties": False},
    }
    return {
        "title": "runnerlib: settings",
        "type": "object",
        "properties": settings,
        "additionalProperties": False,
    }


def kind_schema(kind: Callable[..., Any]) -> Schema | None:
    """Return the schema of the values that `kind` takes; None if there is none."""
    if not isinstance(kind, partial):
        return KINDS.get(kind)
    words = list(kind.args[0])
    if kind.func is parsers.one_of:
        return {"anyOf": [{"enum": words}, _ONLY_FALSE]} if "off" in words else {"enum": words}
    # Names are taken without the spaces around them.
    named: Schema = {"anyOf": [{"enum": words}, {"type": "string", "pattern": rf"^\s*(?:{'|'.join(words)})?\s*$"}]}
    return {"anyOf": [_STRING, {"type": "array", "items": named}]} if kind.func is parsers.some_of else None


def _setting(setting: Setting) -> Schema:
    """Return the schema of a setting; a key without a value has no effect."""
    described: Schema = {"description": setting.help}
    if setting.default is not None:
        described["default"] = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    words = [{"enum": list(_WORDS[setting.target])}] if setting.target in _WORDS else []
    return {**described, "anyOf": [*words, kind_schema(setting.parse) or {}, {"type": "null"}]}
