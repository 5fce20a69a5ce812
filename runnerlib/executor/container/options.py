"""Options of a container: what the job sees in it, what it may do, and the arguments that say so to an engine."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.resources import limits_of
from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runnerlib.executor.container.runtime import ContainerRuntime

INSIDE = "/job"
SCRATCH = f"{INSIDE}/.runnerlib/scratch"
SERVICE_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
"""Rights by which a program that begins as root gives its files, and itself, to another user."""
RUNNER = 1001
"""The user of Reactorcide's containers, in place of root."""

# The first process. A shell that waits for a child collects every orphan of the container, as PID 1 must: zombies
# count against `pids.max`. `cat` ends at the end of the pipe, or is killed by a step, which must end nothing else.
_READY = "runnerlib: ready"
_HOLDER = f"trap : HUP INT QUIT TERM; echo '{_READY}'; while cat >/dev/null; [ $? -gt 128 ]; do :; done; exit 0"

_USER = re.compile(r"(\d{1,9})(?::(\d{1,9}))?", re.ASCII)
_CAPABILITY = re.compile(r"(?:CAP_)?[A-Z][A-Z_]{1,40}", re.ASCII)


class Limits(NamedTuple):
    """Rights of the processes in a container, apart from those that none has: new privileges and other system calls.

    `user` None stands for the runner's own, or that of Reactorcide's containers where the runner is root.
    `capabilities` are of use to root only. `pull` says when the engine fetches the image: missing, always or never.
    """

    user: tuple[int, int] | None = None
    capabilities: tuple[str, ...] = ()
    read_only: bool = False
    network: str = "default"
    pull: str = "missing"

    @property
    def owner(self) -> tuple[int, int]:
        """The user and the group of the processes."""
        if self.user is not None:
            return self.user
        return (os.geteuid(), os.getegid()) if os.geteuid() else (RUNNER, RUNNER)

    @property
    def stranger(self) -> int | None:
        """The user of the steps, if that is not the runner's: what podman shows as root is the runner without root."""
        user = self.owner[0]
        return None if os.geteuid() or not user else user

    def hand_over(self, directory: Path) -> None:
        """Give a directory to the user of the container, if the runner can and must. Raises RunnerError."""
        if os.geteuid():
            return
        user, group = self.owner
        try:
            os.chown(directory, user, group)
            for parent, directories, files in os.walk(directory):
                for name in (*directories, *files):
                    os.chown(os.path.join(parent, name), user, group, follow_symlinks=False)
        except OSError as error:
            raise RunnerError(f"cannot give '{directory}' to the user of its container: {error.strerror}") from None


def can_be(user: tuple[int, int], engine: ContainerRuntime) -> bool:
    """Return whether the runner can give its workspace to that user: root, or itself, as whom podman shows its root."""
    return not os.geteuid() or user[0] == os.geteuid() or (engine.kind == "podman" and not user[0])


def parse_user(text: str) -> tuple[int, int]:
    """Return user and group of `root`, `UID` or `UID:GID`. Raises ValueError."""
    found = _USER.fullmatch("0" if text == "root" else text)
    if found is None:
        raise ValueError("root or UID[:GID] is expected")
    return int(found[1]), int(found[2] or found[1])


