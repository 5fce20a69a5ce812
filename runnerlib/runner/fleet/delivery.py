"""One job on a worker: from its lease to the last frame of its agent."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.cancellation import cancelled
from runnerlib.runner.fleet.agent import STOPS, now
from runnerlib.runner.fleet.codec import DamagedError, decode, encode
from runnerlib.runner.fleet.contract import LAST, FleetError, Frame, LeaseLostError, Verdict
from runnerlib.runner.fleet.link import BEAT, FIGURES, FRAME, JOB, STOP, TAKEN, TELL, Link
from runnerlib.runner.fleet.seal import JobCipher, SealError, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.output.telemetry.figures import Figures
    from runnerlib.runner.fleet.contract import Begun, Kind, Lease
    from runnerlib.runner.fleet.keys import FleetKey

_WINDOW = 128
"""The number of frames that may be ahead of what the dispatcher has shown."""
_NO_END = 1 << 60
_PAUSE = 0.5


class Counts:
    """The number of jobs that have ended, and of leases that were lost."""

    def __init__(self) -> None:
        self.ended = 0
        self.lost = 0


class Setup(NamedTuple):
    """The things that all jobs of a worker share.

    `directory` is that of their workspaces, `agent` gives an agent, which `prepare` makes ahead, `figures` are those of
    all jobs together.
    """

    name: str
    key: FleetKey
    directory: str
    agent: Callable[[], Any]
    prepare: Callable[[], object]
    say: Callable[[str], object]
    counts: Counts
    figures: Figures
    store: str | None = None


class Delivery:
    """A job that the worker has taken; call `run` once."""

    def __init__(self, setup: Setup, lease: Lease) -> None:
        self._setup = setup
        self._lease = lease
        self._ticket = lease.ticket
        self._shown = 0
        self._room = asyncio.Event()
        self._verdict: Verdict | None = None
        self._link: Link | None = None
        self._renewed = now()
        self._ended = False
        self._dropped = False
        self._unread = False
        self._handing_back = False
        self.is_over = False

    async def run(self) -> None:
        """Run the job to its end, whatever that is."""
        try:
            await self._run()
        except LeaseLostError as error:
            self._setup.counts.lost += 1
            self._setup.say(f"job {self._ticket.id}: {error}; it is stopped here")
        except FleetError as error:
            self._setup.say(f"job {self._ticket.id}: {error}")
            await self._lease.give_back()
        finally:
            if self._link is not None:
                await self._link.close()
            await self._lease.close()

    def stop(self, signum: int, *, at_once: bool) -> None:
        """Stop the job because the worker has to."""
        self._obey(signum, at_once)

    def hand_back(self) -> None:
        """Stop the job because the worker goes, and let another one run it; not if it has been asked to stop."""
        if self._verdict is None:
            self._handing_back = True
            self._obey(signal.SIGTERM, at_once=False)

    async def _run(self) -> None:
        begun = await self._lease.begun()
        if begun.last is not None and begun.last.kind in LAST:
            await self._lease.done()
            self.is_over = True
            return
        packed = self._opened()
        if packed is None:
            return
        cipher, attempt = JobCipher(packed["key"]), begun.attempt
        if await self._is_over(begun, cipher):
            self.is_over = True
            return
        await self._lease.put(self._sealed("begin", attempt, cipher, time.time()))
        self._setup.say(f"job {self._ticket.id} begins" + f" (attempt {attempt})" * (attempt > 1))
        await self._lease.listen(self._told)
        self._link = await Link.over(self._setup.agent())
        self._link.send(JOB, encode({"packed": packed, **self._terms(attempt)}))
        if self._verdict is not None:  # it came while there was no link
            self._send(STOP, json.dumps([self._verdict.signum, self._verdict.at_once]).encode())
        renewing = asyncio.get_running_loop().create_task(self._renew())
        try:
            await self._pump(attempt)
        finally:
            await cancelled(renewing)
        await self._conclude()

    async def _conclude(self) -> None:
        if self._ended or self._dropped:
            self._setup.counts.ended += 1
            await self._lease.done()
            self.is_over = True
            self._setup.say(f"job {self._ticket.id} " + ("belongs to a run that is gone" if self._dropped else "ended"))
        elif now() - self._renewed < self._ticket.queue.lease * STOPS:
            why = "its worker has to go" if self._handing_back else "its agent has died"
            self._setup.say(f"job {self._ticket.id}: {why}; another attempt may follow")
            await self._lease.give_back(later=True)  # what it has started ends before
        else:  # who gives back what is not his any more takes it from another worker
            self._setup.counts.lost += 1
            self._setup.say(f"job {self._ticket.id}: the lease was lost, so it was stopped")

    def _opened(self) -> dict[str, Any] | None:
        """Return the content of the envelope; None, with a line for the administrator, if it is not for this key."""
        try:
            packed: dict[str, Any] = decode(opened(self._lease.sealed, self._setup.key.private, self._ticket.id))
        except (SealError, DamagedError) as error:
            self._setup.say(f"job {self._ticket.id} cannot be opened: {error}")
            return None
        return packed

    async def _is_over(self, begun: Begun, cipher: JobCipher) -> bool:
        """Return whether the job must not begin, and say so in its log."""
        verdict = await self._renewed_once()
        while verdict.unread and not (verdict.orphaned or self._ticket.detached):
            await asyncio.sleep(min(_PAUSE, self._ticket.run_lease / 10))
            verdict = await self._renewed_once()
        last = begun.last
        if verdict.orphaned:
            self._setup.say(f"job {self._ticket.id} belongs to a run that is gone")
        elif verdict.signum:
            await self._lease.put(self._sealed("withdrawn", begun.attempt, cipher, verdict.signum))
        elif last is not None and self._ticket.fails_on_loss:
            await self._lease.put(self._frame("lost", begun.attempt, 0)._replace(worker=last.worker))
        else:
            return False
        await self._lease.done()
        return True

    def _frame(self, kind: Kind, attempt: int, seq: int, sealed: bytes = b"") -> Frame:
        return Frame(kind, self._ticket.number, attempt, seq, self._setup.name, sealed)

    def _sealed(self, kind: Kind, attempt: int, cipher: JobCipher, content: float) -> Frame:
        """Return the frame of this worker's own that has something to say."""
        frame = self._frame(kind, attempt, 0)
        return frame._replace(sealed=cipher.seal(encode(content), frame.about(self._ticket.run)))

    def _terms(self, attempt: int) -> Mapping[str, object]:
        ticket = {
            "run": self._ticket.run,
            "number": self._ticket.number,
            "attempt": attempt,
            "worker": self._setup.name,
            "most": self._lease.most,
            "lease": self._ticket.queue.lease,
        }
        return {"ticket": ticket, "dir": self._setup.directory, "store": self._setup.store, "renewed": self._renewed}

    async def _pump(self, attempt: int) -> None:
        """Pass the agent's frames on, until its last one or its end."""
        assert self._link is not None  # noqa: S101 - it was made before
        while (message := await self._link.receive()) is not None:
            kind, content = message
            if kind == FIGURES:
                with suppress(ValueError, TypeError):
                    self._setup.figures.merge(json.loads(content))
            if kind != FRAME:
                continue
            begin = 1 + content[0]
            name, seq = json.loads(content[1:begin])
            if name == "end" and self._handing_back:
                return
            while seq - self._shown > _WINDOW and not self._unread:
                self._room.clear()
                await self._room.wait()
            await self._lease.put(self._frame(name, attempt, seq, content[begin:]))
            self._link.send(TAKEN, str(len(content) - begin).encode())
            if name == "end":
                self._ended = True
                return

    async def _renew(self) -> None:
        """Renew the lease, again and again, and pass on what the engine says."""
        lease = self._ticket.queue.lease
        while True:
            await asyncio.sleep(lease / 5)
            try:
                verdict = await self._renewed_once()
            except FleetError:
                await asyncio.sleep(min(_PAUSE, lease / 10))
                continue
            self._unread = verdict.unread and self._ticket.detached  # its output waits for nobody
            if self._unread:
                self._room.set()
            if verdict.orphaned and not self._dropped:
                self._dropped = True
                self._open_window()
                self._send(STOP, json.dumps([signal.SIGTERM, False]).encode())
            if verdict.signum:
                self._obey(verdict.signum, verdict.at_once)

    async def _renewed_once(self) -> Verdict:
        """Renew the lease; the agent is told unless it is too late. Raises FleetError."""
        asked = now()
        verdict = await self._lease.renew()
        if asked - self._renewed < self._ticket.queue.lease * STOPS:
            self._renewed = asked
            self._send(BEAT, repr(asked).encode())
        else:
            self._open_window()
        return verdict

    def _open_window(self) -> None:
        """Wait for the dispatcher no longer: it is gone, or listens to another worker."""
        self._shown = _NO_END
        self._room.set()

    async def _told(self, what: str, content: bytes) -> None:
        """Take what the dispatcher says; it may come twice, or never."""
        if what == "taken":
            self._shown = max(self._shown, int(content))
            self._room.set()
        elif what == "tell":
            self._send(TELL, content)
        elif what == "stop":
            with suppress(ValueError, TypeError):
                signum, at_once = json.loads(content)
                self._obey(signum, at_once)

    def _obey(self, signum: int, at_once: bool) -> None:
        """Pass a stop on, once: a second one would kill."""
        before = self._verdict
        if before is None or (at_once and not before.at_once):
            self._verdict = Verdict(signum, at_once)
            self._setup.say(f"job {self._ticket.id}: asked to stop")
            self._send(STOP, json.dumps([signum, at_once]).encode())

    def _send(self, kind: bytes, content: bytes) -> None:
        if self._link is not None:
            self._link.send(kind, content)
