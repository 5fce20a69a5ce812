"""Container that holds the steps of one job, from its start to its end.

Its first process reads from a pipe that is never written to: it ends when the runner closes its side, or is killed,
and with it everything in the container. A step is an `exec` in it, through a few lines of shell that take the step's
variables from a private file, write down number and exit code, and end leftover processes of the step.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shlex
import signal
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib.errors import RunnerError
from runnerlib.executor.container import usage as account
from runnerlib.executor.container.options import ContainerSpec, is_ready, run_arguments
from runnerlib.executor.process_spec import CommandError, ExitStatus, ProcessSpec, unusable_directory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runnerlib.executor.container.runtime import ContainerRuntime
    from runnerlib.executor.process_spec import ProcessInfo
    from runnerlib.executor.protocol import Executor, StepProcess

_WAIT = 10.0  # seconds for a container to end after its pipe was closed
_PAUSE = 0.02
_HOPELESS = 5.0  # seconds after which the engine's client is killed as well

FROM_FILE = '. "$_rl_f.env"; rm -f "$_rl_f.env"'
# $1: the start of the names of the step's files; the others: its command. Only what is built into a shell is used once
# the step's variables are there, and no name that they could have.
LAUNCHER = f"""_rl_f=$1; shift
_rl_memory() {{
  for _rl_name in {" ".join(account.MEMORY_FILES)}; do
    [ -r "$_rl_name" ] && while read -r _rl_line; do echo "$_rl_line"; done <"$_rl_name"
  done 2>/dev/null
}}
echo $$ >"$_rl_f.pid"
_rl_memory >"$_rl_f.before"
{FROM_FILE}
trap : TERM INT HUP QUIT
"$@"
_rl_code=$?
times >"$_rl_f.times"
_rl_memory >"$_rl_f.after"
echo $_rl_code >"$_rl_f.code"
kill -KILL 0"""
_KILLER = 'kill -s "$2" -- "-$(cat "$1.pid")" 2>/dev/null'


class Container:
    """A running container, to be closed; `local` starts the clients of the engine."""

    def __init__(self, engine: ContainerRuntime, spec: ContainerSpec, local: Executor, first: str = "") -> None:
        """`first` is the name of the container whose network it shares, if it does."""
        self._engine = engine
        self._first = first
        self._spec = spec
        self._local = local
        self.name = f"runnerlib-{os.urandom(8).hex()}"
        self._count = 0
        self._helpers: list[StepProcess] = []
        self._releasing: list[StepProcess] = []
        self._running: set[ContainedProcess] = set()
        self._hold = -1
        self._holder: StepProcess | None = None

    async def start(self) -> None:
        """Start the container, and return when it can run steps. Raises RunnerError with the engine's message."""
        spec = self._spec
        fifo = spec.scratch.with_name(self.name)  # no step can open it, and so keep the container
        with suppress(FileNotFoundError):
            fifo.unlink()
        os.mkfifo(fifo, 0o600)
        self._hold = os.open(fifo, os.O_RDWR | os.O_CLOEXEC)
        words = [self._engine.program, *run_arguments(self._engine, self.name, spec, self._first)]
        hold = ["/bin/sh", "-c", 'f=$1; shift; exec "$@" <"$f"', "sh", str(fifo), *words]
        try:
            self._holder = self._local.start(ProcessSpec(hold, spec.base, spec.environ))
        except CommandError as error:
            raise RunnerError(str(error)) from None
        said = await said_by(self._holder)
        if not is_ready(said):
            hint = "; --container-user root needs none of them" if b"keep-id requires" in said else ""
            raise RunnerError(f"cannot start a container of '{spec.image}': {_reason(said)}{hint}")

    async def close(self) -> None:
        """End it, and everything in it."""
        if self._hold >= 0:
            os.close(self._hold)
            self._hold = -1
        for helper in self._helpers:
            helper.close()
        holder, self._holder = self._holder, None
        try:
            if holder is not None and not await ended(holder, _WAIT):
                remover = self._client(["rm", "-f", self.name])
                await ended(remover, _WAIT)
                remover.close()
                await ended(holder, 1.0)
            self._releasing += [] if holder is None else [holder]
            await self._wait_for_helpers()
        finally:
            for client in self._releasing:
                client.close()

    def start_step(self, spec: ProcessSpec) -> ContainedProcess:
        """Start a step in the container. Raises as `Executor.start` does."""
        user, group = self._spec.limits.owner
        _check_directory(spec.cwd, user, group)
        files = self._next_files()
        _write_private(files.with_suffix(".env"), self._assignments(spec.env), self._spec.limits.stranger)
        options = ["-w", self._spec.inside(spec.cwd)]
        options += ["-i"] if spec.stdin is not None or spec.tty else []
        options += ["-t"] if spec.tty else []
        return self._enter(spec, options, LAUNCHER, files)

    def _next_files(self) -> Path:
        """Return the start of the names of a further step's files."""
        self._release()
        self._count += 1
        return self._spec.scratch / f"{self.name}-{self._count}"

    def _enter(self, spec: ProcessSpec, options: Sequence[str], launcher: str, files: Path) -> ContainedProcess:
        """Start a command by the engine's `exec`, through `launcher`."""
        step = ["/bin/sh", "-c", launcher, "sh", self._spec.inside(files), *spec.argv]
        words = [self._engine.program, "exec", *options, self.name, *step]
        # What the step may not do is the container's part: its confinement would be that of the client.
        client = self._local.start(ProcessSpec(words, self._spec.base, self._spec.environ, spec.stdin, spec.tty))
        process = ContainedProcess(client, self, files)
        for other in (process, *self._running) if self._running else ():
            other.alone = False
        self._running.add(process)
        return process

    def ended(self, process: ContainedProcess, client: StepProcess) -> None:
        """Close the client of a step that has ended, once the client's own helpers have.

        Those of podman outlive it for a moment, and belong to no step that could be told of them.
        """
        self._running.discard(process)
        self._releasing.append(client)
        self._release()

    def _release(self) -> None:
        for client in list(self._releasing):
            if not client.leftover():
                client.close()
                self._releasing.remove(client)

    async def _wait_for_helpers(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + _WAIT
        self._release()
        while self._releasing and loop.time() < end:
            await asyncio.sleep(_PAUSE)
            self._release()

    def signal(self, files: Path, signum: int) -> None:
        """Signal all processes of the group of a step; nothing waits for it."""
        name = signal.Signals(signum).name.removeprefix("SIG")
        words = ["exec", self.name, "/bin/sh", "-c", _KILLER, "sh", self._spec.inside(files), name]
        with suppress(RunnerError, CommandError):
            self._helpers.append(self._client(words))

    def _client(self, words: Sequence[str]) -> StepProcess:
        return self._local.start(ProcessSpec([self._engine.program, *words], self._spec.base, self._spec.environ))

    def _assignments(self, env: Mapping[str, str]) -> str:
        """The variables of a step as lines of shell. In place of the runner's PATH the image's own counts."""
        path = self._spec.environ.get("PATH", "")
        lines = []
        for name, value in env.items():
            if name == "PATH" and path and value.endswith(path):
                added = ":".join(map(self._spec.translated, value.removesuffix(path).split(":")))
                lines += [f'PATH={shlex.quote(added)}"$PATH"; export PATH'] if added else []
            elif name.isidentifier() and name.isascii():
                lines.append(f"{name}={shlex.quote(self._spec.translated(value))}; export {name}")
        return "\n".join(lines) + "\n"


class ContainedProcess:
    """The engine's client for a step, and the step in the container behind it."""

    def __init__(self, client: StepProcess, container: Container, files: Path) -> None:
        self._client = client
        self._container = container
        self._files = files
        self._end: ExitStatus | None = None
        self._kill: asyncio.TimerHandle | None = None
        self._reaped = self._closed = False
        self.alone = True  # no other step has run in the container meanwhile
        # Everything about descriptors is the client's.
        self.output = client.output
        self.exited = client.exited
        self.read = client.read
        self.unread = client.unread
        self.resize = client.resize
        self.holders = client.holders

    def signal(self, signum: int) -> None:
        """Signal every process of the step's group in the container."""
        self._container.signal(self._files, signum)
        if signum == signal.SIGKILL:  # an engine that does not answer must not keep the runner
            self._let_go()
            self._kill = asyncio.get_running_loop().call_later(_HOPELESS, self._client.signal, signal.SIGKILL)

    def reap(self) -> ExitStatus:
        """Collect the client, and return the exit status and usage of the step, not those of the client."""
        if self._end is not None:
            return self._end
        self._let_go()
        self._reaped = True
        end = self._client.reap()
        code = account.exit_code(self._files)
        if code is None:
            self._end = end._replace(usage=None)
        else:
            oom = account.want_of_memory(self._files, code, alone=self.alone)
            self._end = ExitStatus(code, account.usage(self._files), oom)
        for suffix in account.SUFFIXES:
            with suppress(OSError):
                self._files.with_suffix(suffix).unlink()
        return self._end

    def leftover(self) -> list[ProcessInfo]:
        """List the client until it is reaped; the launcher ends what the step has left running."""
        return [] if self._reaped else self._client.leftover()

    def close(self) -> None:
        """Let go of the client; one that was not reaped is killed."""
        if self._closed:
            return
        self._closed = True
        self._let_go()
        if not self._reaped:
            self._client.signal(signal.SIGKILL)
        self._container.ended(self, self._client)

    def _let_go(self) -> None:
        if self._kill is not None:
            self._kill.cancel()


def _check_directory(directory: Path, user: int, group: int) -> None:
    """Refuse a directory that the step cannot start in, as the start of a local process does. Raises RunnerError.

    The client of an engine would say it in words of its own, and some of them with the exit code of a command.
    """
    try:
        found = os.stat(directory)
    except OSError as error:
        raise unusable_directory(error, directory) from None
    shift = 6 if found.st_uid == user else 3 if found.st_gid == group else 0
    if not stat.S_ISDIR(found.st_mode):
        code = errno.ENOTDIR
    elif user and not found.st_mode >> shift & 1:
        code = errno.EACCES
    else:
        return
    raise unusable_directory(OSError(code, os.strerror(code)), directory)


def _write_private(path: Path, text: str, user: int | None) -> None:
    try:
        with suppress(FileNotFoundError):
            path.unlink()
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w", encoding="utf-8", errors="surrogateescape") as opened:
            if user is not None and not os.geteuid():
                os.fchown(file, user, -1)
            opened.write(text)
    except OSError as error:
        raise RunnerError(f"cannot write '{path}': {error.strerror}") from None


def _reason(said: bytes) -> str:
    """Return the error message of the engine's client, without its advice."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith(("Run '", "See '", "Usage:"))]
    if not lines:
        return "no reason given"
    return lines[-1].removeprefix("docker: ").removeprefix("Error: ").removesuffix(": %!w(<nil>)").rstrip(".")


async def said_by(process: StepProcess) -> bytes:
    """The output of a process until it says that it is ready, or to its end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    said = bytearray()

    def read() -> None:
        try:
            data = process.read(1 << 16)
        except BlockingIOError:
            return
        said.extend(data)
        if (not data or is_ready(bytes(said))) and not done.done():
            done.set_result(None)

    loop.add_reader(process.output, read)
    try:
        await done
    finally:
        loop.remove_reader(process.output)
    return bytes(said)


async def ended(process: StepProcess, limit: float) -> bool:
    """Return whether a process ends within `limit` seconds; its exit status is collected then."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    loop.add_reader(process.exited, lambda: None if done.done() else done.set_result(None))
    try:
        await asyncio.wait((done,), timeout=limit)
    finally:
        loop.remove_reader(process.exited)
    if done.done():
        process.reap()
        return True
    done.cancel()
    return False
