"""NATS JetStream as the engine of a fleet: a stream of jobs, one of frames, and two buckets of keys.

Jobs wait in the stream RUNNERLIB_JOBS, a queue for each set of labels; a delivery that is not renewed goes to another
worker. Frames are in RUNNERLIB_LOGS, where a job has one subject. Each frame names the number of the one before it, so
the stream refuses what an old attempt says after a new one has begun: the log is the fence. The bucket RUNNERLIB_QUEUES
tells workers which queues there are, RUNNERLIB_MARKS has marks that expire: runs and workers that live, jobs to stop.
"""

from __future__ import annotations

from runnerlib.runner.fleet.jetstream.dispatching import JetStreamEngine, RunTerms, dispatching
from runnerlib.runner.fleet.jetstream.taking import JetStreamSource, taking

__all__ = ["JetStreamEngine", "JetStreamSource", "RunTerms", "dispatching", "taking"]
