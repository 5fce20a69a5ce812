"""Steps of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runnerlib._util.resources import KINDS as RESOURCES
from runnerlib.pipeline.job import NO_RETRY, Retry, Step
from runnerlib.pipeline.job.cache import Cache
from runnerlib.pipeline.job.concurrency import Concurrency
from runnerlib.pipeline.job.reports import REPORTS
from runnerlib.pipeline.job.service import Service
from runnerlib.pipeline.job_file import parsers
from runnerlib.pipeline.job_file.nodes import Node
from runnerlib.pipeline.job_file.reader import Entry, Reading, Wrong, got


def retry(reading: Reading, node: Node) -> Retry:
    """A number of further attempts, or a mapping."""
    if node.id == "scalar":
        try:
            return Retry(parsers.whole(reading, node))
        except Wrong:
            raise Wrong(f"a number of further attempts, or a mapping with 'max', is expected{got(node)}") from None
    entries = reading.entries(node, "retry", RETRY_KINDS)
    if "max" not in entries:
        raise Wrong("'max' is missing, the number of further attempts")
    no_causes: dict[str, Any] = {}
    causes = reading.value(entries, "on", RETRY_KINDS["on"], no_causes)
    return Retry(
        max=reading.value(entries, "max", RETRY_KINDS["max"], 0),
        backoff=reading.value(entries, "backoff", RETRY_KINDS["backoff"], NO_RETRY.backoff),
        limit=reading.value(entries, "limit", RETRY_KINDS["limit"], NO_RETRY.limit),
        jitter=reading.value(entries, "jitter", RETRY_KINDS["jitter"], NO_RETRY.jitter),
        **causes,
    )


def causes(reading: Reading, node: Node) -> dict[str, Any]:
    """Read the failures that are tried again, from a mapping, or a list of exit codes and `timeout`."""
    if node.id != "mapping":
        return _listed_causes(reading, node)
    entries = reading.entries(node, "on", CAUSE_KINDS)
    absent = {"exit_codes": (), "pattern": None, "timeout": False}
    return {key: reading.value(entries, key, kind, absent[key]) for key, kind in CAUSE_KINDS.items()}


def _listed_causes(reading: Reading, node: Node) -> dict[str, Any]:
    codes = []
    timeout = False
    for item in [node] if node.id == "scalar" else reading.items(node):
        if item.value == "timeout":
            timeout = True
            continue
        try:
            codes.append(parsers.whole(reading, item))
        except Wrong:
            raise Wrong(f"exit codes and 'timeout' are expected{got(item)}", item) from None
    return {"exit_codes": tuple(codes), "timeout": timeout}


def codes(reading: Reading, node: Node) -> tuple[int, ...]:
    """An exit code or a list of them."""
    if node.id == "scalar":
        return (parsers.whole(reading, node),)
    return tuple(parsers.whole(reading, item) for item in reading.items(node))


def concurrency(reading: Reading, node: Node) -> Concurrency:
    """The name of a concurrency group, or a mapping."""
    if node.id == "scalar":
        return Concurrency(parsers.text(reading, node))
    entries = reading.entries(node, "concurrency", CONCURRENCY_KINDS)
    if "group" not in entries:
        raise Wrong("'group' is missing, the name of the group")
    cancel = reading.value(entries, "cancel", parsers.boolean, False)
    return Concurrency(reading.value(entries, "group", parsers.text, "group"), cancel)


def services(reading: Reading, node: Node) -> tuple[Service, ...]:
    """A mapping of names to services."""
    found = []
    for name, entry in reading.entries(node, "services").items():
        entries = reading.entries(entry.value, "a service", SERVICE_KINDS)
        if not {"run", "image"} & set(entries):
            text = "'run' is missing, the command of the service, or an 'image' that has one"
            raise Wrong(f"{name[:100]}: {text}", entry.value)
        usual = {**Service._field_defaults, "run": "true"}
        values: dict[str, Any] = {key: reading.value(entries, key, SERVICE_KINDS[key], usual[key]) for key in entries}
        found.append(Service(name, **values))
    return tuple(found)


def ports(reading: Reading, node: Node) -> tuple[int, ...]:
    """A port or a list of them."""
    return (parsers.whole(reading, node),) if node.id == "scalar" else codes(reading, node)


def resources(reading: Reading, node: Node) -> dict[str, Any]:
    """A mapping of `cpu` and `memory`, each a value or its `limit`."""
    found: dict[str, Any] = {}
    for kind, entry in reading.entries(node, "resources", RESOURCES).items():
        given = entry.value
        if given.id == "mapping":
            limits = reading.entries(given, f"'{kind}'", ("limit",))
            if "limit" not in limits:
                raise Wrong(f"{kind}: 'limit' is missing", given)
            given = limits["limit"].value
        found[kind] = parsers.text(reading, given)
    return found


def caches(reading: Reading, node: Node) -> tuple[Cache, ...]:
    """A cache or a list of them."""
    found = []
    for item in [node] if node.id != "sequence" else reading.items(node):
        entries = reading.entries(item, "a cache", CACHE_KINDS)
        for key in ("key", "paths"):
            if key not in entries:
                raise Wrong(f"'{key}' is missing in a cache", item)
        values: dict[str, Any] = {key: reading.value(entries, key, kind, ()) for key, kind in CACHE_KINDS.items()}
        if values["key"] != () and values["paths"]:  # else there is a complaint
            found.append(Cache(**values))
    return tuple(found)


def reports(reading: Reading, node: Node) -> dict[str, tuple[str, ...]]:
    """A mapping of kinds of reports to globs of their files."""
    entries = reading.entries(node, "reports", REPORT_KINDS)
    return {key: reading.value(entries, key, REPORT_KINDS[key], ()) for key in entries}


Kinds = Mapping[str, Callable[[Reading, Node], Any]]

CAUSE_KINDS: Kinds = {"exit_codes": codes, "pattern": parsers.text, "timeout": parsers.boolean}
RETRY_KINDS: Kinds = {
    "max": parsers.whole,
    "backoff": parsers.duration,
    "limit": parsers.duration,
    "jitter": parsers.number,
    "on": causes,
}
SERVICE_KINDS: Kinds = {
    "run": parsers.command,
    "ready": parsers.command,
    "env": parsers.variables,
    "ports": ports,
    "ready_timeout": parsers.duration,
    "image": parsers.text,
}
CONCURRENCY_KINDS: Kinds = {"group": parsers.text, "cancel": parsers.boolean}
CACHE_KINDS: Kinds = {"key": parsers.text, "paths": parsers.names, "restore_keys": parsers.names}
REPORT_KINDS: Kinds = dict.fromkeys(REPORTS, parsers.names)
RETRY_KEYS = tuple(RETRY_KINDS)
_KINDS: Kinds = {
    "name": parsers.text,
    "description": parsers.text,
    "run": parsers.command,
    "shell": parsers.text,
    "env": parsers.variables,
    "env_file": parsers.names,
    "working_dir": parsers.text,
    "depends_on": parsers.names,
    "parallel": parsers.boolean,
    "when": parsers.text,
    "condition": parsers.text,
    "required": parsers.boolean,
    "timeout": parsers.duration,
    "no_output_timeout": parsers.duration,
    "retry": retry,
    "outputs": parsers.names,
    "weight": parsers.whole,
    "stdin": parsers.text,
    "tty": parsers.boolean,
    "secrets": parsers.names,
    "untrusted": parsers.boolean,
    "sandbox": parsers.text,
    "network": parsers.network,
    "image": parsers.text,
    "cache": caches,
    "sources": parsers.names,
    "generates": parsers.names,
    "reports": reports,
    "problem_matchers": parsers.names,
    "resources": resources,
}
ALLOW_FAILURE = "allow_failure"
STEP_KINDS: Kinds = {**_KINDS, ALLOW_FAILURE: parsers.boolean}
STEP_KEYS = tuple(STEP_KINDS)
"""The keys of a step: the fields of `Step` and one more."""

_ONLY_OF_STEPS = {"name", "description", "run", "depends_on", "outputs", "stdin"}
DEFAULT_KINDS: Kinds = {key: kind for key, kind in STEP_KINDS.items() if key not in _ONLY_OF_STEPS}
"""The keys of a step that may be given for all steps."""

_WORDS = ("steps",)


def defaults(reading: Reading, node: Node) -> dict[str, Entry]:
    """Return the keys that all steps have, from `{steps: {…}}`. Raises Wrong for anything else."""
    entries = reading.entries(node, "defaults", _WORDS)
    return reading.value(entries, "steps", step_defaults, {})


def step_defaults(reading: Reading, node: Node) -> dict[str, Entry]:
    """Return the keys of a mapping that all steps have; those with a wrong value are reported and left out."""
    entries = reading.entries(node, "this", DEFAULT_KINDS)
    missing = object()
    return {
        key: entry
        for key, entry in entries.items()
        if reading.value(entries, key, DEFAULT_KINDS[key], missing) is not missing
    }


def _fitting(given: Mapping[str, Entry], own: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the defaults that do not contradict what a step says itself."""
    against = {
        "required": "required" in own or ALLOW_FAILURE in own,
        ALLOW_FAILURE: "required" in own or ALLOW_FAILURE in own,
        "shell": "run" in own and own["run"].value.id == "sequence",
        "tty": "stdin" in own,
        "secrets": "untrusted" in own,
        "sandbox": "untrusted" in own,
        "network": "sandbox" in own and own["sandbox"].value.value == "off",
    }
    return {key: entry for key, entry in given.items() if not against.get(key)}


