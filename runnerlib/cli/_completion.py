"""Values that a shell completes: steps of the file, output modes, kinds of sources, files and directories."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from runnerlib.cli._listing import files_of
from runnerlib.config import PROFILES, SETTINGS, load, parsers, read
from runnerlib.errors import RunnerError
from runnerlib.output import MODES
from runnerlib.source.registry import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import click

_KNOWN = {"output": MODES, "source_type": BUILT_IN, "ci_source_type": BUILT_IN}
_FILES = ("_file", "config_file", "events", "report", "junit", "code_quality", "history")


def values(ctx: click.Context, name: str, incomplete: str) -> list[CompletionItem]:
    """Return what the option of the setting `name` may be followed by, as far as it begins with `incomplete`."""
    setting = SETTINGS.get(name)
    if name.endswith("_dir"):
        return [CompletionItem(incomplete, type="dir")]
    if name.endswith(_FILES):
        return [CompletionItem(incomplete, type="file")]
    if (
        setting is not None
        and isinstance(setting.parse, partial)
        and setting.parse.func in {parsers.one_of, parsers.some_of}
    ):
        return _matching(setting.parse.args[0], incomplete)
    if name == "profile":
        return _matching(_profiles(ctx), incomplete)
    return _matching(_KNOWN.get(name, ()), incomplete)


def entries(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the steps or jobs of the file that the command line names, else of the project, with their purpose."""
    given = {name: ctx.params.get(name) for name in ("job_file", "workflow_file")}
    try:
        files = files_of(read(given, {}, ctx.params.get("config_file")).config)
    except RunnerError:
        return []
    found = {entry.name: entry.description for file in files for entry in file.entries}
    return described(found, incomplete)


def described(texts: Mapping[str, str], incomplete: str) -> list[CompletionItem]:
    """Return the names that begin with `incomplete`, with the text of each."""
    return [CompletionItem(name, help=texts[name] or None) for name in texts if name.startswith(incomplete)]


def _profiles(ctx: click.Context) -> Iterator[str]:
    """Yield the profiles of the configuration file of the command line."""
    try:
        content = load(ctx.params["config_file"]) if ctx.params.get("config_file") else {}
    except RunnerError:
        return
    profiles = content.get(PROFILES)
    yield from map(str, profiles if isinstance(profiles, dict) else ())


def _matching(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
