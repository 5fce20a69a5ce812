"""XML of others: read in one pass, without entities, which could make gigabytes of a few bytes or name files."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers import expat  # entities are refused

from runnerlib.runner.findings.parsed import WrongReportError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DEEPEST = 1000


def parse(
    data: bytes,
    start: Callable[[str, Mapping[str, str]], None],
    end: Callable[[str], None],
    text: Callable[[str], None] | None = None,
) -> None:
    """Call `start` and `end` for each element, by its name without a namespace, and `text` for what is in it.

    Raises WrongReportError.
    """
    depth = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise WrongReportError(f"its elements are more than {_DEEPEST} deep")
        start(name.rpartition(":")[2], attributes)

    def finish(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name.rpartition(":")[2])

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = begin
    parser.EndElementHandler = finish
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = _refused
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # the others are about encodings
        line = f" in line {error.lineno}" if isinstance(error, expat.ExpatError) else ""
        why = expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else "unknown encoding"
        raise WrongReportError(f"it is no XML: {why}{line}") from None


def _refused(*_of_it: object) -> None:
    raise WrongReportError("it declares entities")
