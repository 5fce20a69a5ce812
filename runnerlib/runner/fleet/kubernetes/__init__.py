"""Kubernetes as the engine of a fleet: a Job with a worker of its own for each job, whose frames go by a NATS server.

The cluster decides where a job runs, and makes another pod when one is lost. Queue, log, lease and cancellation are
those of `jetstream`, so what is guaranteed there holds here. The envelope is in an immutable Secret beside the Job,
sealed; the pod's log has nothing of the job. `client` asks the API server by plain HTTPS, `manifest` and `judging` are
pure: what is sent to it, and what its answers mean.
"""

from __future__ import annotations

from runnerlib.runner.fleet.kubernetes.dispatching import KubernetesEngine, dispatching

__all__ = ["KubernetesEngine", "dispatching"]
