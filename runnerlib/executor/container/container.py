"""Container that holds the steps of one job, from its start to its end.

Its first process reads from a pipe that is never written to: it ends when the runner closes its side, or is killed,
and with it everything in the container. A step is an `exec` in it, through a few lines of shell that take the step's
variables from a private file, write down number and exit code, and end leftover processes of the step.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import RunnerError
from runnerlib.executor.container import usage as account
from runnerlib.executor.process_spec import CommandError, ExitStatus, ProcessSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.executor.container.runtime import Engine
    from runnerlib.executor.protocol import Executor, StepProcess

INSIDE = "/job"
SCRATCH = f"{INSIDE}/.runnerlib/scratch"
RUNNER = 1001
"""The user of Reactorcide's containers, in place of root."""

_READY = b"runnerlib: ready"
_WAIT = 10.0  # seconds for a container to end after its pipe was closed
_HOPELESS = 5.0  # seconds after which the engine's client is killed as well

# $1: the start of the names of the step's files; the others: its command. Only what is built into a shell is used once
# the step's variables are there, and no name that they could have.
_LAUNCHER = f"""_rl_f=$1; shift
_rl_memory() {{
  for _rl_name in {" ".join(account.MEMORY_FILES)}; do
    [ -r "$_rl_name" ] && while read -r _rl_line; do echo "$_rl_line"; done <"$_rl_name"
  done 2>/dev/null
}}
echo $$ >"$_rl_f.pid"
_rl_memory >"$_rl_f.before"
. "$_rl_f.env"; rm -f "$_rl_f.env"
trap : TERM INT HUP QUIT
"$@"
_rl_code=$?
times >"$_rl_f.times"
_rl_memory >"$_rl_f.after"
echo $_rl_code >"$_rl_f.code"
kill -KILL 0"""
_HOLDER = f"echo '{_READY.decode()}'; exec cat >/dev/null"
_KILLER = 'kill -s "$2" -- "-$(cat "$1.pid")" 2>/dev/null'


class ContainerSpec(NamedTuple):
    """Container requested by a job: `image`, limits in the format of the engine's options, and extra read-only mounts.

    `base` is the job's workspace. `scratch` is a directory outside of it that is also mounted. `shared` directories
    have the same path in the container. `environ` is the environment of the engine's client.
    """

    image: str
    base: Path
    scratch: Path
    environ: Mapping[str, str]
    mounts: Mapping[Path, str] = {}
    shared: Sequence[Path] = ()
    cpus: str = ""
    memory: str = ""


class Container:
    """A running container, to be closed; `local` starts the clients of the engine."""

    def __init__(self, engine: Engine, wish: ContainerSpec, local: Executor) -> None:
        self._engine = engine
        self._wish = wish
        self._local = local
        self._name = f"runnerlib-{os.urandom(8).hex()}"
        self._count = 0
        self._helpers: list[StepProcess] = []
        self._running: set[ContainedProcess] = set()
        self._hold = -1
        self._holder: StepProcess | None = None

    async def start(self) -> None:
        """Start the container, and return when it can run steps. Raises RunnerError with the engine's message."""
        wish = self._wish
        fifo = wish.scratch / "hold"
        with suppress(FileNotFoundError):
            fifo.unlink()
        os.mkfifo(fifo, 0o600)
        self._hold = os.open(fifo, os.O_RDWR | os.O_CLOEXEC)
        words = [self._engine.program, *self._run_words()]
        hold = ["/bin/sh", "-c", 'f=$1; shift; exec "$@" <"$f"', "sh", str(fifo), *words]
        try:
            self._holder = self._local.start(ProcessSpec(hold, wish.base, wish.environ))
        except CommandError as error:
            raise RunnerError(str(error)) from None
        said = await _until(self._holder, _READY)
        if _READY not in said:
            raise RunnerError(f"cannot start a container of '{wish.image}': {_reason(said)}")

    async def close(self) -> None:
        """End it, and everything in it."""
        if self._hold >= 0:
            os.close(self._hold)
            self._hold = -1
        for helper in self._helpers:
            helper.close()
        if self._holder is None:
            return
        holder, self._holder = self._holder, None
        try:
            if not await _ended(holder, _WAIT):
                remover = self._client(["rm", "-f", self._name])
                await _ended(remover, _WAIT)
                remover.close()
                await _ended(holder, 1.0)
        finally:
            holder.close()

    def start_step(self, spec: ProcessSpec) -> ContainedProcess:
        """Start a step in the container. Raises as `Executor.start` does."""
        self._count += 1
        files = self._wish.scratch / f"step-{self._count}"
        _write_private(files.with_suffix(".env"), self._assignments(spec.env))
        options = ["-w", self.inside(spec.cwd)]
        options += ["-i"] if spec.stdin is not None or spec.tty else []
        options += ["-t"] if spec.tty else []
        step = ["/bin/sh", "-c", _LAUNCHER, "sh", self.inside(files), *spec.argv]
        words = [self._engine.program, "exec", *options, self._name, *step]
        client = self._local.start(spec._replace(argv=words, cwd=self._wish.base, env=self._wish.environ))
        process = ContainedProcess(client, self, files)
        for other in (process, *self._running) if self._running else ():
            other.alone = False
        self._running.add(process)
        return process

    def ended(self, process: ContainedProcess) -> None:
        """A step has ended."""
        self._running.discard(process)

    def signal(self, files: Path, signum: int) -> None:
        """Signal all processes of the group of a step; nothing waits for it."""
        name = signal.Signals(signum).name.removeprefix("SIG")
        words = ["exec", self._name, "/bin/sh", "-c", _KILLER, "sh", self.inside(files), name]
        with suppress(RunnerError, CommandError):
            self._helpers.append(self._client(words))

    def inside(self, path: Path) -> str:
        """A path of this machine as the container sees it. Raises RunnerError for one that it does not."""
        shared = [(directory, str(directory)) for directory in self._wish.shared]
        own = [(self._wish.scratch, SCRATCH), (self._wish.base, INSIDE)]
        for outside, target in (*self._wish.mounts.items(), *shared, *own):
            if path.is_relative_to(outside):
                return target if path == outside else f"{target}/{path.relative_to(outside)}"
        raise RunnerError(f"'{path}' is not in the container of the job")

    def _client(self, words: Sequence[str]) -> StepProcess:
        return self._local.start(ProcessSpec([self._engine.program, *words], self._wish.base, self._wish.environ))

    def _run_words(self) -> list[str]:
        wish = self._wish
        words = ["run", "-i", "--rm", "--name", self._name, "--user", user(), "--workdir", INSIDE]
        words += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--env", f"HOME={INSIDE}"]
        words += ["--userns", "keep-id"] if self._engine.kind == "podman" and os.geteuid() else []
        words += ["--mount", _mount(wish.base, INSIDE), "--mount", _mount(wish.scratch, SCRATCH)]
        for directory in wish.shared:
            words += ["--mount", _mount(directory, str(directory))]
        for outside, target in wish.mounts.items():
            words += ["--mount", f"{_mount(outside, target)},readonly"]
        words += ["--cpus", wish.cpus] if wish.cpus else []
        words += ["--memory", wish.memory] if wish.memory else []
        return [*words, "--entrypoint", "/bin/sh", wish.image, "-c", _HOLDER]

    def _assignments(self, env: Mapping[str, str]) -> str:
        """The variables of a step as lines of shell. In place of the runner's PATH the image's own counts."""
        path = self._wish.environ.get("PATH", "")
        lines = []
        for name, value in env.items():
            if name == "PATH" and path and value.endswith(path):
                added = ":".join(map(self._translated, value.removesuffix(path).split(":")))
                lines += [f'PATH={shlex.quote(added)}"$PATH"; export PATH'] if added else []
            elif name.isidentifier() and name.isascii():
                lines.append(f"{name}={shlex.quote(self._translated(value))}; export {name}")
        return "\n".join(lines) + "\n"

    def _translated(self, value: str) -> str:
        if not value.startswith("/"):
            return value
        with suppress(RunnerError, ValueError):
            return self.inside(Path(value))
        return value