def parse_capabilities(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of capabilities as both engines take them: without their prefix. Raises ValueError."""
    upper = tuple(name.upper() for name in names)
    wrong = next((name for name in upper if not _CAPABILITY.fullmatch(name)), None)
    if wrong is not None:
        raise ValueError(f"'{wrong}' is no capability; names as CHOWN or CAP_CHOWN are expected")
    return tuple(name.removeprefix("CAP_") for name in upper)


class ContainerSpec(NamedTuple):
    """Container requested by a job: its image, what it sees of this machine, its limits.

    `base` is the job's workspace. `scratch` is a directory outside of it that is also mounted; what is beside it is the
    runner's. `shared` directories have the same path in the container. `mounts` are read-only, and so are `covered`
    paths, which are no other way to what they hide. With `writable`, paths of this machine and of the container, all
    the rest is read-only. The steps of a `compartment` have the container to themselves. `environ` is the environment
    of the engine's client; `cpus` and `memory` are in the format of the engine's options. A container `beside` the
    first one of its job has the network of that, where `hosts` are names of this very container. That `of_service` is
    as its image says, its user included, and has nothing of the job but a scratch directory of its own.
    """

    image: str
    base: Path
    scratch: Path
    environ: Mapping[str, str]
    mounts: Mapping[Path, str] = {}
    shared: Sequence[Path] = ()
    cpus: str = ""
    memory: str = ""
    limits: Limits = Limits()
    compartment: str = ""
    writable: Sequence[tuple[Path, str]] | None = None
    covered: Sequence[tuple[Path, str]] = ()
    beside: bool = False
    hosts: Sequence[str] = ()
    of_service: bool = False

    def inside(self, path: Path) -> str:
        """A path of this machine as the container sees it. Raises RunnerError for one that it does not."""
        shared = [*(self.writable or ()), *((directory, str(directory)) for directory in self.shared)]
        own = [(self.scratch, SCRATCH), (self.base, INSIDE)]
        for outside, target in (*self.mounts.items(), *shared, *own):
            if path.is_relative_to(outside):
                return target if path == outside else f"{target}/{path.relative_to(outside)}"
        raise RunnerError(f"'{path}' is not in the container of the job")

    def limited(self, resources: Mapping[str, Any]) -> ContainerSpec:
        """Return the container of the steps that have these resources, if they have some: one of their own."""
        if not resources:
            return self
        limits = limits_of(resources)
        cpus, memory = f"{limits.cpus:g}" if limits.cpus else "", f"{limits.memory}b" if limits.memory else ""
        return self._replace(compartment=self.compartment + limits.compartment, cpus=cpus, memory=memory)

    def translated(self, value: str) -> str:
        """The value of a variable: a path that the container sees elsewhere is the one there."""
        if not value.startswith("/"):
            return value
        with suppress(RunnerError, ValueError):
            return self.inside(Path(value))
        return value


def run_arguments(engine: ContainerRuntime, name: str, spec: ContainerSpec, first: str = "") -> list[str]:
    """The arguments of the client by which an engine makes the container; none of them is secret.

    `first` is the name of the container whose network it shares, if it does.

    The engine's own profile of seccomp holds, because no option names another one, and so do its logins at registries.
    """
    limits = spec.limits
    words = ["run", "-i", "--rm", "--name", name, "--pull", limits.pull, *_identity(engine, spec)]
    words += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    for capability in SERVICE_CAPABILITIES if spec.of_service else limits.capabilities:
        words += ["--cap-add", capability]
    words += ["--read-only", "--tmpfs", "/tmp:exec,mode=1777"] if limits.read_only else []  # noqa: S108 - the container's
    network = f"container:{first}" if first else "none" if limits.network == "none" else ""
    words += ["--network", network] if network else []
    for host in spec.hosts:
        words += ["--add-host", f"{host}:127.0.0.1"]
    for outside, target, read_only in _mounts(spec):
        words += ["--mount", _mount(outside, target) + (",readonly" if read_only else "")]
    words += ["--cpus", spec.cpus] if spec.cpus else []
    words += ["--memory", spec.memory] if spec.memory else []
    return [*words, "--entrypoint", "/bin/sh", spec.image, "-c", _HOLDER]


def _identity(engine: ContainerRuntime, spec: ContainerSpec) -> list[str]:
    """Return the options that say as whom, and where, the processes of a container begin."""
    user, group = spec.limits.owner
    if spec.of_service:  # its image says it
        return ["--user", f"{user}:{group}"] if spec.limits.user is not None else []
    keep = ["--userns", "keep-id"] if engine.kind == "podman" and os.geteuid() and user else []
    return ["--user", f"{user}:{group}", "--workdir", INSIDE, "--env", f"HOME={INSIDE}", *keep]


def _mounts(spec: ContainerSpec) -> Iterator[tuple[Path, str, bool]]:
    """Yield each mount: the path here, the one in the container, and whether it is read-only."""
    closed = spec.writable is not None
    if not spec.of_service:
        yield spec.base, INSIDE, closed
    yield spec.scratch, SCRATCH, False
    for directory in spec.shared:
        yield directory, str(directory), closed
    for outside, target in spec.writable or ():
        yield outside, target, False
    for outside, target in (*spec.covered, *spec.mounts.items()):
        yield outside, target, True


def is_ready(said: bytes) -> bool:
    """Return whether the first process of a container says that it runs."""
    return _READY.encode() in said


def _mount(outside: Path, target: str) -> str:
    """A bind mount as an option: fields of CSV, so that a path may hold commas."""
    source = f"source={outside}".replace('"', '""')
    return f'type=bind,"{source}",target={target}' if set('",') & set(source) else f"type=bind,{source},target={target}"
