"""Tools of the attacks: what a hostile step has at hand. Runs inside a step, without any other module of the tests.

An attack that gets through puts back what it has changed, so that one job can hold many of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

LIBC = ctypes.CDLL(None, use_errno=True)
BASE = Path(os.environ["RUNNERLIB_WORKSPACE"])
CI, SRC, OWN = BASE / "ci", BASE / "src", BASE / ".runnerlib"
RUNNER = os.getppid()
SCRIPT = CI / "run.sh"


def call(number: int, *words: object) -> int:
    """A system call by its number. Raises OSError."""
    result = LIBC.syscall(number, *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


def refused(why: str) -> NoReturn:
    raise OSError(errno.EPERM, why)


def victim() -> int:
    """The process of another step, once it is there."""
    while not (SRC / "victim").exists():
        time.sleep(0.02)
    return int((SRC / "victim").read_text())


def restored(path: Path, change: Callable[[], object]) -> None:
    """Change a file and put its content back."""
    before = path.read_bytes()
    change()
    try:
        if path.read_bytes() == before:
            refused("nothing has changed")
    finally:
        mode = path.stat().st_mode if path.exists() else 0o644
        path.write_bytes(before)
        path.chmod(mode)


def there_and_back(path: Path, other: Path) -> None:
    path.rename(other)
    other.rename(path)


def new(path: Path, make: Callable[[Path], object]) -> None:
    """Make something that was not there, and remove it."""
    make(path)
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


def mapped() -> None:
    file = os.open(SCRIPT, os.O_RDWR)
    with mmap.mmap(file, 0) as memory:
        first = memory[:1]
        memory[:1] = b"X"
        memory[:1] = first
    os.close(file)


def hard_link() -> None:
    """Write through a second name that lies where writing is allowed."""
    link = SRC / "second name"
    os.link(SCRIPT, link)
    try:
        restored(link, lambda: link.write_text("evil"))
    finally:
        link.unlink()


def removed() -> None:
    status, content = SCRIPT.stat(), SCRIPT.read_bytes()
    SCRIPT.unlink()
    SCRIPT.write_bytes(content)
    SCRIPT.chmod(status.st_mode)


def mode_changed() -> None:
    mode = SCRIPT.stat().st_mode
    SCRIPT.chmod(0o600)
    SCRIPT.chmod(mode)


def times_changed() -> None:
    status = SCRIPT.stat()
    os.utime(SCRIPT, (0, 0))
    os.utime(SCRIPT, ns=(status.st_atime_ns, status.st_mtime_ns))


def attribute_set() -> None:
    os.setxattr(SCRIPT, "user.attack", b"x")
    os.removexattr(SCRIPT, "user.attack")


def owner_changed() -> None:
    status = SCRIPT.stat()
    os.chown(SCRIPT, status.st_uid + 1, status.st_gid)
    os.chown(SCRIPT, status.st_uid, status.st_gid)


def exchanged(path: Path, other: Path) -> None:
    """Let two paths change places in one moment, and back."""
    for _ in range(2):
        call(316, -100, os.fsencode(path), -100, os.fsencode(other), 2)  # renameat2, RENAME_EXCHANGE


def reopened() -> None:
    with SCRIPT.open("rb") as file:
        os.close(os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDWR))


def bound(path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def mounted(*, apart: bool) -> None:
    """Mount another directory over the CI source, for everyone or in a namespace of its own."""
    if apart and LIBC.unshare(0x10000000 | 0x00020000) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if LIBC.mount(os.fsencode(SRC), os.fsencode(CI), None, 4096, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    LIBC.umount2(os.fsencode(CI), 2)


def by_handle() -> None:
    """Open a file by its handle, past every path."""
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    if LIBC.name_to_handle_at(-100, os.fsencode(SCRIPT), handle, ctypes.byref(mount), 0) != 0:
        raise OSError(ctypes.get_errno(), "name_to_handle_at")
    beside = os.open(SRC, os.O_RDONLY)
    file = LIBC.open_by_handle_at(beside, handle, os.O_RDWR)
    if file < 0:
        raise OSError(ctypes.get_errno(), "open_by_handle_at")
    os.close(file)


def ring() -> None:
    """Open a file for writing by io_uring, whose worker is no process of the step."""
    parameters = ctypes.create_string_buffer(120)
    uring = call(425, 4, parameters)
    entries = mmap.mmap(uring, 4 * 64, offset=0x10000000)
    queue = mmap.mmap(uring, 4096, offset=0)
    tail, array = (struct.unpack_from("I", parameters, 40 + 4 * n)[0] for n in (1, 6))
    path = ctypes.create_string_buffer(os.fsencode(SCRIPT))
    entries[:64] = struct.pack("BBHiQQIIQ", 18, 0, 0, -100, 0, ctypes.addressof(path), 0, os.O_RDWR, 7) + bytes(24)
    queue[array : array + 4] = struct.pack("I", 0)
    queue[tail : tail + 4] = struct.pack("I", 1)
    call(426, uring, 1, 1, 1, None, 0)
    completion = struct.unpack_from("I", parameters, 80 + 20)[0]
    _, result, _ = struct.unpack_from("QiI", queue, completion)
    if result < 0:
        raise OSError(-result, os.strerror(-result))


def signalled(pid: int) -> None:
    os.kill(pid, 0)


def traced(pid: int) -> None:
    """Attach without stopping it, and detach."""
    if LIBC.ptrace(0x4206, pid, None, None) != 0:  # PTRACE_SEIZE
        raise OSError(ctypes.get_errno(), "ptrace")
    LIBC.ptrace(17, pid, None, None)


def threads_traced(pid: int) -> None:
    """Attach to each thread; one that may be is enough."""
    failure: OSError | None = None
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            traced(int(thread))
        except OSError as error:
            failure = error
        else:
            return
    raise failure or OSError(errno.ESRCH, "no thread")


def memory_read(pid: int) -> None:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        address = int(Path(f"/proc/{pid}/maps").read_text().split("-", 1)[0], 16)
        file.seek(address)
        if not file.read(16):
            refused("no memory")


def vm_read(pid: int) -> None:
    own = ctypes.create_string_buffer(8)
    local = struct.pack("PN", ctypes.addressof(own), 8)
    remote = struct.pack("PN", 0x1000, 8)
    result = LIBC.process_vm_readv(pid, local, 1, remote, 1, 0)
    if result < 0 and ctypes.get_errno() != errno.EFAULT:  # EFAULT: it may, but there is nothing at that address
        raise OSError(ctypes.get_errno(), "process_vm_readv")


def descriptor_taken(pid: int) -> None:
    pidfd = call(434, pid, 0)
    os.close(call(438, pidfd, 0, 0))


def pidfd_signalled(pid: int) -> None:
    call(424, call(434, pid, 0), 0, None, 0)


def limited(pid: int) -> None:
    """Set the limits of another process, here to what they are."""
    limits = ctypes.create_string_buffer(16)
    for arguments in ((None, limits), (limits, None)):
        if LIBC.prlimit(pid, 4, *arguments) != 0:
            raise OSError(ctypes.get_errno(), "prlimit")


def disk_priority(pid: int) -> None:
    call(251, 1, pid, call(252, 1, pid))  # ioprio_set, ioprio_get


def policy(pid: int) -> None:
    os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))
    os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))


def timer(pid: int) -> None:
    """Ask for a signal to another process's thread at a time."""
    event = ctypes.create_string_buffer(struct.pack("Piii", 0, 10, 4, pid) + bytes(44))
    call(222, 0, event, ctypes.create_string_buffer(8))  # timer_create with SIGEV_THREAD_ID


