"""The sources of a job, as settings of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.pipeline.job_file import parsers
from runnerlib.source.registry import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.pipeline.job_file.nodes import Node
    from runnerlib.pipeline.job_file.reader import Reading

KEYS = ("source", "ci_source")
_LOCAL = {"local", "copy"}


def settings(reading: Reading, node: Node, prefix: str) -> dict[str, object]:
    """Return the settings `PREFIX_type`, `_url`, `_ref` and `_options` of a mapping. Raises Wrong for anything else."""
    entries = reading.entries(node, prefix, KINDS)
    given: dict[str, object] = {
        key: reading.value(entries, key, parsers.text, "") for key in entries if key != "options"
    }
    if "options" in entries:
        given["options"] = reading.value(entries, "options", options, {})
    if "type" not in given:
        reading.complain(node, f"{prefix} needs 'type', as {', '.join(BUILT_IN[:-1])} or {BUILT_IN[-1]}")
    if "path" in given:
        if given.get("type") not in _LOCAL:
            reading.complain(entries["path"].key, "a path is for type 'copy'; what another source is, its url says")
        elif "url" in given:
            reading.complain(entries["path"].key, "path contradicts 'url'; give one of them")
        given["url"] = given.pop("path")
    if given.get("type") == "local":
        given["type"] = "copy"
    return {f"{prefix}_{key}": value for key, value in given.items()}


def options(reading: Reading, node: Node) -> dict[str, tuple[str, ...]]:
    """Return a mapping of names to a text or several; report every value that is neither."""
    entries = reading.entries(node, "options")
    return {name: reading.value(entries, name, parsers.names, ()) for name in entries}


KINDS: Mapping[str, Callable[[Reading, Node], object]] = {
    "type": parsers.text,
    "url": parsers.text,
    "ref": parsers.text,
    "options": options,
    "path": parsers.text,
}
"""The keys of a source."""
