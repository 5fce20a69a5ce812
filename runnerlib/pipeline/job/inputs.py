"""Inputs of a job or workflow: parameters with a type and a default, and their values for a run. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple, checked
from runnerlib.errors import ConfigError, one_line, unknown
from runnerlib.output.text.columns import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TYPES = ("string", "number", "boolean", "choice")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_LONGEST = 100
_WIDEST = 60


@checked
class Input(NamedTuple):
    """A parameter: `type` is string, number, boolean (`true` or `false`) or choice (one of `options`).

    Its value is a text. Without a `default` a run needs one (`--set name=value`).
    """

    type: str = "string"
    default: str | None = None
    options: tuple[str, ...] = ()
    description: str = ""


def problems(inputs: Mapping[str, Input]) -> Iterator[tuple[str, str]]:
    """Yield the name of each input that is wrong, and what is wrong with it."""
    alike: dict[str, str] = {}
    for name, one in inputs.items():
        if not _NAME.fullmatch(name):
            yield name, "a name of up to 64 letters, digits, '_' and '-', no digit first, is expected"
        other = alike.setdefault(variable(name), name)
        if other != name:
            yield name, f"'{name}' is too much like '{other}': both are {variable(name)}"
        if one.type not in TYPES:
            yield name, unknown("type", one.type[:_LONGEST], TYPES)
        elif bool(one.options) != (one.type == "choice"):
            yield name, "'options' and the type 'choice' go together"
        elif one.default is not None and (wrong := _wrong(one, one.default)):
            yield name, f"default: {wrong}"


def variable(name: str) -> str:
    """The name of the variable that carries an input: `git-ref` is INPUT_GIT_REF."""
    return f"INPUT_{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}"


def variables(values: Mapping[str, str] | None) -> dict[str, str]:
    """Return the variables that carry the values of inputs."""
    return {variable(name): value for name, value in (values or {}).items()}


def values_of(inputs: Mapping[str, Input], given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the value of each input: the one that is given last, else its default.

    Raises ConfigError, with a line for each, for a value of no input, for one of another type, and for one that is
    missing. No line repeats a value.
    """
    set_to = dict(given)
    lines = [_unknown(name, inputs) for name in set_to if name not in inputs]
    found: dict[str, str] = {}
    for name, one in inputs.items():
        value = set_to.get(name, one.default)
        if value is None:
            about = f" ({one_line(one.description)})" if one.description else ""
            lines.append(f"the input '{name}'{about} has no value; give --set {name}=VALUE")
        elif name in set_to and (wrong := _wrong(one, value)):
            lines.append(f"the input '{name}': {wrong}")
        else:
            found[name] = value
    if lines:
        raise ConfigError("\n".join(lines))
    return found


def origins_of(values: Mapping[str, str], given: Iterable[tuple[str, str]], place: str) -> dict[str, str]:
    """Return where each value comes from, for people: from `place`, or it is the default."""
    set_to = dict(given)
    return {
        f"input {name}={shortened(one_line(value), _WIDEST)}": place if name in set_to else "its default"
        for name, value in values.items()
    }


def _unknown(name: str, inputs: Mapping[str, Input]) -> str:
    if not inputs:
        return f"unknown input '{name[:_LONGEST]}': what runs has no inputs"
    return unknown("input", name[:_LONGEST], inputs)


def _wrong(one: Input, value: str) -> str:
    """Return what is wrong with a value, without the value; empty if nothing is."""
    if "\0" in value:
        return "it holds a NUL byte"
    if one.type == "number" and not _NUMBER.fullmatch(value):
        return "a number is expected"
    if one.type == "boolean" and value not in {"true", "false"}:
        return "true or false is expected"
    if one.type == "choice" and value not in one.options:
        return f"one of {', '.join(map(one_line, one.options))} is expected"
    return ""
