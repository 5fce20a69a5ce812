"""A worker made from the contract: one command in a container of its own, as Reactorcide's worker runs it.

The container is a set of namespaces: the command is process 1, `/job` is a workspace with an empty `src`, there is no
`/job/ci`, the current directory is `/job/src`, and the variables are those of the contract. One with a variable or a
line break is run by `sh -c`, which is dash. Two streams are read line by line, with the limits that lines meet on
their way: one over 1 MiB ends what is read of its stream, and a batch with one over 256 KiB is refused as a whole.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from tests.source.mounts import need_mounts
from tests.tools import tool
from tests.triggers.server import JOB, TOKEN, FakeCoordinator

LONGEST_READ = 1 << 20
LONGEST_SENT = 256 << 10
BATCH = 200

# Everything of this machine but a `/job` and a `/home` of its own; what it mounts, nobody else sees.
_CONTAINER = """
set -e
root=$1 job=$2; shift 2
mount -t tmpfs container "$root"
for each in /*; do
  if [ -L "$each" ]; then cp -P "$each" "$root/"
  elif [ -d "$each" ] && [ "$each" != /job ] && [ "$each" != /home ] && [ "$each" != /proc ]; then
    mkdir "$root$each"; mount --rbind "$each" "$root$each"
  fi
done
mkdir -p "$root/proc" "$root/job" "$root/home/runner"
mount -t proc proc "$root/proc"
mount --bind "$job" "$root/job"
exec chroot "$root" "$@"
"""


class Line(NamedTuple):
    """A line as people get to see it."""

    stream: str
    text: str


@dataclass
class Log:
    """Lines that arrived at the coordinator, in order; `refused` batches and streams `given_up` did not."""

    lines: list[Line] = field(default_factory=list)
    refused: int = 0
    given_up: list[str] = field(default_factory=list)
    _batch: list[tuple[str, bytes]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, stream: str, pipe: IO[bytes]) -> None:
        """Take all lines of a stream; what follows one that is too long is read by nobody."""
        with pipe:
            while line := pipe.readline(LONGEST_READ + 1):
                if len(line) > LONGEST_READ:
                    self.given_up.append(stream)
                    break
                with self._lock:
                    self._batch.append((stream, line.rstrip(b"\n")))
                    if len(self._batch) == BATCH:
                        self._send()
            while pipe.read(1 << 20):
                pass

    def end(self) -> None:
        """Send the rest."""
        with self._lock:
            self._send()

    def text(self, stream: str | None = None) -> str:
        """The lines of a stream, or of both."""
        return "".join(f"{line.text}\n" for line in self.lines if stream in {None, line.stream})

    def _send(self) -> None:
        batch, self._batch = self._batch, []
        if any(len(text) > LONGEST_SENT for _, text in batch):
            self.refused += 1
            return
        self.lines += [Line(stream, text.decode(errors="replace")) for stream, text in batch]


class Lease:
    """A command that runs; `wait` for its exit code, or `cancel` it. `log` is what is seen of it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.log = Log()
        self._process = process
        self._readers = []
        for stream, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            assert pipe is not None
            self._readers.append(threading.Thread(target=self.log.read, args=(stream, pipe)))
        for reader in self._readers:
            reader.start()

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, 128+N of one that was killed. Raises TimeoutExpired."""
        code = self._process.wait(timeout)
        for reader in self._readers:
            reader.join()
        self.log.end()
        return code if code >= 0 else 128 - code

    def cancel(self, grace: float) -> int:
        """SIGTERM to process 1, and SIGKILL when it has not ended after `grace` seconds; the exit code."""
        os.kill(self._first(), signal.SIGTERM)
        try:
            return self.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()  # unshare says this signal of its child in no way
            return 128 + signal.SIGKILL

    def kill(self) -> None:
        """End the container."""
        if self._process.poll() is None:
            os.kill(self._first(), signal.SIGKILL)

    def _first(self) -> int:
        """The number of process 1, as it is seen from outside."""
        own = self._process.pid
        return int(Path(f"/proc/{own}/task/{own}/children").read_text().split()[0])


@dataclass
class Worker:
    """Runs leases below `place`; `insecure` is the switch of the worker for a coordinator over plain http.

    With `credentials`, a line as git's store has it, the files are there that a worker leaves for git.
    """

    place: Path
    coordinator: FakeCoordinator | None = None
    insecure: bool = True
    credentials: str = ""
    leases: list[Lease] = field(default_factory=list)

    def start(self, command: str, **told: str) -> Lease:
        """Start a job's command in a new workspace; `told` are its variables besides those of every job."""
        here = self.place / f"lease-{len(self.leases)}"
        workspace = here / "job"
        (workspace / "src").mkdir(parents=True)
        (here / "root").mkdir()
        env = {**self._usual(), **(_git_files(workspace, self.credentials) if self.credentials else {}), **told}
        words = ["env", "-i", "-C", "/job/src", *(f"{name}={value}" for name, value in env.items())]
        container = ["unshare", "--pid", "--fork", "--mount", "--kill-child", "sh", "-c", _CONTAINER, "container"]
        process = subprocess.Popen(
            [*container, str(here / "root"), str(workspace), *words, *self.argv(command)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"]},
        )
        self.leases.append(Lease(process))
        return self.leases[-1]

    def run(self, command: str, **told: str) -> tuple[int, Log]:
        """Run a job's command to its end; its exit code and its log."""
        lease = self.start(command, **told)
        return lease.wait(), lease.log

    def workspace(self, number: int = -1) -> Path:
        """The workspace of a lease."""
        return self.place / f"lease-{range(len(self.leases))[number]}" / "job"

    def argv(self, command: str) -> list[str]:
        """The words that are executed, as the worker makes them of a command."""
        command = command.strip()
        if self.insecure and command.startswith(("runnerlib eval", "runnerlib trigger")):
            command += " --allow-insecure-transport"
        if "\n" in command or re.search(r"\$[A-Za-z_{]", command):
            return [tool("dash"), "-c", command]
        return shlex.split(command)

    def _usual(self) -> dict[str, str]:
        """The variables of every job."""
        known = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": "/home/runner",
            "REACTORCIDE_IN_CONTAINER": "true",
            "REACTORCIDE_CODE_DIR": "/job/src",
            "REACTORCIDE_JOB_DIR": "/job/src",
            "REACTORCIDE_CI_SOURCE_DIR": "/job/ci",
            "REACTORCIDE_JOB_ID": JOB,
            "REACTORCIDE_QUEUE": "reactorcide-jobs",
            "GIT_TERMINAL_PROMPT": "0",
        }
        if self.coordinator is not None:
            known["REACTORCIDE_COORDINATOR_URL"] = self.coordinator.url
            known["REACTORCIDE_API_TOKEN"] = TOKEN
        return known


def _git_files(workspace: Path, credentials: str) -> dict[str, str]:
    """Write the worker's files for git into a workspace; the variables that name them."""
    place, seen = workspace / ".reactorcide" / "vcs-auth", "/job/.reactorcide/vcs-auth"
    place.mkdir(parents=True)
    (place / "credentials").write_text(f"{credentials}\n")
    helper = f"[credential]\n\thelper = store --file {seen}/credentials\n\tuseHttpPath = true\n"
    (place / "gitconfig").write_text(f"{helper}[safe]\n\tdirectory = *\n")
    names = {"REACTORCIDE_VCS_AUTH_DIR": seen, "REACTORCIDE_VCS_AUTH_CLEANUP": "true"}
    return {**names, "GIT_CONFIG_GLOBAL": f"{seen}/gitconfig"}


@pytest.fixture
def worker(tmp_path: Path):
    """A worker without a coordinator; give it one by `worker.coordinator = …`."""
    need_mounts()
    made = Worker(tmp_path / "worker")
    try:
        yield made
    finally:
        for lease in made.leases:
            lease.kill()
            lease.wait()
