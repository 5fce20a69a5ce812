"""Shipping by the store, at the dispatcher: artifacts and copied sources of a run, and what the engine cannot carry.

The artifacts of a job come into the workspace as those of a local job do; later jobs have them from the store.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from runnerlib._util.paths import OWN, own_directory
from runnerlib._util.safe_tree import remove_tree
from runnerlib._util.threads import Cancellation
from runnerlib.errors import RunnerError
from runnerlib.pipeline.workflow.expansion import instance_names
from runnerlib.runner.fleet.parcels import Parcels
from runnerlib.runner.workflow.artifacts import store_of
from runnerlib.runner.workflow.threads import in_thread
from runnerlib.source.copy import prepare

if TYPE_CHECKING:
    from runnerlib.pipeline.workflow import Instance
    from runnerlib.runner.fleet.parcels import Parcel
    from runnerlib.runner.workflow.plan import WorkflowPlan
    from runnerlib.source.spec import SourceSpec

_PLACE = "parcels"


class Shipping:
    """The parcels of a run. Without a store none is made, and none comes."""

    def __init__(self, plan: WorkflowPlan, run: str) -> None:
        """Raises ConfigError for a store that cannot be."""
        self._plan = plan
        self._cancellation = Cancellation()
        self._artifacts: dict[str, Parcel] = {}
        self._copied: dict[SourceSpec, Parcel] = {}
        self._making = asyncio.Lock()
        address, base = plan.front.config.fleet_store, plan.front.workspace.base
        self._place = base / OWN / _PLACE
        self._parcels = (
            Parcels(address, run, self._place, plan.front.environ, self._cancellation.check) if address else None
        )

    async def reach(self) -> None:
        """Have a store that cannot be used told before anything starts. Raises StoreError."""
        if self._parcels is not None:
            await in_thread(self._parcels.reach)

    async def cargo(self, instance: Instance) -> dict[str, Any]:
        """Return what an envelope has of parcels. Raises RunnerError."""
        artifacts, copied = dict[str, "Parcel"](), dict[str, "Parcel"]()
        async with self._making:  # of jobs that want the same, one makes it
            for wanted in instance.job.download:
                for name in instance_names(self._plan.workflow.job(wanted.job)):
                    if (parcel := await self._artifacts_of(name)) is not None:
                        artifacts[name] = parcel
            for checkout in self._plan.plans[instance.name].checkouts:
                if checkout.spec.type == "copy":
                    copied["ci_source" if checkout.trusted else "source"] = await self._source(checkout.spec)
        return {"artifacts": artifacts, "copied": copied}

    async def _artifacts_of(self, name: str) -> Parcel | None:
        """Return the artifacts of an instance: of this run, or, in a resumed one, of the run before."""
        store = store_of(self._plan.front.workspace.artifacts, name)
        if name not in self._artifacts and self._parcels is not None and store.is_dir():
            self._artifacts[name] = await in_thread(partial(self._parcels.send_tree, store))
        return self._artifacts.get(name)

    async def _source(self, spec: SourceSpec) -> Parcel:
        """Return a directory of this machine, without what its options exclude."""
        parcels = self._needed()

        def send() -> Parcel:
            base = self._plan.front.workspace.base
            base.mkdir(parents=True, exist_ok=True)
            target = own_directory(base, OWN, _PLACE) / "source"
            try:
                prepare(spec, target, lambda _text: self._cancellation.check())
                return parcels.send_tree(target)
            finally:
                if target.exists():
                    remove_tree(target)

        if spec not in self._copied:
            self._copied[spec] = await in_thread(send)
        return self._copied[spec]

    async def send(self, data: bytes) -> Parcel | None:
        """Store what the engine cannot carry; None without a store. Raises StoreError."""
        return None if self._parcels is None else await in_thread(partial(self._parcels.send, data))

    async def received(self, parcel: Parcel) -> bytes:
        """Return what the engine could not carry. Raises RunnerError."""
        return await in_thread(partial(self._needed().received, parcel))

    async def take_artifacts(self, name: str, parcel: Parcel) -> None:
        """Put the artifacts of an instance into the workspace. Raises RunnerError."""
        store = store_of(self._plan.front.workspace.artifacts, name)
        self._artifacts[name] = parcel
        await in_thread(partial(self._needed().receive_tree, parcel, store))

    def _needed(self) -> Parcels:
        if self._parcels is None:
            raise RunnerError("it needs a store that its workers see: --fleet-store")
        return self._parcels

    async def close(self, *, ended: bool) -> None:
        """End what is under way; remove all parcels of a run that has ended, as far as the store lets."""
        if ended and self._parcels is not None:
            with suppress(RunnerError):
                await in_thread(self._parcels.clear)
        self._cancellation.flag[0] = 1
