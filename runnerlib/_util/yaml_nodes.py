"""YAML and JSON as nodes that know their position, parsed from texts that are not trusted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runnerlib._util.yaml_mistakes import Complaint, explain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from yaml.error import Mark, MarkedYAMLError
    from yaml.events import Event

DEEPEST = 20
MOST = 200_000
"""The levels of nesting and the values, every alias followed, that a document may have."""

_STANDARD = "tag:yaml.org,2002:"
_TAGS = tuple(_STANDARD + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge"))
_PAIR = re.compile(r"\\(?:u(d[89ab]..)\\u(d[c-f]..)|.)", re.IGNORECASE | re.DOTALL)
# Characters that JSON has in its texts and YAML has not, or takes for line ends.
_FOREIGN = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_TAG = re.compile(r"[:-]\s+!")
_TAG_HINT = "tags are not allowed; put a text that begins with '!' in quotes"
_LONG_QUOTE = re.compile("'[^']{4,}'")


class Node(Protocol):
    """A node of PyYAML; `value` is a text, a list of nodes, or a list of pairs of them."""

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


class DocumentError(ValueError):
    """A text is no document, or not one of an allowed kind.

    It quotes nothing that may be a secret; `place` may be None.
    """

    def __init__(self, text: str, place: Place | None = None) -> None:
        super().__init__(text)
        self.place = place


def start(node: Any) -> Place:
    """Return the position where a node (or anything else with a start mark) begins."""
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _place(mark: Mark | None) -> Place | None:
    return Place(mark.line + 1, mark.column + 1) if mark else None


def compose(text: str, tags: Collection[str] = ()) -> Node | None:
    """Return the root of the only document in `text`; None when there is none.

    `tags` are allowed beside those of plain data. Raises DocumentError for what is no YAML and for what no
    file needs: other tags, deep nesting (that the composer would follow into the end of its stack) and too many nodes.
    """
    import yaml  # takes 18 ms, which a run without a file must not pay

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = _as_yaml(text.removeprefix("\ufeff"))
    try:
        text.encode()
        _check(yaml.parse(text, loader), tags)
        root: Any = yaml.compose(text, loader)
    except UnicodeEncodeError:
        raise DocumentError("not valid YAML or JSON: unpaired surrogates") from None
    except yaml.MarkedYAMLError as problem:
        place = _place(problem.problem_mark)
        if "nesting depth" in (problem.problem or ""):  # libyaml looks ahead, and has a limit of its own
            raise DocumentError(f"more than {DEEPEST} levels of nesting", place) from None
        explanation, place = _told(problem, text, place)
        raise DocumentError(f"not valid YAML or JSON{explanation}", place) from None
    except yaml.YAMLError:
        raise DocumentError("not valid YAML or JSON: a character that may not stand there") from None
    found: Node | None = root
    return found


def plain(root: Node) -> object:
    """Return the document as mappings, lists and scalars, as YAML 1.1 reads these.

    Raises DocumentError for a key that occurs twice in a mapping, one that is a list or a mapping, an alias within
    itself, and aliases that expand to too much.
    """
    import yaml

    _inspect(root, DEEPEST, [MOST])
    try:
        made: object = yaml.constructor.SafeConstructor().construct_document(root)
    except yaml.MarkedYAMLError as problem:
        raise DocumentError("'<<' takes a mapping or a list of mappings", _place(problem.problem_mark)) from None
    except ValueError:  # as 2024-02-30, or a thousand digits
        raise DocumentError("a date or a number that there is not; put it in quotes if it is a text") from None
    return made


def _inspect(node: Node, levels: int, left: list[int]) -> None:
    """Follow every alias; `left` holds how many values there may be yet."""
    left[0] -= 1
    if not levels or left[0] < 0:
        what = f"{DEEPEST} levels of nesting" if not levels else f"{MOST:,} values"
        raise DocumentError(f"more than {what} when every alias is followed", start(node))
    if node.id == "sequence":
        for item in node.value:
            _inspect(item, levels - 1, left)
    elif node.id == "mapping":
        seen: dict[str, Node] = {}
        for key, value in node.value:
            if key.id != "scalar":
                raise DocumentError("a key is a text", start(key))
            if key.value in seen and not key.tag.endswith(":merge"):
                first = start(seen[key.value]).line
                raise DocumentError(f"the key '{key.value[:100]}' is there twice, first in line {first}", start(key))
            seen[key.value] = key
            _inspect(value, levels - 1, left)


def _check(events: Iterable[Event], tags: Collection[str]) -> None:
    """Refuse a text before it is composed, which takes a stack and memory."""
    depth = 0
    for nodes, event in enumerate(events):
        depth += _change(event)
        if depth > DEEPEST:
            raise DocumentError(f"more than {DEEPEST} levels of nesting", start(event))
        if nodes > MOST:
            raise DocumentError(f"more than {MOST:,} values", start(event))
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in _TAGS and tag not in tags:
            raise DocumentError(_TAG_HINT, start(event))


_CHANGES = {"MappingStartEvent": 1, "SequenceStartEvent": 1, "MappingEndEvent": -1, "SequenceEndEvent": -1}


def _change(event: Event) -> int:
    return _CHANGES.get(type(event).__name__, 0)


def _told(found: MarkedYAMLError, text: str, place: Place | None) -> tuple[str, Place | None]:
    """Return the explanation of a mistake and its place, else the parser's complaint unless it quotes the file."""
    if place and _TAG.search("".join(text.split("\n")[place.line - 1 : place.line])):
        return f": {_TAG_HINT}", place
    mark, since = found.problem_mark, found.context_mark
    if mark is not None:
        began = (since.line, since.column) if since else None
        complaint = Complaint(found.problem or "", found.context or "", (mark.line, mark.column), began)
        if explained := explain(text, complaint):
            explanation, (line, column) = explained
            return f": {explanation}", Place(line + 1, column + 1)
    # The line may hold a secret.
    return ("" if found.problem is None or _LONG_QUOTE.search(found.problem) else f": {found.problem}"), place


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
