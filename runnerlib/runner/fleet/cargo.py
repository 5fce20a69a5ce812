"""Cargo of a job, on its worker: what comes and goes by the store instead of in the envelope and in frames."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runnerlib._util.paths import Workspace
from runnerlib.errors import RunnerError
from runnerlib.runner.fleet.codec import decode
from runnerlib.runner.fleet.parcels import Parcels
from runnerlib.runner.workflow.artifacts import store_of
from runnerlib.runner.workflow.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runnerlib.runner.fleet.parcels import Parcel

_CREDENTIALS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Cargo:
    """The parcels of one job; those that it sends are of its attempt."""

    def __init__(self, given: Mapping[str, Any], base: Path, check: Callable[[], None]) -> None:
        """`given` are the terms of the worker, `base` the workspace; `check` raises when the job is to end."""
        self._given = given
        self._base = base
        self._check = check

    def _parcels(self) -> Parcels:
        """Raises ConfigError, and RunnerError for a worker without a store."""
        ticket, address = self._given["ticket"], self._given["store"]
        if not address:
            raise RunnerError(f"worker '{ticket['worker']}' has no store: it needs --fleet-store")
        prefix = f"{ticket['run']}/{ticket['number']}.{ticket['attempt']}"
        return Parcels(address, prefix, Path(self._given["dir"]), os.environ, self._check)

    def secrets(self) -> Iterator[str]:
        """Yield the worker's own credentials of its store, which no job has to show."""
        if self._given["store"]:
            yield from filter(None, map(os.environ.get, _CREDENTIALS))

    async def envelope(self) -> dict[str, Any]:
        """Return the whole envelope, with artifacts and copied sources in their places. Raises RunnerError."""
        packed: dict[str, Any] = self._given["packed"]
        if "parcel" in packed:
            packed = decode(await in_thread(partial(self._parcels().received, packed["parcel"])))
        artifacts = Workspace(self._base).artifacts
        for name, parcel in packed["artifacts"].items():
            await in_thread(partial(self._parcels().receive_tree, parcel, store_of(artifacts, name)))
        for what, parcel in packed["copied"].items():
            place = self._base / "copied" / what
            await in_thread(partial(self._parcels().receive_tree, parcel, place))
            packed["settings"][f"{what}_url"][0] = str(place)
            packed["settings"].pop(f"{what}_options", None)  # what they exclude was not sent
        return packed

    async def artifacts(self, instance: str) -> Parcel | None:
        """Store the artifacts of the job, if it has some. Raises RunnerError."""
        store = store_of(Workspace(self._base).artifacts, instance)
        return await in_thread(partial(self._parcels().send_tree, store)) if store.is_dir() else None

    async def outcome(self, data: bytes) -> Parcel | None:
        """Store what no frame carries; None where the worker has no store. Raises RunnerError."""
        return await in_thread(partial(self._parcels().send, data)) if self._given["store"] else None