class ContainedProcess:
    """The engine's client for a step, and the step in the container behind it."""

    def __init__(self, client: StepProcess, container: Container, files: Path) -> None:
        self._client = client
        self._container = container
        self._files = files
        self._end: ExitStatus | None = None
        self._kill: asyncio.TimerHandle | None = None
        self.alone = True  # no other step has run in the container meanwhile
        # Everything about descriptors is the client's.
        self.output = client.output
        self.exited = client.exited
        self.read = client.read
        self.unread = client.unread
        self.resize = client.resize
        self.leftover = client.leftover
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

    def close(self) -> None:
        """Let go of the client."""
        self._let_go()
        self._container.ended(self)
        self._client.close()

    def _let_go(self) -> None:
        if self._kill is not None:
            self._kill.cancel()


def stranger() -> int | None:
    """The user of the steps in a container, if that is not the runner's."""
    return None if os.geteuid() else RUNNER


def user() -> str:
    """The user of a container, never root: that of the runner, or the one that Reactorcide has."""
    return f"{os.geteuid() or RUNNER}:{os.getegid() if os.geteuid() else RUNNER}"


def hand_over(directory: Path) -> None:
    """Give a workspace to the user of its container, if that is another one. Raises RunnerError."""
    if os.geteuid():
        return
    try:
        os.chown(directory, RUNNER, RUNNER)
        for parent, directories, files in os.walk(directory):
            for name in (*directories, *files):
                os.chown(os.path.join(parent, name), RUNNER, RUNNER, follow_symlinks=False)
    except OSError as error:
        raise RunnerError(f"cannot give '{directory}' to the user of its container: {error.strerror}") from None


def _mount(outside: Path, target: str) -> str:
    """A bind mount as an option: fields of CSV, so that a path may hold commas."""
    source = f"source={outside}".replace('"', '""')
    return f'type=bind,"{source}",target={target}' if set('",') & set(source) else f"type=bind,{source},target={target}"


def _write_private(path: Path, text: str) -> None:
    try:
        with suppress(FileNotFoundError):
            path.unlink()
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w", encoding="utf-8", errors="surrogateescape") as opened:
            if not os.geteuid():
                os.fchown(file, RUNNER, RUNNER)
            opened.write(text)
    except OSError as error:
        raise RunnerError(f"cannot write '{path}': {error.strerror}") from None


def _reason(said: bytes) -> str:
    """Return the error message of the engine's client, without its advice."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith(("Run '", "See '", "Usage:"))]
    return lines[-1].removeprefix("docker: ").rstrip(".") if lines else "no reason given"


async def _until(process: StepProcess, wanted: bytes) -> bytes:
    """The output of a process up to `wanted`, or to its end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    said = bytearray()

    def read() -> None:
        try:
            data = process.read(1 << 16)
        except BlockingIOError:
            return
        said.extend(data)
        if (not data or wanted in said) and not done.done():
            done.set_result(None)

    loop.add_reader(process.output, read)
    try:
        await done
    finally:
        loop.remove_reader(process.output)
    return bytes(said)


async def _ended(process: StepProcess, limit: float) -> bool:
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
