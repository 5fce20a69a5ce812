"""A file of another system as a workflow of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.yaml_nodes import DocumentError, compose
from runnerlib.errors import ConfigError, one_line, printable
from runnerlib.pipeline.foreign import github, gitlab, woodpecker
from runnerlib.pipeline.foreign.defaults import with_defaults
from runnerlib.pipeline.foreign.recognise import FOREIGN_TAGS, GITHUB, GITLAB, kind_of
from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.foreign.source import LeftOut, Source
from runnerlib.pipeline.foreign.target import Note, written
from runnerlib.pipeline.job_file.nodes import error
from runnerlib.pipeline.job_file.reader import Wrong
from runnerlib.pipeline.workflow import parse

if TYPE_CHECKING:
    from runnerlib._util.yaml_nodes import Node


class Translation(NamedTuple):
    """A workflow file, and what it lacks of the file that it was made from, in the order of that."""

    kind: str
    text: str
    left_out: tuple[LeftOut, ...]


def translate(text: str, name: str) -> Translation:
    """Return the workflow that `text` is, the content of the file `name`.

    Raises ConfigError for a file of no known system, for one that is no YAML, and where nothing can be translated.
    """
    kind = kind_of(text, name)
    if not kind:
        raise ConfigError(f"{printable(name)}: this is no file of GitHub, GitLab or Woodpecker")
    try:
        root = compose(text, FOREIGN_TAGS)
    except DocumentError as problem:
        raise error(name, problem.place, str(problem)) from None
    if root is None or root.id != "mapping":
        raise error(name, None, "a mapping of keys to values is expected")
    source = Source(name)
    made = _made(source, root, kind)
    source.check()
    for variable, why in source.needed.items():
        if why != "a coordinator sets it" and why.endswith(" sets it"):
            source.lose(root, f"the variable '{variable}': {why}, and nothing does here")
    if not made["jobs"]:
        why = "; ".join(one.text for one in sorted(source.left_out)[:3])
        raise ConfigError(printable(f"{name}: nothing of this {kind} can be translated: {why or 'it has no job'}"))
    found = written({**_head(source, kind), "workflow": with_defaults(made)})
    try:
        parse(found, "the translation")
    except ConfigError as problem:
        first = str(problem).partition("\n")[0]
        raise ConfigError(f"{printable(name)}: this {kind} has no valid translation: {first}") from None
    return Translation(kind, found, tuple(sorted(source.left_out)))


def _made(source: Source, root: Node, kind: str) -> dict[Any, Any]:
    try:
        if kind == GITHUB:
            return github.workflow(source, root)
        return gitlab.workflow(source, root) if kind == GITLAB else woodpecker.workflow(source, root)
    except Wrong as wrong:
        source.complain(wrong.node or root, str(wrong))
    except Untranslatable as problem:
        source.complain(root, f"{problem} cannot be translated")
    source.check()
    raise AssertionError  # `check` has raised what was complained of


def _head(source: Source, kind: str) -> dict[Any, Any]:
    """Return the comment in front of all: where it comes from, and the variables that somebody has to set."""
    lines = [f"From the {kind} {one_line(source.name)}. The source is that of the run; jobs without an image run here."]
    for why in dict.fromkeys(source.needed.values()):
        names = ", ".join(name for name, reason in source.needed.items() if reason == why)
        how = {"a secret": "--secrets-file or ${secret:PATH:KEY} in 'env'", "a variable": "--job-env"}
        lines.append(f"{names}: {why}{f', of {how[why]}' if why in how else ', or --job-env does'}.")
    return {Note("\n".join(lines)): None}
