"""Resources that a step may use: processors and memory. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runnerlib._util.values import NamedTuple
from runnerlib.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("cpu", "memory")
_CPU = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)(m?)", re.ASCII)
_MEMORY = re.compile(r"(\d{1,15})(?:([KMGT])I?)?", re.ASCII)
_LEAST = 1 << 22  # bytes in which a shell still starts; engines of containers want as much


class Limits(NamedTuple):
    """The limits of a step: processors, 0 for no limit, and bytes of memory, 0 likewise."""

    cpus: float = 0.0
    memory: int = 0

    @property
    def compartment(self) -> str:
        """The end of the name of the container that steps with these limits share."""
        return f" {self.cpus:g} {self.memory}"

    @property
    def shown(self) -> str:
        """The limits in words."""
        found = [f"{self.cpus:g} CPU"] if self.cpus else []
        found += [f"{self.memory / (1 << 20):g} MiB"] if self.memory else []
        return ", ".join(found)


def limits_of(resources: Mapping[str, Any]) -> Limits:
    """Return the limits of `{cpu: {limit: 2}, memory: {limit: 1Gi}}` or `{cpu: 2, memory: 1Gi}`. Raises ValueError."""
    cpu, memory = _limit(resources, "cpu"), _limit(resources, "memory")
    return Limits(0.0 if cpu is None else _cpus(cpu), 0 if memory is None else _memory(memory))


def wrong_resources(resources: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the resources of a step."""
    yield from (unknown("resource", str(name)[:100], KINDS) for name in resources if name not in KINDS)
    for name, given in resources.items():
        if isinstance(given, Mapping):
            yield from (f"{name}: {unknown('key', str(key)[:100], ('limit',))}" for key in given if key != "limit")
    for kind in KINDS:
        try:
            limits_of({kind: resources[kind]} if kind in resources else {})
        except ValueError as error:
            yield f"{kind}: {error}, got '{str(_limit(resources, kind))[:100]}'"


def _limit(resources: Mapping[str, Any], kind: str) -> object:
    given = resources.get(kind)
    return given.get("limit") if isinstance(given, Mapping) else given


def _cpus(given: object) -> float:
    """Return a number of processors, of which 500m are a half."""
    found = _CPU.fullmatch(str(given))
    number = 0.0 if found is None else float(found[1]) / (1000 if found[2] else 1)
    if not number:
        raise ValueError("a number of processors such as 2, 0.5 or 500m is expected")
    return number


def _memory(given: object) -> int:
    """Return a number of bytes; Gi is G."""
    found = _MEMORY.fullmatch(str(given).upper())
    number = int(found[1]) << (" KMGT".index(found[2]) * 10 if found[2] else 0) if found else 0
    if number < _LEAST:
        raise ValueError(f"a number of bytes such as 512Mi or 4G, {_LEAST >> 20}M or more, is expected")
    return number
