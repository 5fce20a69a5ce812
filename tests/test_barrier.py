"""The reply of the secret socket under load: sixteen steps write at full speed, and none shows what is registered.

Guarantee 4: when a client has the reply, no byte that any stream puts out shows the value, bytes that were held or
unread at that moment included. BARRIER_ROUNDS is the number of registrations.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from pathlib import Path
from random import Random

from runnerlib.engine import Attempt, Command, Limits
from runnerlib.events import Event, StepOutput
from runnerlib.events.result import StepOutcome
from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.process_spec import ProcessSpec
from runnerlib.masking import SecretMasker
from runnerlib.register_secret import register
from runnerlib.secrets.socket import SecretServer
from runnerlib.secrets.socket.limits import Limits as SocketLimits

NewLoop = Callable[[], asyncio.AbstractEventLoop]

ROUNDS = int(os.environ.get("BARRIER_ROUNDS", "48"))
STEPS = 16
SPEAKER = Path(__file__).with_name("speaker.py")
MARK = b"[REDACTED]"
QUIET = b"<AND NOW QUIET>"
BEGUN, DECOY = 11, b"-ANOTHER-SECRET"
NOT_OF_A_VALUE = bytes(sorted(set(range(256)) - set(b"0123456789abcdef")))
PATIENCE = 600  # seconds; a test that hangs is to fail
LIMITS = SocketLimits(rate=1e6, burst=1000, secrets=2 * (ROUNDS + STEPS), volume=1 << 30)


class Client:
    """Registers one value after the other and has its step print each of them; sees all that the step puts out.

    A byte of a value is in no noise and in no mark, so that each one that comes out is a leak.
    """

    def __init__(self, seed: int, orders: Path, answers: Path) -> None:
        self._random = Random(seed)
        self._paths = orders, answers
        self._paused, self._resumed = threading.Event(), asyncio.Event()
        self._last = b""
        self.congested = False
        self.leaked = b""
        self.values = self.marks = self.expected = 0

    def run(self, loop: asyncio.AbstractEventLoop, socket: Path, rounds: int) -> None:
        """Go through the rounds, in a thread, and end the step."""
        self._loop, self._socket = loop, socket
        values = [self._random.randbytes(16).hex().encode() for _ in range(rounds + 1)]
        # For both directions, so that no end waits for the other.
        with (
            self._paths[0].open("r+b", buffering=0) as self._orders,
            self._paths[1].open("r+b", buffering=0) as self._answers,
        ):
            try:
                self._register(DECOY, values[0])
                for value, following in pairwise(values):
                    self._round(value, following)
            finally:
                loop.call_soon_threadsafe(self._resumed.set)
                self._order("end")

    def _round(self, value: bytes, following: bytes) -> None:
        self.values += 1
        self.expected += 1
        cut, other = sorted(self._random.sample(range(1, len(value)), 2))
        match self._random.choice(["whole", "pieces", "colours", "held", "unread", "held and unread"]):
            case "whole":
                self._register(value, following)
                self._order("say", value)
            case "pieces":
                self._register(value, following)
                self._order("say", value[:cut], value[cut:other], value[other:])
            case "colours":
                self._register(value, following)
                self._order("say", value[:BEGUN], b"\x1b[;m", value[BEGUN:])
                self.expected += 1
            case "held":
                self._order("begin", value[:BEGUN])
                self._register(value, following)
                self._order("say", value[BEGUN:])
            case kind:
                cut = BEGUN if kind == "held and unread" else 0
                self._order("begin", QUIET + value[:cut])
                assert self._paused.wait(PATIENCE)
                self._order("tell", value[cut:])
                assert self._answers.read(1)  # it is in the pipe, which nobody reads
                self._register(value, following)
                self._paused.clear()
                self._loop.call_soon_threadsafe(self._resumed.set)
                self._order("say")

    def _register(self, value: bytes, following: bytes) -> None:
        """Register a value, and one that begins as the following does, which is held therefore."""
        assert register([value, following[:BEGUN] + DECOY], self._socket, PATIENCE).ok

    def _order(self, name: str, *pieces: bytes) -> None:
        self._orders.write(b" ".join([name.encode(), *map(b64encode, pieces)]) + b"\n")

    def observe(self, event: Event) -> None:
        if isinstance(event, StepOutput):
            self.marks += event.data.count(MARK)
            self.leaked += event.data.translate(None, NOT_OF_A_VALUE)
            self.congested = QUIET in self._last + event.data
            self._last = event.data[1 - len(QUIET) :]

    async def drain(self) -> None:
        """Let the output wait until the value is registered."""
        if self.congested:
            self._paused.set()
            await self._resumed.wait()
            self._resumed.clear()
            self.congested = False


async def to_the_end(attempt: Attempt) -> StepOutcome:
    try:
        return await attempt.start() or await attempt.follow()
    finally:
        attempt.close()


async def registrations_under_load(masker: SecretMasker, clients: list[Client], pipes: list[list[Path]]) -> None:
    server = SecretServer(masker.register_secrets, LIMITS)
    path = await server.start()
    loop = asyncio.get_running_loop()
    with ProcessSupervisor() as supervisor, ThreadPoolExecutor(STEPS) as threads:
        steps, working = [], []
        for i, client in enumerate(clients):
            argv = (sys.executable, "-S", str(SPEAKER), *map(str, pipes[i]))
            command = Command(f"step {i}", ProcessSpec(argv, Path("/"), dict(os.environ)))
            step = Attempt(command, supervisor, masker, masker.stream(), client, Limits(grace=60, drain=60))
            steps.append(loop.create_task(to_the_end(step)))
            rounds = ROUNDS // STEPS + (i < ROUNDS % STEPS)
            working.append(loop.run_in_executor(threads, client.run, loop, path, rounds))
        await asyncio.wait(working)
        assert await asyncio.gather(*steps) == [StepOutcome(0)] * STEPS
        await server.close()
        await asyncio.gather(*working)  # raises what a client raised


def test_after_the_reply_no_step_shows_the_value(new_loop: NewLoop, tmp_path: Path) -> None:
    pipes = [[tmp_path / f"{name}-{i}" for name in ("orders", "answers")] for i in range(STEPS)]
    for pipe in chain(*pipes):
        os.mkfifo(pipe)
    clients = [Client(seed, *pair) for seed, pair in enumerate(pipes)]
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(registrations_under_load(SecretMasker(), clients, pipes))
    assert [client.leaked for client in clients] == [b""] * STEPS
    assert sum(client.values for client in clients) == ROUNDS
    # Each value was printed, and is where a mark is.
    assert [client.marks for client in clients] == [client.expected for client in clients]
