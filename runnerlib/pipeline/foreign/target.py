"""The translation: mappings and lists as YAML, with a comment where a choice was made."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = re.compile(r"[A-Za-z_./$(][!-~ ]*")
_BROKEN = re.compile(r":( |$)| #|^\.+$|[\s,]$|[\[\]{}]")
_SPECIAL = {"yes", "no", "on", "off", "true", "false", "null", "y", "n", ""}
_SHORT = 100
_TWO_BYTES = 0xFFFF


class Note(str):
    """A comment in the place of a key of a mapping or of an item of a list."""

    __slots__ = ()


def written(value: dict[Any, Any]) -> str:
    """Return a mapping of texts, numbers, truth values, lists and mappings as YAML; values of None are left out."""
    return "".join(f"{line}\n" if line else "\n" for line in _mapping(value))


def _mapping(value: dict[Any, Any]) -> Iterator[str]:
    for key, item in value.items():
        if isinstance(key, Note):
            yield from _comment(key)
        elif not _is_empty(item):
            yield from _pair(key if key == "on" else _scalar(key), item)


def _is_empty(item: Any) -> bool:
    if isinstance(item, dict):
        return all(_is_empty(inner) for inner in item.values())
    return item is None or item in ([], ())


def _pair(key: str, item: Any) -> Iterator[str]:
    if isinstance(item, dict):
        yield f"{key}:"
        yield from _indented(_mapping(item))
    elif isinstance(item, (list, tuple)):
        short = f"{key}: [{', '.join(_scalar(one) for one in item)}]" if _is_flat(item) else ""
        if short and len(short) <= _SHORT:
            yield short
        else:
            yield f"{key}:"
            yield from _indented(line for one in item for line in _item(one))
    elif isinstance(item, str) and "\n" in item and _as_block(item):
        yield f"{key}: {_as_block(item)}"
        yield from _indented(iter(item.rstrip("\n").split("\n")))
    else:
        yield f"{key}: {_scalar(item)}"


def _as_block(text: str) -> str:
    """Return the sign of a block that keeps `text` as it is; '' where none does."""
    lines = text.split("\n")
    plain = all(line.isprintable() or line.replace("\t", "").isprintable() for line in lines)
    if not plain or lines[0][:1] in {" ", "\t", ""} or text.endswith("\n\n") or lines[-2:] == [" ", ""]:
        return ""
    return "|" if text.endswith("\n") else "|-"


def _item(value: Any) -> Iterator[str]:
    if isinstance(value, Note):
        yield from _comment(value)
        return
    if isinstance(value, dict):
        inner = list(_mapping(value))
        lead = next((number for number, line in enumerate(inner) if not line.startswith("#")), 0)
        yield from inner[:lead]
        for number, line in enumerate(inner[lead:]):
            yield f"{'  ' if number else '- '}{line}" if line else ""
    elif isinstance(value, (list, tuple)):
        yield f"- [{', '.join(map(_scalar, value))}]"
    else:
        yield f"- {_scalar(value)}"


def _is_flat(items: Any) -> bool:
    plain = [one for one in items if isinstance(one, (str, int, float)) and not isinstance(one, Note)]
    return len(plain) == len(items) and not any("\n" in str(one) for one in items)


def _comment(text: str) -> Iterator[str]:
    """Yield a text of others as lines of comment: what is no printable character is escaped."""
    for line in text.split("\n"):
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        yield f"# {shown}".rstrip()


def _indented(lines: Iterator[str]) -> Iterator[str]:
    yield from (f"  {line}" if line else "" for line in lines)


def _scalar(value: Any) -> str:
    """Return a value as YAML has it in a line, without quotes where it certainly needs none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    plain = _PLAIN.fullmatch(value) and not _BROKEN.search(value) and value.lower() not in _SPECIAL and "," not in value
    if plain:
        return str(value)
    if value.isprintable() and "\\" in value and "'" not in value:
        return f"'{value}'"
    return "".join(char if char.isprintable() else _escape(char) for char in json.dumps(value, ensure_ascii=False))


def _escape(char: str) -> str:
    """Return a character as quoted YAML has it: JSON's two halves of a large one would be two characters there."""
    return f"\\u{ord(char):04x}" if ord(char) <= _TWO_BYTES else f"\\U{ord(char):08x}"
