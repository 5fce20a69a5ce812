"""The paths of a job that are special to its sandbox, and the rights of steps to each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.paths import OWN, RECORDS_VARIABLE
from runnerlib._util.proc import mounts
from runnerlib.errors import ConfigError
from runnerlib.executor.local.cgroup import find_place
from runnerlib.executor.local.landlock import CHANGE, IOCTL_DEV, READ_FILE
from runnerlib.runner.journal import seal_of
from runnerlib.runner.sandbox.grants import Treatment
from runnerlib.runner.sandbox.installation import installation
from runnerlib.runner.sandbox.mounts import other_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.sandbox.level import Bounds

ALL = CHANGE | READ_FILE | IOCTL_DEV
_NOTHING = Treatment(0)
_READ = Treatment(READ_FILE)
_ALL = Treatment(ALL)
# What programs write to as a matter of course, and which keeps nothing.
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx")
_GROUPS = "/sys/fs/cgroup"
# What other programs of the user have there is closed to strict steps, unless `sandbox_paths` names it: terminals,
# memory and queues; and below the home, what programs keep keys and logins in.
_SHARED = ("/dev/pts", "/dev/shm", "/dev/mqueue")  # noqa: S108 - nothing is made there
_KEYS = (
    *(".ssh", ".gnupg", ".password-store", ".local/share/keyrings", ".mozilla", ".config/google-chrome"),
    *(".aws", ".azure", ".config/gcloud", ".kube", ".docker", ".config/containers", ".vault-token"),
    *(".netrc", ".git-credentials", ".config/git/credentials", ".config/gh", ".config/hub", ".config/glab-cli"),
    *(".npmrc", ".yarnrc.yml", ".pypirc", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials"),
    *(".m2/settings.xml", ".gradle/gradle.properties", ".composer/auth.json", ".config/composer/auth.json"),
    *(".config/reactorcide", ".config/sops", ".config/op", ".terraform.d", ".pgpass", ".my.cnf", ".s3cfg"),
)


class Scratch(NamedTuple):
    """Directories that steps write to for the runner, each for the steps of its kind."""

    shared: Path
    strict: Path
    untrusted: Path


def special_paths(plan: RunPlan, bounds: Bounds, own: Iterable[Path]) -> dict[str, Treatment]:
    """Return the treatment of each special path of a job, "/" first; `own` are what steps write to for the runner."""
    workspace, strict = plan.workspace, bounds.level == "strict"
    found = {"/": Treatment(READ_FILE if strict else ALL, listed=True)}
    closed = {str(workspace.base / OWN): _NOTHING, str(workspace.ci): _READ}
    closed |= _workflow(plan, strict=strict)
    closed |= dict.fromkeys(_private(plan) if strict else (), _NOTHING)
    closed |= {str(path): _NOTHING for path in _state(plan, closed, strict=strict)}
    closed |= dict.fromkeys(installation(plan, closed), _READ)
    place = find_place("cgroup2", "")
    # A process that may write there can stop or end the runner; some systems have groups of both versions.
    closed |= dict.fromkeys((_GROUPS, *([place.own] if place is not None else [])), _READ)
    found |= closed
    known = mounts()
    for path, treatment in closed.items():
        if not treatment.listed:
            found |= dict.fromkeys(other_paths(path, known), treatment)
    return found | {str(path): _ALL for path in (*own, *(_strict_paths(plan) if strict else named_paths(plan)))}


def _workflow(plan: RunPlan, *, strict: bool) -> dict[str, Treatment]:
    """Return the paths of the workflow that a job belongs to: of its other jobs it sees the records."""
    given = plan.env.get(RECORDS_VARIABLE)
    if not given:
        return {}
    records, base = Path(given), plan.workspace.base
    whole = records.parent.parent
    if records.parent.name != OWN or not base.is_relative_to(whole) or base == whole:
        return {}
    return {
        str(whole / OWN): _NOTHING,
        str(records): _READ,
        str(base.parent): _NOTHING,
        str(base): Treatment(READ_FILE if strict else ALL, listed=True),
        str(whole / "artifacts"): _READ,
    }


def _state(plan: RunPlan, closed: Mapping[str, Treatment], *, strict: bool) -> Iterator[Path]:
    """Yield the directory of the keys of journals, unless that would close the user's home as well.

    Nothing can be made in the directories on the way to a closed one, and most programs make something in the home.
    """
    environ = plan.environ
    path = seal_of(plan.journal, plan.config.state_dir, environ)
    home = os.path.realpath(environ.get("HOME") or "/")
    if path is None:
        return
    state = os.path.realpath(path.parent)
    if strict or not state.startswith(home + "/") or any(one.startswith(home + "/") for one in closed):
        yield Path(state)


def _private(plan: RunPlan) -> Iterator[str]:
    """Yield what is there of the user's own that strict steps have no business with."""
    home = os.path.realpath(plan.environ.get("HOME") or "/")
    for path in (*_SHARED, *(f"{home}/{below}" for below in _KEYS)):
        if os.path.exists(path):
            yield os.path.realpath(path)


def _strict_paths(plan: RunPlan) -> Iterator[Path]:
    yield plan.code_dir
    yield plan.workspace.artifacts
    yield from (Path("/dev", name) for name in _DEVICES)
    yield from named_paths(plan)


def named_paths(plan: RunPlan) -> Iterator[Path]:
    """Yield the paths of `sandbox_paths`; those that begin with `/job` are in the workspace. Raises ConfigError."""
    for text in plan.config.sandbox_paths:
        meant = os.path.expanduser(plan.workspace.meant(text))
        path = Path(os.path.realpath(meant))
        for kept in (plan.workspace.ci, plan.workspace.base / OWN):
            if path.is_relative_to(kept) or kept.is_relative_to(path):
                raise ConfigError(f"sandbox_paths: '{text}' would open '{kept}', which stays closed")
        if not path.exists():
            raise ConfigError(f"sandbox_paths: there is nothing at '{text}'")
        yield path
