"""The events of a GitHub workflow as those of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib.pipeline.foreign.source import is_null

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.pipeline.foreign.source import Entries, Source
    from runnerlib.pipeline.job_file.reader import Entry

_PULL_REQUEST = ("pull_request", "pull_request_target")
# What GitHub calls a change of a pull request, and the end of the name that we have for it.
_TYPES: Mapping[str, str] = {
    "opened": "opened",
    "reopened": "opened",
    "ready_for_review": "opened",
    "synchronize": "updated",
    "closed": "closed",
}
_ELSEWHERE: Mapping[str, str] = {
    "schedule": "a run here begins when `runnerlib run` does; cron or a timer of systemd can start it",
    "workflow_dispatch": "that is `runnerlib run` itself",
    "workflow_call": "no other workflow can call this one",
}


def events(source: Source, entries: Mapping[str, Entry]) -> dict[str, Any]:
    """Return our keys `on` and `paths` for the events of a workflow."""
    if "on" not in entries:
        return {}
    node = entries["on"].value
    given = source.entries(node, "on") if node.id == "mapping" else {}
    names = [*given] or [item.value for item in source.scalars(node)]
    found: list[str] = []
    branches: dict[str, list[str]] = {}
    paths: dict[str, Any] = {}
    for name in names:
        entry = given.get(name)
        at = entry.key if entry is not None else node
        filters = source.mapping(given, name) if entry is not None and name != "schedule" else {}
        if name == "push":
            _push(source, filters, found, branches)
        elif name in _PULL_REQUEST:
            _pull_request(source, filters, found, branches)
        elif name not in _ELSEWHERE or name == "workflow_call":
            source.lose(at, f"on: {name}: there is no such event here{_why(name)}")
        elif name == "schedule":
            source.lose(at, f"on: {name}: {_ELSEWHERE[name]}")
        _paths(source, name, filters, paths)
    return {**_on(source, entries, found, branches), **({"paths": paths} if paths else {})}


def _why(name: str) -> str:
    return f"; {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""


def _push(source: Source, filters: Entries, found: list[str], branches: dict[str, list[str]]) -> None:
    tags_only = "tags" in filters and "branches" not in filters
    if not tags_only:
        found.append("push")
        _branches(source, "push", filters, branches)
    if "tags" in filters or not ({"branches", "branches-ignore"} & filters.keys()):
        found.append("tag_created")
    if "tags" in filters and set(source.texts(filters, "tags")) - {"*", "**"}:
        source.lose(filters["tags"].key, "on: push: tags: 'on' cannot choose tags by name; every tag starts it")
    if "tags-ignore" in filters:
        source.lose(filters["tags-ignore"].key, "on: push: tags-ignore: 'on' cannot choose tags by name")


def _pull_request(source: Source, filters: Entries, found: list[str], branches: dict[str, list[str]]) -> None:
    types = source.texts(filters, "types") or ["opened", "synchronize"]
    found += [f"pull_request_{_TYPES[one]}" for one in types if one in _TYPES]
    for one in types:
        if one not in _TYPES:
            source.lose(filters["types"].key, f"on: pull_request: types: there is no event '{one[:100]}' here")
    _branches(source, "pull_request", filters, branches)


def _branches(source: Source, event: str, filters: Entries, branches: dict[str, list[str]]) -> None:
    given = source.texts(filters, "branches")
    if any(one.startswith("!") for one in given):
        source.lose(filters["branches"].key, f"on: {event}: branches: '!' is not known here")
        given = [one for one in given if not one.startswith("!")]
    if "branches-ignore" in filters:
        source.lose(filters["branches-ignore"].key, f"on: {event}: branches-ignore: 'on' has no branches to leave out")
    branches[event] = given


def _paths(source: Source, event: str, filters: Entries, paths: dict[str, Any]) -> None:
    for key, ours in (("paths", "include"), ("paths-ignore", "exclude")):
        if key not in filters or is_null(filters[key].value):
            continue
        given = source.texts(filters, key)
        negated = [one[1:] for one in given if one.startswith("!")]
        plain = [one for one in given if not one.startswith("!")]
        wanted = {ours: plain, **({"exclude": negated} if negated else {})}
        if paths and any(paths.get(name) != wanted[name] for name in wanted):
            source.lose(filters[key].key, f"on: {event}: {key}: one 'paths' is for all events, and there is another")
            continue
        paths.update({name: globs for name, globs in wanted.items() if globs})


def _on(
    source: Source, entries: Mapping[str, Entry], found: list[str], branches: dict[str, list[str]]
) -> dict[str, Any]:
    if not found:
        return {}
    names = list(dict.fromkeys(found))
    lists = {tuple(one) for one in branches.values()}
    if len(lists) > 1:
        source.lose(entries["on"].key, "on: branches: one list is for all events here, and they have different ones")
        return {"on": {"events": names}}
    only = next(iter(lists), ())
    return {"on": {"events": names, "branches": list(only)} if only else names}