# In place of a wrong value: a value that causes no further errors.
_STAND_INS: Mapping[str, Any] = {"env_file": (), "run": "true", "depends_on": ()}


def step(reading: Reading, node: Node, number: int) -> tuple[Step, Mapping[str, Entry]]:
    """Return the `number`-th step and its entries. Raises Wrong if it is no mapping."""
    own = reading.entries(node, "a step", STEP_KEYS)
    entries = {**_fitting(reading.step_defaults, own), **own} if reading.step_defaults else own
    fields: dict[str, Any] = {"name": f"step {number} of the file", "run": "true"}
    for key in ("name", "run"):
        if key not in entries:
            reading.complain(node, f"a step needs '{key}'")
    for key in entries:
        if key != ALLOW_FAILURE:
            default = fields.get(key, _STAND_INS.get(key, Step._field_defaults.get(key)))
            fields[key] = reading.value(entries, key, _KINDS[key], default)
    if "env" in own and "env" in reading.step_defaults:
        fields["env"] = {**parsers.variables(reading, reading.step_defaults["env"].value), **fields["env"]}
    if ALLOW_FAILURE in entries:
        allowed = reading.value(entries, ALLOW_FAILURE, parsers.boolean, False)
        if "required" in entries and fields["required"] == allowed:
            text = "allow_failure contradicts 'required'; give one of them"
            reading.complain(entries[ALLOW_FAILURE].key, text)
        fields["required"] = not allowed
    return Step(**fields), entries
