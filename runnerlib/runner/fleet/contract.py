"""Contract between a fleet and its engine: what carries jobs to workers, and what they say back.

An engine knows ids, sizes, labels and kinds of frames; everything else is sealed. It has two halves.

The dispatcher's half is an `Engine`:
1. `submit` hands in a job. The same ticket handed in again, however late and by whom, is one job.
2. `frames` yields what attempts at the jobs of the run say, from the first frame on, in one order, each once.
3. `withdraw` ends a job that no worker has begun, so that none ever will; False once one has.
4. `stop` leaves a mark that the worker of a running job obeys, whenever it is reached.
5. `tell` sends something sealed to the worker of a job, at most once.
6. `failures` says of jobs whose worker cannot say anything any more how they ended.
7. While the engine is open, the run lives. When it has lived no more for the lease of the run, its jobs are stopped.

A worker's half is a `Source`:
1. `take` gives the next job that has none but its labels, as a `Lease`, which nobody else gets while it is renewed.
2. `begin` makes the job this attempt's: it says which attempts there were, and fails once another one has begun.
3. `put` appends a frame. It fails once another attempt has begun: so nothing old is ever read.
4. `renew` is confirmed by the engine; what it says may be that the job is to stop, or that nobody reads its frames.
5. `done` ends the lease after the last frame; `give_back` lets another worker have the job, at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable, Callable

Kind = Literal["begin", "events", "secrets", "end", "lost", "withdrawn"]
"""The kinds of frames. The last three are the last frame of a job."""

LAST: tuple[Kind, ...] = ("end", "lost", "withdrawn")


class FleetError(RunnerError):
    """The fleet's engine cannot be reached, or does not do what it is asked for."""


class StoreLostError(FleetError):
    """The engine has lost what was in its care."""


class LeaseLostError(RunnerError):
    """Another attempt at the job has begun."""


class Queue(NamedTuple):
    """A queue of jobs that the same workers can run: of one version, sealed to one key, with these labels.

    Workers look for a job in queues of a higher priority first.
    """

    version: str
    key: str
    labels: tuple[str, ...]
    lease: float
    priority: int = 0

    def serves(self, worker: WorkerFacts) -> bool:
        """Return whether a worker can run the jobs of the queue."""
        same = self.version == worker.version and self.key == worker.key
        return same and set(self.labels) <= set(worker.labels)


class WorkerFacts(NamedTuple):
    """The facts that a worker tells everybody of itself."""

    name: str
    version: str
    key: str
    labels: tuple[str, ...]
    slots: int


class WorkerState(NamedTuple):
    """The state of a worker now, with the number of jobs that run and that it has ended, and of leases that it lost."""

    name: str
    ready: bool
    leaving: bool
    connected: bool
    slots: int
    running: int
    ended: int
    lost: int


class Ticket(NamedTuple):
    """A job for the engine: `number` is that of the instance in its run. `fails_on_loss` forbids a second attempt.

    A `detached` job goes on while its run has no dispatcher; others are stopped when `run_lease` seconds are over.
    """

    run: str
    number: int
    queue: Queue
    fails_on_loss: bool = False
    run_lease: float = 600.0
    detached: bool = False

    @property
    def id(self) -> str:
        """The name of the job in the fleet."""
        return f"{self.run}.{self.number}"


class Frame(NamedTuple):
    """A message of an attempt at a job; `worker` is the name of its worker."""

    kind: Kind
    number: int
    attempt: int
    seq: int
    worker: str = ""
    sealed: bytes = b""

    def about(self, run: str) -> str:
        """Return what the seal of the frame is bound to."""
        return f"{run}.{self.number} {self.kind} {self.attempt} {self.seq}"


class Begun(NamedTuple):
    """The past of a job: its last frame, None before the first attempt."""

    last: Frame | None

    @property
    def attempt(self) -> int:
        """The number of the next attempt."""
        return 1 if self.last is None else self.last.attempt + 1


class Verdict(NamedTuple):
    """The answer to a renewal: the signal to stop the job with, or 0, and whether to kill it.

    `unread` says that the run has no dispatcher at present, `orphaned` that the job is to be dropped for that.
    """

    signum: int = 0
    at_once: bool = False
    unread: bool = False
    orphaned: bool = False


class Why(NamedTuple):
    """The reason why a job waits; `certain` if waiting alone will not help. Empty while a worker can run the job."""

    text: str = ""
    certain: bool = False


class Failure(NamedTuple):
    """The end of a job that its engine knows of, and no worker can tell: why, and the cause of its result."""

    number: int
    reason: str
    cause: Literal["lost", "oom", "timeout", "runner"] = "lost"


RunState = Literal["running", "cancelled", "ended"]


class RunEntry(NamedTuple):
    """The entry of a run that everybody may see; `started` is a time of its dispatcher's clock."""

    run: str
    state: RunState
    detached: bool
    run_lease: float
    started: float


class Engine(Protocol):
    """The dispatcher's half of an engine, for one run."""

    most: int
    """The largest frame or envelope, in bytes."""
    known: bool
    """True if the run was begun before, and has not ended."""
    cancelled: asyncio.Event
    """Set once the run is to be stopped, whoever wants it."""

    async def submit(self, ticket: Ticket, sealed: bytes) -> None:
        """Hand in a job. Raises FleetError."""

    async def withdraw(self, ticket: Ticket, sealed: bytes) -> bool:
        """End a job that no worker has begun, with its outcome; return False when one has."""
        ...

    async def stop(self, ticket: Ticket, signum: int, *, at_once: bool) -> None:
        """Leave the mark to stop a job."""

    async def tell(self, number: int, sealed: bytes) -> None:
        """Send something to the worker of a job."""

    def frames(self) -> AsyncIterator[Frame]:
        """Yield all frames of the run, in order; the reader may be as slow as it likes."""
        ...

    async def taken(self, number: int, seq: int) -> None:
        """Tell the worker of a job that its frames up to `seq` have been shown."""

    async def waits(self, ticket: Ticket) -> Why | None:
        """Return why no worker takes a job; None while the engine does not answer."""
        ...

    def failures(self) -> AsyncIterator[Failure]:
        """Yield the ends of jobs that no worker will tell."""
        ...

    async def close(self, *, ended: bool) -> None:
        """Leave; forget the run if it has ended."""


class Lease(Protocol):
    """A job that a worker has taken."""

    ticket: Ticket
    sealed: bytes
    most: int

    async def begun(self) -> Begun:
        """Return what was said of the job before."""
        ...

    async def put(self, frame: Frame) -> None:
        """Append a frame. Raises LeaseLostError."""

    async def renew(self) -> Verdict:
        """Renew the lease; returns only once the engine has confirmed it. Raises FleetError."""
        ...

    async def done(self) -> None:
        """End the lease after the last frame."""

    async def give_back(self, *, later: bool = False) -> None:
        """Let another worker have the job, at once or in a moment."""

    async def listen(self, receive: Callable[[str, bytes], Awaitable[None]]) -> None:
        """Call `receive` with what the dispatcher sends: `stop`, `taken` or `tell`, and its content."""

    async def close(self) -> None:
        """Listen no longer."""


class Source(Protocol):
    """A worker's half of an engine."""

    async def take(self, timeout: float) -> Lease | None:
        """Return the next job; None when there is none within `timeout` seconds."""
        ...

    async def is_over(self, ticket: Ticket) -> bool:
        """Return whether a job needs no worker any more. Raises FleetError."""
        ...

    @property
    def connected(self) -> bool:
        """True while the engine is reached."""
        ...

    async def close(self) -> None:
        """Take no more, and leave."""
