"""Writes docs/api.md, the reference of the public names, from their docstrings: `python docs/generate_api.py`."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ForwardRef, Literal, get_args, get_origin, get_overloads

import runnerlib

PAGE = Path(__file__).with_name("api.md")

HEAD = """\
# Python API

The public names of `runnerlib`, made from their docstrings by `docs/generate_api.py`. How they are used is shown in
[Jobs from Python](library.md). `import runnerlib` loads none of them; each is loaded when it is first used.

In the signatures `Task` is a `Job`, a text that a shell runs, or a list of words; `Directory` is a `str` or an
`os.PathLike`; `Report` is a function that takes a line of text. `Unpack[SettingKeywords]` and
`Unpack[WorkflowSettingKeywords]` are the settings of [the configuration](configuration.md), `Unpack[StepKeywords]`,
`Unpack[JobKeywords]` and `Unpack[TriggerKeywords]` the fields of `Step`, `WorkflowJob` and `JobTrigger`: editors and
type checkers know these keywords and their types.
"""

# The modules whose names stand together, in the order of the page; others follow by themselves.
GROUPS = {
    "Run jobs": ("api.jobs", "api.async_jobs"),
    "Describe jobs": ("pipeline.job",),
    "Results": ("events.result",),
    "The job around": ("api.env",),
    "Secrets": ("secrets", "masking"),
    "Sources and their repositories": ("api.compat.source_prep", "api.compat.git_ops"),
    "Follow-up jobs": ("api.triggers", "api.workflow_context", "triggers.job_trigger"),
    "Plugins": ("plugins",),
    "Configuration": ("config",),
    "Errors": ("errors",),
}


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"\n## {title}\n{''.join(map(_entry, names))}" for title, names in grouped().items())


def grouped() -> dict[str, list[str]]:
    """The public names by group, each group in the order of the alphabet, classes first."""
    title_of = {f"runnerlib.{module}": title for title, modules in GROUPS.items() for module in modules}
    groups: dict[str, list[str]] = {title: [] for title in GROUPS}
    for name in sorted(runnerlib.__all__):
        home = runnerlib._HOMES.get(name)
        if home is not None:
            groups.setdefault(title_of.get(home, "Further names"), []).append(name)
    return {title: names for title, names in groups.items() if names}


def public(name: str) -> object:
    """What a name means: not the module of the same name, which takes its place once it is imported."""
    return getattr(importlib.import_module(runnerlib._HOMES[name]), name)


def documented(thing: object) -> list[tuple[str, object]]:
    """The public members of a class, or of the class of an object, that are its own: methods and properties."""
    made = thing if inspect.isclass(thing) else type(thing)
    kinds = (property, classmethod, staticmethod)
    return [
        (name, member)
        for name, member in vars(made).items()
        if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, kinds))
    ]


def _entry(name: str) -> str:
    thing = public(name)
    if inspect.isroutine(thing):
        return f"\n### `{name}`\n\n{_signatures(name, thing)}\n{_text(thing)}\n"
    made = thing if inspect.isclass(thing) else type(thing)
    shown = _signatures(name, made) if inspect.isclass(thing) and _has_arguments(made) else ""
    init = made.__init__.__doc__ if "__init__" in vars(made) and shown else None
    rows = "".join(map(_row, documented(thing)))
    table = f"\n| | |\n|---|---|\n{rows}" if rows else ""
    more = f"\n{inspect.cleandoc(init)}\n" if init else ""
    if inspect.isclass(thing) and issubclass(thing, runnerlib.RunnerError):
        more = f"\nExit code of the command line: {thing.exit_code}.\n"
    return f"\n### `{name}`\n\n{shown + chr(10) if shown else ''}{_text(made)}\n{more}{table}"


def _has_arguments(made: type) -> bool:
    """Whether a signature says something: that of an error is a text, that of the settings a page of its own."""
    return not issubclass(made, Exception) and len(inspect.signature(made).parameters) < 25


def _signatures(name: str, thing: Callable[..., Any]) -> str:
    shown = "\n".join(_signature(name, form) for form in get_overloads(thing) or [thing])
    return f"```text\n{shown}\n```\n"


def _signature(name: str, thing: Callable[..., Any]) -> str:
    signature = inspect.signature(thing)
    fields = _fields(thing) if inspect.isclass(thing) else {}
    returned = "" if inspect.isclass(thing) else f" -> {_annotation(signature.return_annotation)}"
    words, starred = [], False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            words.append("*")
        starred = starred or parameter.kind in {parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL}
        words.append(_parameter(parameter, fields))
    line = f"{name}({', '.join(words)}){returned}"
    return line if len(line) <= 110 else f"{name}(\n{''.join(f'    {word},{chr(10)}' for word in words)}){returned}"


def _fields(made: type) -> dict[str, str]:
    """The types of the fields of a named tuple, which stand in the class that defines them."""
    found = {}
    for base in reversed(made.__mro__):
        names = vars(importlib.import_module(base.__module__))
        for name, kind in vars(base).get("__annotations__", {}).items():
            if isinstance(kind, str):
                found[name] = re.sub(r"\w+", lambda word, names=names: _literal(names.get(word[0])) or word[0], kind)
    return found


def _literal(kind: object) -> str:
    """The values of a type that has a few; '' for any other."""
    return f"Literal{list(get_args(kind))}" if get_origin(kind) is Literal else ""


def _parameter(parameter: inspect.Parameter, fields: Mapping[str, str]) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    default = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
    kind = parameter.annotation if parameter.annotation is not parameter.empty else fields[parameter.name]
    return f"{stars}{parameter.name}: {_annotation(kind)}{default}"


def _annotation(annotation: object) -> str:
    """A type as it is written in a module that has imported its name."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:collections\.abc|runnerlib(?:\.\w+)*|pathlib)\.(?=\w)", "", text)


def _default(value: object) -> str:
    if isinstance(value, Mapping):
        return repr(dict(value))
    if isinstance(value, tuple) and type(value) is not tuple:  # a value of ours, as it is without arguments
        return f"{type(value).__name__}()"
    return repr(value)


def _row(item: tuple[str, object]) -> str:
    name, member = item
    call = "" if isinstance(member, property) else "()"
    text = " ".join(_text(member).split()).replace("|", "\\|")
    return f"| `{name}{call}` | {text} |\n"


def _text(thing: object) -> str:
    return inspect.getdoc(thing) or ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
