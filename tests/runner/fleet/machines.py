"""A NATS server and workers as processes of their own, which tests kill, and runs handed to them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import nats
from nats.aio.client import Client
from nats.js.errors import NoKeysError, NotFoundError

from runnerlib._util.cancellation import Stop
from tests.conftest import children
from tests.integration.cli import RUNNERLIB, environment
from tests.runner.workflow.house import Ran, Recorder, ran
from tests.tools import tool
from tests.waiting import until

T = TypeVar("T")


class Broker:
    """A NATS server with JetStream; `kill` and `start` keep its port and its disk."""

    def __init__(
        self,
        directory: Path,
        *options: str,
        user: str = "",
        scheme: str = "nats",
        query: str = "",
        host: str = "127.0.0.1",
    ) -> None:
        self.directory = directory
        self._host = host
        self.store = directory / "store"
        self._options = options
        self.form = f"{scheme}://{user}{host}:{{}}{query}"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = -1
        self.start()

    def start(self) -> None:
        ports = self.directory / "ports"
        ports.mkdir(parents=True, exist_ok=True)
        for old in ports.iterdir():
            old.unlink()
        words = [tool("nats-server"), "-js", "-sd", str(self.store), "-a", self._host, "-p", str(self.port)]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*words, "--ports_file_dir", str(ports), *self._options], stdout=log, stderr=log
            )
        until(lambda: any(path.stat().st_size for path in ports.iterdir()))
        (found,) = ports.iterdir()
        self.port = int(json.loads(found.read_text())["nats"][0].rpartition(":")[2])

    @property
    def url(self) -> str:
        return self.form.format(self.port)

    @property
    def pid(self) -> int:
        """The process; -1 while it is killed."""
        return self._process.pid if self._process is not None else -1

    def kill(self, signum: int = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(signum)
            self._process.wait()
            self._process = None

    def lose_disk(self) -> None:
        """Remove what a killed server has stored."""
        shutil.rmtree(self.store)

    def asked(self, ask: Callable[[Client], Awaitable[T]]) -> T:
        """Return the answer of the server to a client of the test."""

        async def answer() -> T:
            client = await nats.connect(self.url)
            try:
                return await ask(client)
            finally:
                await client.close()

        return asyncio.run(answer())

    @property
    def queued(self) -> int:
        """The number of jobs that wait or run."""

        async def state(client: Client) -> int:
            try:
                return (await client.jetstream().stream_info("RUNNERLIB_JOBS")).state.messages
            except NotFoundError:
                return 0

        return self.asked(state)

    @property
    def marks(self) -> list[str]:
        """The keys of the marks that are left for workers."""

        async def keys(client: Client) -> list[str]:
            try:
                return await (await client.jetstream().key_value("RUNNERLIB_MARKS")).keys()
            except (NotFoundError, NoKeysError):
                return []

        return self.asked(keys)

    def forget_duplicates(self) -> None:
        """Remember the ids of jobs no longer than a moment, as if the two minutes were over."""

        async def forget(client: Client) -> None:
            found = (await client.jetstream().stream_info("RUNNERLIB_JOBS")).config
            await client.jetstream().update_stream(found, duplicate_window=0.1)

        self.asked(forget)

    def hears_of_job(self, start: Callable[[], T]) -> T:
        """Return the result of `start`, once a dispatcher has handed a job in after that."""

        async def hear(client: Client) -> T:
            news = await client.subscribe("runnerlib.new")
            await client.flush()
            started = start()
            await news.next_msg(60)
            return started

        return self.asked(hear)

    def stored(self, text: bytes) -> list[Path]:
        """The files of the store that hold a text."""
        return [path for path in self.store.rglob("*") if path.is_file() and text in path.read_bytes()]


class Worker:
    """A worker, and what it says."""

    def __init__(self, broker: Broker, key: Path, name: str, *options: str, slots: int = 2, space: str = "") -> None:
        self.name = name
        self.log = broker.directory / f"{name}.log"
        words = ["worker", "--on", broker.url, "--fleet-key-file", str(key), "--name", name, "--slots", str(slots)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(("ip", "netns", "exec", space) if space else ()),
                    sys.executable,
                    "-m",
                    "runnerlib",
                    *words,
                    *options,
                ],
                stdout=log,
                stderr=log,
                cwd=broker.directory,
                env={**os.environ, "XDG_STATE_HOME": os.environ.get("XDG_STATE_HOME", str(broker.directory))},
            )
        until(lambda: "takes jobs" in self.said or self.process.poll() is not None)
        assert self.process.poll() is None, self.said

    @property
    def said(self) -> str:
        return self.log.read_text()

    def end(self, signum: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.process.wait(60)


@contextmanager
def working(broker: Broker, key: Path, name: str, *options: str, slots: int = 2, space: str = "") -> Iterator[Worker]:
    """A worker during the block, in a network namespace if one is named.

    Its processes come to this one when it was killed, and their end is awaited.
    """
    before = children()
    worker = Worker(broker, key, name, *options, slots=slots, space=space)
    try:
        yield worker
    finally:
        if worker.process.poll() is None:
            worker.process.send_signal(signal.SIGCONT)
            worker.end(signal.SIGKILL)
        until(lambda: not orphans({*before, broker.pid}))


def orphans(before: set[int]) -> set[int]:
    """The children since then that have not ended."""
    left = set()
    for pid in children() - before:
        with suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                left.add(pid)
    return left


def new_key(directory: Path) -> Path:
    words = [sys.executable, "-m", "runnerlib", "worker", "keygen"]
    key = directory / "fleet.key"
    key.write_bytes(subprocess.run(words, check=True, capture_output=True).stdout)
    return key


def public_half(key: Path) -> Path:
    half = key.with_suffix(".pub")
    half.write_text("".join(line for line in key.read_text().splitlines(True) if "public-key" in line))
    return half


def dispatched(
    workflow: str,
    tmp_path: Path,
    broker: Broker,
    key: Path,
    *,
    recorder: Recorder | None = None,
    stop: Stop | None = None,
    **env: str,
) -> Ran:
    """Run a workflow on the fleet to its end."""
    names = {"REACTORCIDE_FLEET": broker.url, "REACTORCIDE_FLEET_KEY_FILE": str(public_half(key))}
    return ran(workflow, tmp_path, None, recorder, stop, **names, **env)


def lines(path: Path) -> Sequence[str]:
    """The lines of a file that jobs write; none before there is one."""
    return path.read_text().splitlines() if path.exists() else []


class Dispatcher:
    """A `runnerlib` process that dispatches a workflow, with its output in a file."""

    def __init__(self, directory: Path, broker: Broker, key: Path, *words: str, **env: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / f"log{len(list(directory.glob('log*')))}"
        names = {"REACTORCIDE_FLEET": broker.url, "REACTORCIDE_FLEET_KEY_FILE": str(public_half(key)), **env}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [RUNNERLIB, *words], cwd=directory, env=environment(**names), stdout=log, stderr=log
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, signum: int = 0) -> int:
        if signum:
            self.process.send_signal(signum)
        return self.process.wait(60)


def dispatching(directory: Path, workflow: str, broker: Broker, key: Path, *words: str, **env: str) -> Dispatcher:
    """Begin to run a workflow in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "w.yaml").write_text(workflow)
    given = ("run", "--workflow-file", "w.yaml", "--output", "prefixed", *words)
    return Dispatcher(directory, broker, key, *given, **env)