def keyring() -> None:
    """Leave a key in the keyring of the user, and take it back."""
    made = call(248, b"user", b"attack", b"x", ctypes.c_size_t(1), ctypes.c_int(-4))  # add_key
    call(250, 9, made, ctypes.c_int(-4))  # KEYCTL_UNLINK


def signalled_by_file(pid: int) -> None:
    """Make another process the owner of a pipe that tells it of data by SIGUSR1; it says whether that came."""
    import fcntl

    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETOWN, pid)
    fcntl.fcntl(reader, 10, 10)  # F_SETSIG, SIGUSR1
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writer, b"x")
    (SRC / "ask").touch()
    while not (SRC / "answer").exists():
        time.sleep(0.02)
    if (SRC / "answer").read_text() != "signalled":
        refused("no signal came")


def sent(address: tuple[str, int]) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", address)


def userfault() -> None:
    os.close(call(323, 1))  # for faults of user mode only, which every user may ask for


def spool_of_others() -> None:
    """Open for writing what a step before it has handed to the runner."""
    found = [path for place in (OWN, BASE) for path in place.glob("*triggers-*.ndjson") if path.stat().st_size]
    if not found:
        refused("there is none")
    os.close(os.open(found[0], os.O_WRONLY))


def shown(path: str) -> None:
    if not Path(path).read_bytes():
        refused("nothing in it")


