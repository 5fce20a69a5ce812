"""YAML as nodes that know their place, from texts that nobody vouches for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runnerlib.errors import ConfigError, printable

if TYPE_CHECKING:
    from yaml.events import Event
_DEEPEST = 20
_MOST = 200_000
_STANDARD = "tag:yaml.org,2002:"
_TAGS = tuple(_STANDARD + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge"))
_PAIR = re.compile(r"\\(?:u(d[89ab]..)\\u(d[c-f]..)|.)", re.IGNORECASE | re.DOTALL)
# Characters that JSON has in its texts and YAML has not, or takes for line ends.
_FOREIGN = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_TAG = re.compile(r"[:-]\s+!")
_TAG_HINT = "tags are not allowed; put a text that begins with '!' in quotes"
_LONG_QUOTE = re.compile("'[^']{4,}'")


class Node(Protocol):
    """What PyYAML composes; `value` is a text, a list of nodes, or a list of pairs of them."""

    id: str
    tag: str
    value: Any
    style: str | None
    start_mark: Any
    end_mark: Any


class Place(NamedTuple):
    """A line and a column, counted from 1."""

    line: int
    column: int


def start(node: Any) -> Place:
    """Where a node (or anything else with a start mark) begins."""
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def error(name: str, place: Place | None, text: str) -> ConfigError:
    """An error of the file `name`."""
    where = f":{place.line}:{place.column}" if place else ""
    return ConfigError(f"{printable(name)}{where}: {printable(text)}")


def compose(text: str, name: str) -> Node:
    """The root of the only document in `text`.

    Raises ConfigError for what is no YAML and for what no file needs: other tags than those of plain
    data, deep nesting (that the composer would follow into the end of its stack) and too many nodes.
    """
    import yaml  # 18 ms that a run without a file must not pay

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = _as_yaml(text.removeprefix("\ufeff"))
    try:
        text.encode()
        _check(yaml.parse(text, loader), name)
        root: Any = yaml.compose(text, loader)
    except UnicodeEncodeError:
        raise error(name, None, "not valid YAML or JSON: unpaired surrogates") from None
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else None
        raise error(name, place, f"not valid YAML or JSON{_told(problem.problem, text, place)}") from None
    except yaml.YAMLError:
        raise error(name, None, "not valid YAML or JSON: a character that may not stand there") from None
    if root is None:
        raise error(name, None, "the file is empty")
    found: Node = root
    return found


def _check(events: Any, name: str) -> None:
    """Refuse a text before it is composed, which takes a stack and memory."""
    depth = 0
    for nodes, event in enumerate(events):
        depth += _change(event)
        if depth > _DEEPEST:
            raise error(name, start(event), f"more than {_DEEPEST} levels of nesting")
        if nodes > _MOST:
            raise error(name, start(event), f"more than {_MOST:,} values")
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!" and tag not in _TAGS:
            raise error(name, start(event), _TAG_HINT)


def _change(event: Event) -> int:
    kind = type(event).__name__
    return kind in {"MappingStartEvent", "SequenceStartEvent"} or -(kind in {"MappingEndEvent", "SequenceEndEvent"})


def _told(problem: str | None, text: str, place: Place | None) -> str:
    """What the parser complains of, unless it quotes the file: the line may hold a secret."""
    if place and _TAG.search("".join(text.split("\n")[place.line - 1 : place.line])):
        return f": {_TAG_HINT}"
    return "" if problem is None or _LONG_QUOTE.search(problem) else f": {problem}"


def _as_yaml(text: str) -> str:
    r"""JSON with what YAML reads otherwise as YAML's escapes: `\ud83d\ude00` becomes `\U0001f600`."""
    if not text.lstrip().startswith("{") or not (_FOREIGN.search(text) or "\\u" in text):
        return text
    import json

    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    text = _PAIR.sub(lambda found: _joined(found[1], found[2]) if found[1] else found[0], text)
    return _FOREIGN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _joined(high: str, low: str) -> str:
    return f"\\U{0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF):08x}"
