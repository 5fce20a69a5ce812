"""The schema of single values in job and workflow files, by the kinds that read them.

Editors read YAML 1.2, the readers YAML 1.1 and take texts as they are written: a number or a truth
value is a text as well, and `yes` may be a text where a truth value is meant.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from runnerlib.pipeline.job import VARIABLE_NAME
from runnerlib.pipeline.job.inputs import TYPES
from runnerlib.pipeline.job.model import SANDBOXES, WHEN
from runnerlib.pipeline.job_file import parsers, sources, steps
from runnerlib.pipeline.job_file.inputs import INPUT_KINDS, inputs
from runnerlib.pipeline.job_file.job import read_steps
from runnerlib.pipeline.job_file.steps import CAUSE_KINDS, RETRY_KINDS, STEP_KINDS
from runnerlib.pipeline.schema import description
from runnerlib.pipeline.workflow import file_keys as keys
from runnerlib.pipeline.workflow.checks import IF_NO_FILES, PLAIN_CONDITIONS
from runnerlib.pipeline.workflow.file_include import INCLUDE_KINDS
from runnerlib.pipeline.workflow.job import EVENTS
from runnerlib.source.registry import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Schema = dict[str, Any]

_VARIABLE = f"^{VARIABLE_NAME}$"
_YES_OR_NO = r"^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF|true|True|TRUE|false|False|FALSE)$"

TEXT: Schema = {"type": ["string", "number", "boolean"]}
TEXTS: Schema = {"type": "array", "items": TEXT}
NAMES: Schema = {"anyOf": [TEXT, TEXTS]}
WHOLE: Schema = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
VARIABLES: Schema = {"type": "object", "additionalProperties": TEXT, "propertyNames": {"pattern": _VARIABLE}}
ANYTHING: Schema = {}


def _or_other(words: Iterable[str]) -> Schema:
    return {"anyOf": [{"enum": list(words)}, TEXT]}


STEP_WORDS: Mapping[str, Schema] = {
    "when": {"enum": list(WHEN)},
    "sandbox": {"enum": list(SANDBOXES)},
    "shell": _or_other(("sh", "bash", "python3", "node", "ruby", "perl")),
    "type": _or_other(BUILT_IN),
}
JOB_WORDS: Mapping[str, Schema] = {
    "condition": _or_other(PLAIN_CONDITIONS),
    "source_type": _or_other(BUILT_IN),
    "ci_source_type": _or_other(BUILT_IN),
}
"""Words that texts may be, by key; in `shell` and `condition` there may be others."""

SIMPLE: Mapping[Callable[..., Any], Schema] = {
    parsers.text: TEXT,
    parsers.boolean: {"anyOf": [{"enum": [True, False]}, {"type": "string", "pattern": _YES_OR_NO}]},
    parsers.whole: WHOLE,
    parsers.number: {"type": "number", "minimum": 0},
    parsers.network: {"anyOf": [{"type": "boolean"}, PORT, {"type": "array", "items": PORT, "minItems": 1}]},
    parsers.duration: {
        "type": ["string", "number"],
        "minimum": 0,
        "pattern": f"^(?:{parsers.NUMBER}|(?=.){parsers.DURATION})$",
        "examples": ["90s", "5m", "1h30m", "1d"],
    },
    parsers.texts: TEXTS,
    parsers.names: NAMES,
    parsers.command: NAMES,
    parsers.variables: VARIABLES,
    steps.codes: {"anyOf": [WHOLE, {"type": "array", "items": WHOLE}]},
    sources.options: {"type": "object", "additionalProperties": NAMES},
}


def mapping(
    kinds_by_key: Mapping[str, Callable[..., Any]], descriptions: Mapping[str, str], required: Iterable[str] = ()
) -> Schema:
    """Return the schema of a mapping of these keys and no others; `descriptions` describes each key."""
    return {
        "type": "object",
        "properties": {
            key: {"description": descriptions[key], **known(key, value(kind))} for key, kind in kinds_by_key.items()
        },
        "additionalProperties": False,
        **({"required": list(required)} if required else {}),
    }


def known(key: str, schema: Schema, words: Mapping[str, Schema] = STEP_WORDS) -> Schema:
    """Return the schema of the value of a key, with the words that are meant if it is a text."""
    return words[key] if schema is TEXT and key in words else schema


def value(kind: Callable[..., Any]) -> Schema:
    """Return the schema of the values that `kind` reads."""
    if isinstance(kind, partial):
        kind = kind.func
    composed = COMPOSED.get(kind)
    return composed() if composed else SIMPLE.get(kind, ANYTHING)


def _step() -> Schema:
    return mapping(STEP_KINDS, description.STEP, ("name", "run"))


def _steps() -> Schema:
    return {"type": "array", "items": {"$ref": "#/$defs/step"}, "maxItems": 10_000, "minItems": 1}


def _retry() -> Schema:
    return {"anyOf": [WHOLE, mapping(RETRY_KINDS, description.RETRY, ("max",))]}


def _caches() -> Schema:
    cache = mapping(steps.CACHE_KINDS, description.CACHE, ("key", "paths"))
    return {"anyOf": [cache, {"type": "array", "items": cache}]}


def _resources() -> Schema:
    amount: Schema = {"type": ["string", "number"]}
    limit = {"description": "the most that the step may use", **amount}
    limited = {"type": "object", "properties": {"limit": limit}, "required": ["limit"], "additionalProperties": False}
    words = {"cpu": "number of processors: `2`, `0.5` or `500m`", "memory": "bytes, as `512Mi` or `4G`"}
    properties = {key: {"description": text, "anyOf": [amount, limited]} for key, text in words.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _services() -> Schema:
    service = mapping(steps.SERVICE_KINDS, description.SERVICE)
    service["anyOf"] = [{"required": ["run"]}, {"required": ["image"]}]
    return {"type": "object", "additionalProperties": service}


def _concurrency() -> Schema:
    return {"anyOf": [TEXT, mapping(steps.CONCURRENCY_KINDS, description.CONCURRENCY, ("group",))]}


def _causes() -> Schema:
    cause: Schema = {"anyOf": [WHOLE, {"const": "timeout"}]}
    return {"anyOf": [cause, {"type": "array", "items": cause}, mapping(CAUSE_KINDS, description.CAUSES)]}


def _source() -> Schema:
    return mapping(sources.KINDS, description.SOURCE, ("type",))


def _outputs() -> Schema:
    return {"anyOf": [NAMES, {"type": "object", "additionalProperties": TEXT}]}


def _downloads() -> Schema:
    one: Schema = {"anyOf": [TEXT, mapping(keys.DOWNLOAD_KINDS, description.DOWNLOAD, ("job",))]}
    return {"anyOf": [one, {"type": "array", "items": one}]}


def _events() -> Schema:
    return {"anyOf": [_event_names(), mapping(keys.EVENT_KINDS, description.EVENTS)]}


def _event_names() -> Schema:
    name: Schema = {"enum": list(EVENTS)}
    return {"anyOf": [name, {"type": "array", "items": name}]}


def _run_as() -> Schema:
    return {"anyOf": [TEXT, {"type": "object"}]}


def _include() -> Schema:
    one: Schema = {"anyOf": [{"type": "string"}, mapping(INCLUDE_KINDS, description.INCLUDE)]}
    return {"anyOf": [one, {"type": "array", "items": one}]}


def _inputs() -> Schema:
    one = mapping(INPUT_KINDS, description.INPUT)
    one["properties"]["type"] = {"description": description.INPUT["type"], "enum": list(TYPES)}
    return {"type": "object", "additionalProperties": {"anyOf": [TEXT, {"type": "null"}, one]}}


def _defaults(*, job: bool) -> Schema:
    entries = {"steps": {"description": "keys of all steps", **mapping(steps.DEFAULT_KINDS, description.STEP)}}
    if job:
        properties = {
            key: {"description": entry.help, **known(key, value(entry.kind), JOB_WORDS)}
            for key, entry in keys.DEFAULT_KEYS.items()
        }
        jobs = {"description": "keys of all jobs", "type": "object", "properties": properties}
        entries["jobs"] = {**jobs, "additionalProperties": False}
    return {"type": "object", "properties": entries, "additionalProperties": False}


def _matrix() -> Schema:
    rule: Schema = {"type": "object", "minProperties": 1}
    rules = {"anyOf": [rule, {"type": "array", "items": rule}]}
    words = {
        "include": "values that are added to combinations, or make some",
        "exclude": "values of combinations that are left out",
    }
    limits = {
        "fail_fast": ("`true`: the first run that fails ends the others", value(parsers.boolean)),
        "max_parallel": ("how many runs go at a time", value(parsers.whole)),
    }
    properties = {word: {"description": text, **rules} for word, text in words.items()}
    properties |= {word: {"description": text, **kind} for word, (text, kind) in limits.items()}
    return {"anyOf": [{"type": "object", "properties": properties}, {"type": "string"}]}


COMPOSED: Mapping[Callable[..., Any], Callable[[], Schema]] = {
    read_steps: _steps,
    steps.retry: _retry,
    steps.causes: _causes,
    steps.caches: _caches,
    steps.concurrency: _concurrency,
    steps.reports: lambda: mapping(steps.REPORT_KINDS, description.REPORTS),
    steps.services: _services,
    steps.resources: _resources,
    steps.ports: lambda: {"anyOf": [PORT, {"type": "array", "items": PORT}]},
    sources.settings: _source,
    keys.value: lambda: ANYTHING,
    keys.items: lambda: {"anyOf": [{"type": "array"}, {"type": "string"}]},
    keys.mapping: lambda: {"type": "object"},
    keys.matrix_or_output: _matrix,
    keys.steps: _steps,
    keys.outputs: _outputs,
    keys.artifacts: lambda: mapping(keys.ARTIFACT_KINDS, description.ARTIFACTS),
    keys.downloads: _downloads,
    keys.if_no_files: lambda: {"enum": list(IF_NO_FILES)},
    keys.events: _events,
    keys.event_names: _event_names,
    keys.paths: lambda: mapping(keys.PATH_KINDS, description.PATHS),
    keys.run_as: _run_as,
    steps.defaults: lambda: _defaults(job=False),
    inputs: _inputs,
    keys.include: _include,
    keys.approve: lambda: {"anyOf": [TEXT, mapping(keys.APPROVE_KINDS, description.APPROVE)]},
    keys.defaults: lambda: _defaults(job=True),
}
"""Schemas of values with keys or several forms."""

IGNORED: Schema = {"patternProperties": {"^x-": ANYTHING}}
"""Keys at the top that are for what is said once."""


def definitions() -> Schema:
    """Return the definitions that other parts of a schema refer to."""
    return {"step": _step()}