def key() -> None:
    """Read the key of the journal, both halves of it."""
    home = Path(os.environ["ATTACK_HOME"])
    for path in (*(home / ".local/state/runnerlib/journals").iterdir(), OWN / "journal.key"):
        path.read_bytes()


def socket_replaced() -> None:
    """Put something else in the place of the socket that registers secrets."""
    path = Path(os.environ["REACTORCIDE_SECRETS_SOCKET"])
    there_and_back(path, path.with_name("moved"))


def spool_written() -> None:
    """Trigger a job: the last one, which is taken back."""
    path = Path(os.environ["RUNNERLIB_TRIGGERS"])
    before = path.read_bytes() if path.exists() else b""
    with path.open("ab") as file:
        file.write(b"{}\n")
    os.truncate(path, len(before))


def handed_on() -> list[Path]:
    """The files of outputs and of follow-up jobs that a step beside this one has."""
    victim()
    return [Path(line) for line in (SRC / "handed on").read_text().split("\n")]


def others_output() -> None:
    new(handed_on()[0], lambda made: made.write_text("A=1\n"))


def shared_memory() -> None:
    """Attach to memory by a number, as other programs of the user have it; here to memory of its own."""
    made = call(29, ctypes.c_int(0), ctypes.c_size_t(4096), 0o600)  # shmget, IPC_PRIVATE
    LIBC.shmat.restype = ctypes.c_void_p
    if LIBC.shmat(made, None, 0) in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "shmat")
    call(31, made, 0, None)  # shmctl, IPC_RMID


def queue() -> None:
    """Open a message queue by its name, and remove it."""
    name = f"attack-{os.getpid()}".encode()
    os.close(call(240, name, os.O_RDWR | os.O_CREAT, 0o600, None))  # mq_open
    call(241, name)


def terminal() -> None:
    os.close(os.open(os.environ["ATTACK_TTY"], os.O_RDWR | os.O_NOCTTY))


def scheduled() -> None:
    """Leave a command for cron, and take it back."""
    import subprocess

    def crontab(*words: str, **how: bytes) -> None:
        if subprocess.run(["crontab", *words], capture_output=True, check=False, **how).returncode:  # type: ignore[call-overload]
            refused("crontab may not")

    try:
        crontab("-", input=b"# of an attack\n")
        crontab("-r")
    except FileNotFoundError:
        refused("there is no crontab")


def regrouped(pid: int) -> None:
    """Open a control group of another process, by which it can be stopped, starved or ended."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controller, path = line.split(":", 2)
        for top in (controller.removeprefix("name="), "unified", "."):
            with contextlib.suppress(OSError):
                os.close(os.open(f"/sys/fs/cgroup/{top}{path}/cgroup.procs", os.O_WRONLY))
                return
    refused("none can be written")


def spool_beside() -> None:
    path = handed_on()[1]
    if str(path) != os.environ["RUNNERLIB_TRIGGERS"]:
        os.close(os.open(path, os.O_WRONLY))
    else:
        spool_written()


def inherited() -> None:
    """Find a descriptor that the step was not meant to have."""
    if not set(os.listdir("/proc/self/fd")) - {"0", "1", "2", "3"}:
        refused("none")


def connected(address: str | tuple[str, int], protocol: int = 0) -> None:
    import socket

    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, protocol) as client:
        client.connect(address)


def copied_away() -> None:
    """Write where all users may."""
    new(Path("/var/tmp", f"attack-{os.getpid()}"), Path.touch)


def run(name: str, attack: Callable[[], object]) -> None:
    """Try one attack and say how it went, on a line of its own."""
    try:
        attack()
    except FileNotFoundError as error:
        print(f"RESULT {name}: broken: {error}", flush=True)
    except OSError as error:
        print(f"RESULT {name}: held: {error.strerror or error}", flush=True)
    except BaseException as error:
        print(f"RESULT {name}: broken: {type(error).__name__}: {error}", flush=True)
    else:
        print(f"RESULT {name}: through", flush=True)
