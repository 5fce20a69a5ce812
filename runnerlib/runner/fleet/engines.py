"""The engines of a fleet, by the scheme of its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.runner.fleet.kubernetes.address import cluster_of, is_cluster

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from runnerlib.runner.fleet.contract import Engine
    from runnerlib.runner.fleet.jetstream import RunTerms


def dispatching(address: str, terms: RunTerms) -> AbstractAsyncContextManager[Engine]:
    """Enter the engine at an address for a run; one that ends is to be closed. Raises ConfigError and FleetError."""
    if is_cluster(address):
        from runnerlib.runner.fleet import kubernetes

        return kubernetes.dispatching(cluster_of(address), terms)
    from runnerlib.runner.fleet import jetstream

    return jetstream.dispatching(address, terms)


def server_of(address: str) -> str:
    """Return the address of the server that carries the frames of a fleet. Raises ConfigError."""
    return cluster_of(address).server if is_cluster(address) else address
