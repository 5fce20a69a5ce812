"""Rules for the fields of a trigger: each takes a value and returns what is sent, or raises ValueError.

A coordinator refuses a whole message for one value of a wrong type, so types are mended here where the
meaning is clear and refused, by name, where it is not. The text of an error never repeats a value: it may
be a secret. Source: the coordinator's parser of triggers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from runnerlib.errors import unknown
from runnerlib.pipeline.job import VARIABLE_NAME

CONDITIONS = ("all_success", "any_failed", "always")
# Other spellings that the coordinator accepts.
_SPELLED = {"": "all_success", "all_success(needs)": "all_success", "always()": "always"}

# Keys that a job may not choose, at any depth, in the environment too: they belong to the coordinator.
RESERVED = ("org", "org_id", "organization")
_EVAL_ONLY = "only the evaluation of a workflow may set it (`runnerlib eval`)"

_VARIABLE = re.compile(VARIABLE_NAME)
_RUN_AS = re.compile(r"runner|root|[0-9]{1,10}(?::[0-9]{1,10})?")
_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_SECRET_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_DEEPEST = 20
_LARGEST_WHOLE = 2**63 - 1


def text(given: object) -> str:
    """Return a text of at least one character that JSON and a process can hold."""
    value = _any_text(given)
    if not value:
        raise ValueError("a text is expected, got an empty one")
    return value


def texts(given: object) -> list[str]:
    """A list of texts; a single text is a list of one."""
    if isinstance(given, str):
        return [text(given)]
    return [_at(number, text, item) for number, item in enumerate(_items(given), 1)]


def names(given: object) -> list[str]:
    """A list of different texts."""
    found = texts(given)
    twice = next((name for number, name in enumerate(found) if name in found[:number]), None)
    if twice is not None:
        raise ValueError(f"'{twice}' is there twice")
    return found


def image_pull_secrets(given: object) -> list[str]:
    """Names of Kubernetes secrets: DNS-1123 subdomains of up to 253 characters, each once."""
    found = names(given)
    for name in found:
        if not _SECRET_NAME.fullmatch(name):
            raise ValueError(f"'{name}' is no name of a Kubernetes secret (lower-case letters, digits, '-' and '.')")
    return found


def environment(given: object) -> dict[str, str]:
    """Variables: texts by name. Numbers become texts and truth values `true` and `false`, as YAML writes them."""
    if not isinstance(given, Mapping):
        raise ValueError(f"a mapping of names to texts is expected, got {kind_of(given)}")
    return {_variable_name(name): _variable(name, value) for name, value in given.items()}


def condition(given: object) -> str:
    """One of CONDITIONS, however it is spelled; the first where none is given."""
    value = "" if given is None else _any_text(given).strip()
    value = _SPELLED.get(value, value)
    if value not in CONDITIONS:
        raise ValueError(unknown("condition", value[:100], CONDITIONS))
    return value


def whole(given: object) -> int:
    """A whole number; a text or a float that is one will do."""
    if isinstance(given, str) and _WHOLE.fullmatch(given.strip()):
        return int(given)
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or abs(given) > _LARGEST_WHOLE:
        raise ValueError(f"a whole number is expected, got {kind_of(given)}")
    return given


def seconds(given: object) -> int:
    """A whole number of seconds, one or more."""
    value = whole(given)
    if value < 1:
        raise ValueError("a whole number of seconds, 1 or more, is expected")
    return value


def run_as_user(given: object) -> str:
    """`runner`, `root`, a numeric user, or user:group."""
    value = str(given) if isinstance(given, int) and not isinstance(given, bool) else text(given)
    if not _RUN_AS.fullmatch(value):
        raise ValueError("'runner', 'root', UID or UID:GID is expected")
    return value


def variable_name(given: object) -> str:
    """The name of a variable."""
    return _variable_name(given)


def items(given: object) -> list[Any]:
    """Return a list of any JSON values."""
    found = list(given) if isinstance(given, range) else _items(given)
    return [_at(number, plain, item) for number, item in enumerate(found, 1)]


def mapping(given: object) -> dict[str, Any]:
    """Return a mapping of texts to any JSON values."""
    if not isinstance(given, Mapping):
        raise ValueError(f"a mapping is expected, got {kind_of(given)}")
    found: dict[str, Any] = plain(given)
    return found


def truth(given: object) -> bool:
    """True or false."""
    if not isinstance(given, bool):
        raise ValueError(f"true or false is expected, got {kind_of(given)}")
    return given


def nothing(_given: object) -> str:
    """Refuse any value: this field is decided elsewhere."""
    raise ValueError(_EVAL_ONLY)


def plain(given: object, depth: int = 0) -> Any:
    """`given` as JSON has it: tuples become lists. Keys that belong to the coordinator are refused."""
    if depth > _DEEPEST:
        raise ValueError(f"more than {_DEEPEST} levels of nesting")
    if given is None or isinstance(given, (bool, int)):
        return given
    if isinstance(given, str):
        return _any_text(given)
    if isinstance(given, float):
        if not math.isfinite(given):
            raise ValueError("a finite number is expected; JSON has no other")
        return given
    if isinstance(given, Mapping):
        return {_key(key): plain(value, depth + 1) for key, value in given.items()}
    if isinstance(given, (list, tuple)):
        return [plain(value, depth + 1) for value in given]
    raise ValueError(f"JSON has nothing for {kind_of(given)}")


def kind_of(given: object) -> str:
    """Return the kind of a value in words for the user; never the value."""
    if given is None:
        return "nothing"
    if isinstance(given, bool):
        return "true or false"
    if isinstance(given, (int, float)):
        return "a number"
    if isinstance(given, str):
        return "a text"
    if isinstance(given, Mapping):
        return "a mapping"
    return "a list" if isinstance(given, (list, tuple)) else f"a {type(given).__name__}"


def _any_text(given: object) -> str:
    if not isinstance(given, str):
        hint = " (put it in quotes)" if isinstance(given, (bool, int, float)) else ""
        raise ValueError(f"a text is expected, got {kind_of(given)}{hint}")
    if "\0" in given:
        raise ValueError("a text without NUL bytes is expected")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ValueError("a text is expected that is UTF-8") from None
    return given


def _items(given: object) -> Sequence[object]:
    if not isinstance(given, (list, tuple)):
        raise ValueError(f"a list is expected, got {kind_of(given)}")
    return given


def _at(number: int, rule: Any, item: object) -> Any:
    try:
        return rule(item)
    except ValueError as error:
        raise ValueError(f"item {number}: {error}") from None


def _key(given: object) -> str:
    key = _any_text(given) if isinstance(given, str) else None
    if key is None:
        raise ValueError(f"the keys of a mapping are texts, got {kind_of(given)}")
    if key in RESERVED:
        raise ValueError(f"'{key}' belongs to the coordinator; a job cannot set it")
    return key


def _variable_name(given: object) -> str:
    if not isinstance(given, str) or not _VARIABLE.fullmatch(given):
        shown = f"'{given[:100]}'" if isinstance(given, str) else kind_of(given)
        raise ValueError(f"{shown} is no name of a variable")
    return _key(given)


def _variable(name: object, given: object) -> str:
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, int) or (isinstance(given, float) and math.isfinite(given)):
        return str(given)
    try:
        return _any_text(given)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
