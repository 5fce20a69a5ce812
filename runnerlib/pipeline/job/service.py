"""Services: programs that run beside the steps of a job, as a database. Pure."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from runnerlib._util.values import NamedTuple, checked, mended

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_LAST_PORT = 65535
_MOST = 20


def _mended(service: Service) -> Service:
    """Return the service with a single port as a list of one."""
    changes: dict[str, Any] = {"ports": (service.ports,)} if isinstance(service.ports, int) else {}
    return service._replace(**changes) if changes else service


@mended(_mended)
@checked
class Service(NamedTuple):
    """A program beside the steps: `Service("cache", "redis-server --port $PORT", ports=6379)`.

    `run` stays in the foreground; a text is run by `sh -c`. The steps begin once `ready` succeeds, or without one once
    the first of the `ports` is open, within `ready_timeout` seconds. For each of its usual `ports` the service gets a
    free one of this machine: the first is in PORT for the service, in CACHE_PORT for the steps, which have CACHE_HOST
    as well; that of 6379 is in PORT_6379 and CACHE_PORT_6379. Where the job is in a container it keeps its usual ports,
    and its name is that of its host; `image` is that of its own container there, by default the job's. Without `run`
    the image says what runs, as which user and where, as in `Service("db", image="postgres:16", ready="pg_isready")`.
    """

    name: str
    run: str | Sequence[str] | None = None
    ready: str | Sequence[str] | None = None
    env: Mapping[str, str] = _NO_VARIABLES
    ports: Sequence[int] = ()
    ready_timeout: float = 60.0
    image: str | None = None

    @property
    def compartment(self) -> str:
        """The name of its own container, among those of the job, where its image says what runs."""
        return f"service-{self.name}" if self.run is None else ""

    @property
    def shown(self) -> str:
        """The first line of the command, as a shell would read it; not masked."""
        if self.run is None:
            return "as its image says"
        if not isinstance(self.run, str):
            return " ".join(self.run)
        first, *more = self.run.strip().split("\n")
        return f"{first} …" if more else first


def argv(command: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the words of a command that are executed; none for that of an image."""
    if command is None:
        return ()
    return ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)


def wrong_services(services: Iterable[Service]) -> Iterator[str]:
    """Yield what is wrong with the services of a job."""
    names = [service.name for service in services]
    if len(names) > _MOST:
        yield f"a job has at most {_MOST} services, not {len(names)}"
    yield from (f"the name '{name[:100]}' is there twice" for name in dict.fromkeys(names) if names.count(name) > 1)
    for service in services:
        yield from (f"{service.name[:100]}: {text}" for text in _wrong(service))


def _wrong(service: Service) -> Iterator[str]:
    if not _NAME.fullmatch(service.name):
        yield "a name has 1 to 32 lower case letters, digits and '-', and begins with a letter"
    if service.run is None and service.image is None:
        yield "'run' is missing, the command of the service, or an 'image' that has one"
    for key, command in (("run", service.run), ("ready", service.ready)):
        if command is not None and not (command if isinstance(command, str) else " ".join(command)).strip():
            yield f"{key}: there is nothing to run"
    for name in service.env:
        if not (name.isidentifier() and name.isascii()):
            yield f"env: '{name[:100]}' is no name of a variable"
    if wrong := [port for port in service.ports if not 0 < port <= _LAST_PORT]:
        yield f"ports: ports from 1 to {_LAST_PORT} are expected, got {wrong[0]}"
    if not service.ready_timeout > 0:
        yield f"ready_timeout: more than 0 seconds are expected, got {service.ready_timeout:g}"
