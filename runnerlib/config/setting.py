"""Definition of one setting, and the declaration of one as a field."""

from __future__ import annotations

from dataclasses import field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from runnerlib._util.values import NamedTuple
from runnerlib.config import parsers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from dataclasses import Field

ENV_PREFIX = "REACTORCIDE_"


class Setting(NamedTuple):
    """Definition of one setting: its name, parser, default and help text.

    An `early` setting is used before the CI source is prepared, so no file of that source can set it. In a `literal`
    setting, references to secrets are not replaced. A setting that is not `offered` has no command-line option,
    because every user of the machine can read arguments. The value of a `secret` setting is masked, whichever layer
    or plugin gives it, and the job does not get its variable unless it is `passed_on`. An `observing` setting is of the
    observers of a whole run: no single job of a workflow, and no worker, has it. `option` and `variable` are its
    spellings on the command line (``--job-command``) and in the environment (``REACTORCIDE_JOB_COMMAND``).
    """

    name: str
    option: str
    variable: str
    help: str
    parse: Callable[[object], Any]
    default: object = None
    secret: bool = False
    target: str = ""
    implies: Mapping[str, str] = MappingProxyType({})
    early: bool = False
    literal: bool = False
    offered: bool = True
    passed_on: bool = False
    observing: bool = False


def setting(text: str, parse: Callable[[object], Any] = parsers.text, default: object = None, **flags: object) -> Any:
    """Declare a setting; `flags` are further fields of `Setting`."""
    return field(default=default, metadata={"help": text, "parse": parse, **flags})


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _variable(name: str) -> str:
    return ENV_PREFIX + name.upper()


def _of_field(one: Field[object]) -> Setting:
    spellings = {"option": _option(one.name), "variable": _variable(one.name)}
    return Setting(one.name, default=one.default, target=one.name, **{**spellings, **one.metadata})


def declared(own_fields: Iterable[Field[object]]) -> tuple[Setting, ...]:
    """Return the settings that the fields of a class declare, then other names for some of them."""
    own = tuple(map(_of_field, own_fields))
    by_name = {one.name: one for one in own}

    def other_name(name: str, target: str, implies: Mapping[str, str]) -> Setting:
        meant = by_name[target]
        text = f"the same as {meant.option}" + "".join(f" with --{k.replace('_', '-')} {v}" for k, v in implies.items())
        made = meant._replace(name=name, option=_option(name), variable=_variable(name), help=text)
        return made._replace(default=None, target=target, implies=implies)

    return (
        *own,
        other_name("secrets_list", "secret_values_list", {}),
        other_name("git_url", "source_url", {"source_type": "git"}),
        other_name("git_ref", "source_ref", {"source_type": "git"}),
    )


PROFILED = "\0"
"""The value of `--profile` without a NAME, which no set of settings can have."""


def profiled(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in which `--profile` without a NAME is no set of settings, but asks for a profile of the steps."""
    if options.get("profile") != PROFILED:
        return dict(options)
    return {**options, "profile": None, "profile_steps": "true"}
