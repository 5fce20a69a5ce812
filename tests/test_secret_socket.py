"""The secret socket: its format, its barrier, its place, and that no client can do it harm."""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.errors import RunnerError
from runnerlib.masking import SecretMasker
from runnerlib.register_secret import register_secret
from runnerlib.runner.supervision import shortcomings
from runnerlib.secrets.socket import SecretServer
from runnerlib.secrets.socket import runtime_dir as directory
from runnerlib.secrets.socket.limits import Bucket, Limits

NewLoop = Callable[[], asyncio.AbstractEventLoop]

FAST = Limits(rate=1e6, burst=1000)
ROUNDS = int(os.environ.get("BARRIER_ROUNDS", "30"))
ROOT = Path(__file__).parents[1]


class Served(NamedTuple):
    """A server on a loop in a thread of its own."""

    server: SecretServer
    path: Path
    loop: asyncio.AbstractEventLoop


@contextmanager
def serving(
    new_loop: NewLoop, register: Callable[[list[str]], int] = len, limits: Limits | None = FAST
) -> Iterator[Served]:
    loop = new_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = SecretServer(register, limits)
    try:
        yield Served(server, asyncio.run_coroutine_threadsafe(server.start(), loop).result(), loop)
        asyncio.run_coroutine_threadsafe(server.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        server.abandon()


def connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(60)  # a test that hangs is to fail
    try:
        client.connect(os.fspath(path))
    except OSError:
        client.close()
        raise
    return client


def frame(message: object) -> bytes:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


def asking(*values: object) -> bytes:
    return frame({"action": "register", "secrets": list(values)})


def rest(client: socket.socket) -> bytes:
    """All that comes; a reset instead of an end says that not all that was sent has been read."""
    reply = b""
    with suppress(ConnectionResetError):
        while piece := client.recv(4096):
            reply += piece
    return reply


def ask(path: Path, message: bytes) -> bytes:
    """Send all and receive once, as a client of Reactorcide does."""
    with connect(path) as client:
        client.sendall(message)
        return client.recv(1024)


def ok(registered: int, masked: int | None = None, **more: object) -> dict[str, object]:
    return {"status": "ok", "registered": registered, "masked": registered if masked is None else masked, **more}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory with a short path, in which servers put their sockets."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as path:
        monkeypatch.setenv("TMPDIR", path)
        yield Path(path)


# The format


@pytest.mark.parametrize(
    ("asked", "given", "reply"),
    [
        (["one", "two"], ["one", "two"], ok(2)),
        ("alone", ["alone"], ok(1)),
        (["twice", "twice"], ["twice", "twice"], ok(2)),
        (["", "one", 7, None, ["x"], "two"], ["one", "two"], ok(2, rejected=[0, 2, 3, 4])),
        (["xy", "long enough"], ["xy", "long enough"], ok(2, 1)),
        ([], None, ok(0)),
        ("", None, ok(0, rejected=[0])),
    ],
)
def test_values_are_registered_and_counted(
    asked: object, given: list[str] | None, reply: dict[str, object], new_loop: NewLoop
) -> None:
    masker = SecretMasker()
    seen = []

    def register(values: list[str]) -> int:
        seen.append(values)
        return masker.register_secrets(values)

    with serving(new_loop, register) as served:
        answer = ask(served.path, frame({"action": "register", "secrets": asked}))
    assert answer.endswith(b"\n")
    assert json.loads(answer) == reply
    assert seen == ([] if given is None else [given])


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        (frame(b""), "Invalid JSON"),
        (frame(b"{"), "Invalid JSON"),
        (frame(b"[" * 100_000), "Invalid JSON"),
        (frame(b"9" * 10_000), "Invalid JSON"),
        (frame([]), "Request is not an object"),
        (frame(None), "Request is not an object"),
        (frame({}), "Unknown action"),
        (frame({"action": "reveal", "secrets": ["hunter2"]}), "Unknown action"),
        (frame({"action": ["register"], "secrets": ["hunter2"]}), "Unknown action"),
        (frame({"action": "register"}), "Secrets are neither a string nor a list"),
        (frame({"action": "register", "secrets": {"a": "hunter2"}}), "Secrets are neither a string nor a list"),
        (frame({"action": "register", "secrets": 12}), "Secrets are neither a string nor a list"),
        (struct.pack(">I", (1 << 20) + 1), "Request too large (limit 1048576 bytes)"),
        (struct.pack(">I", (1 << 32) - 1) + b"hunter2", "Request too large (limit 1048576 bytes)"),
        (asking(*map(str, range(10_001))), "Too many secrets (limit 10000)"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(message: bytes, reply: str, new_loop: NewLoop) -> None:
    with serving(new_loop) as served:
        assert ask(served.path, message) == f"ERROR: {reply}\n".encode()
        assert served.server.counts == (0, 1, 0)
        assert json.loads(ask(served.path, asking("good"))) == ok(1)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'"caf\u00e9 \ud83d\ude00"', "café \U0001f600".encode()),
        ('"café"'.encode(), "café".encode()),
        (rb'"\udcff\udc80x"', b"\xff\x80x"),
        (b'"\xff\x80x"', b"\xff\x80x"),
        (rb'"\ud800x\udfff"', b"\xed\xa0\x80x\xed\xbf\xbf"),
        (b'"\xed\xa0\x80x"', b"\xed\xa0\x80x"),
        (rb'"a\u0000b\n"', b"a\0b\n"),
    ],
)
def test_values_keep_their_bytes(body: bytes, value: bytes, new_loop: NewLoop) -> None:
    masker = SecretMasker(encodings=False)
    with serving(new_loop, masker.register_secrets) as served:
        answer = ask(served.path, frame(b'{"action": "register", "secrets": [%b]}' % body))
    assert json.loads(answer) == ok(1)
    assert masker.mask(b"<" + value + b">") == b"<[REDACTED]>"
    assert masker.mask(value[:-1]) == value[:-1]


def test_a_reply_fits_the_buffer_of_an_old_client(new_loop: NewLoop) -> None:
    with serving(new_loop) as served:
        answer = ask(served.path, asking(*[""] * 200_000))
    assert json.loads(answer) == ok(0, rejected=list(range(20)))


def test_a_failing_registration_is_told_without_its_message(new_loop: NewLoop) -> None:
    def register(values: list[str]) -> int:
        if values == ["hunter2"]:
            raise ValueError(f"cannot register {values}")
        return len(values)

    with serving(new_loop, register) as served:
        assert ask(served.path, asking("hunter2")) == b"ERROR: Registration failed (ValueError)\n"
        assert json.loads(ask(served.path, asking("other"))) == ok(1)
        assert served.server.counts == (1, 1, 0)


def test_the_total_is_limited_and_repetition_is_free(new_loop: NewLoop) -> None:
    with serving(new_loop, limits=FAST._replace(secrets=3, volume=20)) as served:
        for _ in range(5):
            assert json.loads(ask(served.path, asking("one", "two"))) == ok(2)
        assert ask(served.path, asking("three", "four")) == b"ERROR: Too many secrets (limit 3)\n"
        assert ask(served.path, asking("é" * 8)) == b"ERROR: Secrets too large in total (limit 20 bytes)\n"
        assert json.loads(ask(served.path, asking("three", "one"))) == ok(2)
        assert served.server.counts == (3, 2, 0)


# Clients that mean harm, or are just slow

ENDINGS = st.sampled_from(["half-close", "close"])
BODIES = st.one_of(
    st.binary(max_size=40),
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
    .map(json.dumps)
    .map(str.encode),
    st.lists(st.text() | st.none(), max_size=5).map(lambda values: asking(*values)[4:]),
)
MESSAGES = st.one_of(
    st.binary(max_size=60),
    BODIES.map(frame),
    st.builds(lambda length, body: struct.pack(">I", length) + body, st.integers(0, (1 << 32) - 1), BODIES),
    st.builds(lambda body, size: frame(body)[:size], BODIES, st.integers(0, 60)),
    st.builds(lambda body, more: frame(body) + more, BODIES, st.binary(max_size=200)),
)


def test_nothing_that_is_sent_harms_the_server(new_loop: NewLoop) -> None:
    with serving(new_loop) as served:

        @settings(max_examples=200, derandomize=True, database=None, deadline=None)
        @given(MESSAGES, st.integers(1, 60), ENDINGS)
        def check(message: bytes, piece: int, ending: str) -> None:
            with connect(served.path) as client:
                with suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
                    for at in range(0, len(message), piece):
                        client.sendall(message[at : at + piece])
                if ending == "half-close":
                    client.shutdown(socket.SHUT_WR)
                    answer = rest(client)
                    assert answer.endswith(b"\n")
                    assert len(answer) < 1024
                    assert answer.startswith(b"ERROR: ") or json.loads(answer)["status"] == "ok"
            assert json.loads(ask(served.path, asking("good"))) == ok(1)

        check()


def test_a_client_may_send_byte_by_byte_and_half_close(new_loop: NewLoop) -> None:
    with serving(new_loop) as served, connect(served.path) as client:
        for byte in asking("slowly"):
            client.sendall(bytes([byte]))
        client.shutdown(socket.SHUT_WR)
        assert json.loads(rest(client)) == ok(1)


@pytest.mark.parametrize("begun", [b"", b"\0", b"\0\0\0\x20", asking("never complete")[:-1]])
def test_a_request_that_does_not_come_is_given_up(begun: bytes, new_loop: NewLoop) -> None:
    with serving(new_loop, limits=FAST._replace(deadline=0.02)) as served, connect(served.path) as client:
        client.sendall(begun)
        assert rest(client) == b"ERROR: Timeout\n"
        client.close()


def test_silent_clients_give_way_to_others(new_loop: NewLoop) -> None:
    limits = FAST._replace(connections=3, deadline=1000.0, patience=0.0)
    with serving(new_loop, limits=limits) as served, ExitStack() as stack:
        silent = [stack.enter_context(connect(served.path)) for _ in range(20)]
        for i in range(10):
            assert json.loads(ask(served.path, asking(f"good {i}"))) == ok(1)
        # Taken in the order in which they came, so these were the oldest each time.
        assert [rest(client) for client in silent[:18]] == [b"ERROR: Timeout\n"] * 18


def test_who_comes_too_often_waits(new_loop: NewLoop) -> None:
    with serving(new_loop, limits=Limits(rate=500.0, burst=1)) as served, ExitStack() as stack:
        clients = [stack.enter_context(connect(served.path)) for _ in range(20)]
        for client in clients:
            client.sendall(asking("good"))
        assert [json.loads(rest(client)) for client in clients] == [ok(1)] * 20


def test_the_bucket_lets_a_burst_pass_and_then_the_rate() -> None:
    bucket = Bucket(rate=4, burst=3)
    for _ in range(3):
        assert bucket.delay(100.0) == 0
        bucket.take(100.0)
    assert bucket.delay(100.0) == 0.25
    assert bucket.delay(100.125) == 0.125
    assert bucket.delay(100.25) == 0
    bucket.take(100.25)
    assert bucket.delay(100.25) == 0.25
    assert bucket.delay(200.0) == 0


def test_many_clients_at_once(new_loop: NewLoop) -> None:
    with serving(new_loop, limits=FAST._replace(connections=4)) as served, ExitStack() as stack:
        clients = [stack.enter_context(connect(served.path)) for _ in range(200)]
        for i, client in enumerate(clients):
            client.sendall(asking(f"value {i}"))
        assert [json.loads(rest(client)) for client in clients] == [ok(1)] * 200
        assert served.server.counts == (200, 0, 0)


def test_running_out_of_descriptors_is_survived(new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    accept, failures = socket.socket.accept, [OSError(24, "Too many open files"), ConnectionAbortedError()]

    def failing(listener: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise failures.pop()
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", failing)
    with serving(new_loop) as served:
        assert json.loads(ask(served.path, asking("good"))) == ok(1)
    assert not failures


class Gate:
    """A registration that waits until it is let through."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()
        self.seen: list[str] = []

    def register(self, values: list[str]) -> int:
        self.entered.set()
        assert self.open.wait(60)
        self.seen += values
        return len(values)


def test_a_long_registration_holds_up_neither_the_loop_nor_readers(new_loop: NewLoop) -> None:
    gate = Gate()
    with serving(new_loop, gate.register) as served, connect(served.path) as first, connect(served.path) as second:
        first.sendall(asking("first"))
        assert gate.entered.wait(60)
        second.sendall(asking("second"))
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), served.loop).result(60)
        gate.open.set()
        assert json.loads(rest(first)) == json.loads(rest(second)) == ok(1)


def test_no_reply_overtakes_its_registration(new_loop: NewLoop) -> None:
    """Not by an instant: the registration stands still, and the loop has had all the time to say something."""
    gate = Gate()
    with serving(new_loop, gate.register) as served, connect(served.path) as client:
        client.sendall(asking("value"))
        assert gate.entered.wait(60)
        for _ in range(20):
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), served.loop).result(60)
        assert select.select([client], [], [], 0)[0] == []
        assert gate.seen == []
        gate.open.set()
        assert json.loads(rest(client)) == ok(1)
        assert gate.seen == ["value"]


def test_a_client_that_leaves_before_the_answer_is_registered_all_the_same(new_loop: NewLoop) -> None:
    gate = Gate()
    with serving(new_loop, gate.register) as served:
        with connect(served.path) as client:
            client.sendall(asking("left"))
            assert gate.entered.wait(60)
        gate.open.set()
        assert json.loads(ask(served.path, asking("good"))) == ok(1)
    assert gate.seen == ["left", "good"]


# The end


def test_closing_answers_what_was_received_and_hurries_the_rest(new_loop: NewLoop, short: Path) -> None:
    gate = Gate()
    with ExitStack() as stack:
        with serving(new_loop, gate.register) as served:
            silent, asked = (stack.enter_context(connect(served.path)) for _ in range(2))
            asked.sendall(asking("in time"))
            assert gate.entered.wait(60)
            closed = asyncio.run_coroutine_threadsafe(served.server.close(), served.loop)
            assert rest(silent) == b"ERROR: Timeout\n"
            with pytest.raises(OSError, match="refused"):
                connect(served.path)
            gate.open.set()
            closed.result()
        assert json.loads(rest(asked)) == ok(1)
    assert not list(short.iterdir())


def test_a_server_can_be_left_after_its_loop_crashed(new_loop: NewLoop, short: Path) -> None:
    async def crash(server: SecretServer) -> None:
        path = await server.start()
        with connect(path) as client:
            client.sendall(b"\0")
            await asyncio.sleep(0)
            raise ZeroDivisionError

    server = SecretServer(len)
    with pytest.raises(ZeroDivisionError), asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(crash(server))
    assert list(short.iterdir())
    server.abandon()
    server.abandon()
    assert not list(short.iterdir())


def test_a_server_that_was_abandoned_on_a_running_loop_leaves_nothing(new_loop: NewLoop, short: Path) -> None:
    async def leave() -> bytes:
        server = SecretServer(len)
        client = connect(await server.start())
        with client:
            client.sendall(b"\0")
            await asyncio.sleep(0.001)
            server.abandon()
            return await asyncio.to_thread(rest, client)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(leave()) == b""
    assert not list(short.iterdir())


# The place


def test_directory_and_socket_are_private(new_loop: NewLoop, short: Path) -> None:
    before = os.umask(0)
    try:
        with serving(new_loop) as served:
            assert stat.S_IMODE(served.path.parent.stat().st_mode) == 0o700
            assert stat.S_IMODE(served.path.stat().st_mode) == 0o600
            assert served.path.parent.parent == short
            assert len(os.fsencode(served.path.relative_to(short))) < 50
    finally:
        os.umask(before)
    assert not list(short.iterdir())


STRANGER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
client = socket.socket(socket.AF_UNIX)
try:
    client.connect(sys.argv[1])
except PermissionError:
    print("no way in")
else:
    print(client.recv(1024).decode(), end="")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("opened", "answer"), [(False, "no way in"), (True, "ERROR: Permission denied")])
def test_another_user_is_refused(opened: bool, answer: str, new_loop: NewLoop, short: Path) -> None:
    short.chmod(0o755)
    with serving(new_loop) as served:
        if opened:
            served.path.parent.chmod(0o777)
            served.path.chmod(0o777)
        done = subprocess.run(
            [sys.executable, "-I", "-c", STRANGER, served.path], capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{answer}\n"
        assert served.server.counts == (0, 0, int(opened))


def test_the_runtime_directory_is_preferred(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (short / "run").mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short / "run"))
    path = directory.create(os.environ)
    assert path.parent.parent == short / "run"
    directory.remove(path)


@pytest.mark.parametrize("fault", ["absent", "a file", "too long", "open to others"])
def test_an_unfit_directory_is_passed_over(fault: str, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unfit = short / ("x" * 90 if fault == "too long" else "unfit")
    if fault == "a file":
        unfit.touch()
    elif fault != "absent":
        unfit.mkdir()
    if fault == "open to others":
        unfit.chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(unfit))
    path = directory.create(os.environ)
    assert path.parent.parent == short
    directory.remove(path)


def test_no_fit_directory_is_an_error_that_says_why(
    new_loop: NewLoop, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = short / ("x" * 90)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr(directory, "_FALLBACKS", (str(short / "absent"),))
    with asyncio.Runner(loop_factory=new_loop) as runner, pytest.raises(RunnerError) as error:
        runner.run(SecretServer(len).start())
    length = len(os.fsencode(short)) + len("/" + "x" * 90) + len("/rl-") + sum(map(len, name_parts())) + 3 + len("/s")
    assert str(error.value) == (
        f"no directory for the secret socket: '{long}' makes a path of {length} bytes (at most 107), "
        f"'{short}/absent' cannot be used: No such file or directory"
    )


def name_parts(namespace: int = 0, pid: int = 0, started: int = 0) -> tuple[str, ...]:
    """The parts of a name, those of this process by default."""
    own = os.stat("/proc/self/ns/pid").st_ino, os.getpid(), directory._started(os.getpid())
    return (*(f"{part or default:x}" for part, default in zip((namespace, pid, started), own, strict=True)), "0" * 8)


def test_a_place_that_is_asked_for_and_cannot_be_is_told(new_loop: NewLoop, short: Path) -> None:
    for name, exposed in (("near", False), ("x" * 90, True)):
        place = short / name
        place.mkdir()
        server = SecretServer(len, place=place)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            path = runner.run(server.start())
            told = shortcomings(server)
            runner.run(server.close())
        assert (path.parent.parent == place, bool(server.exposed)) == (not exposed, exposed)
        assert (f"can replace the socket that registers secrets (it cannot be below '{place}')" in told) == exposed


def test_the_longest_path_that_fits_is_used(new_loop: NewLoop, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "rl-" + "-".join(name_parts())
    parent = short / ("x" * (107 - len(os.fsencode(short)) - 1 - 1 - len(name) - len("/s")))
    parent.mkdir()
    monkeypatch.setenv("TMPDIR", str(parent))
    with serving(new_loop) as served:
        assert len(os.fsencode(served.path)) == 107
        assert json.loads(ask(served.path, asking("good"))) == ok(1)


KILLED = """
import asyncio, os, signal, sys
from runnerlib.runner.supervision import shortcomings
from runnerlib.secrets.socket import SecretServer
async def main():
    print(await SecretServer(len).start(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


@pytest.mark.parametrize("reaped", [True, False])
def test_what_a_killed_runner_left_is_removed_by_the_next(reaped: bool, new_loop: NewLoop, short: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ
    ) as killed:
        assert killed.stdout
        left = Path(killed.stdout.read().strip())
        os.waitid(os.P_PID, killed.pid, os.WEXITED | (0 if reaped else os.WNOWAIT))
        assert stat.S_ISSOCK(left.stat().st_mode)
        with serving(new_loop):
            assert not left.parent.exists()
    assert killed.returncode in {0, -signal.SIGKILL}


def left_behind(short: Path, *content: str, **parts: int) -> Path:
    path = short / ("rl-" + "-".join(name_parts(**parts)))
    path.mkdir()
    for name in content:
        (path / name).touch()
    return path


def test_only_what_is_surely_stale_is_removed(new_loop: NewLoop, short: Path) -> None:
    stale = left_behind(short, "s", "1.0.output", started=1)
    other = short / "elsewhere"
    other.touch()
    (stale / "scratch/home/closed").mkdir(parents=True)
    (stale / "scratch/home/closed/link").symlink_to(short)
    (stale / "scratch/home/closed").chmod(0)
    doubtful = [
        left_behind(short, "s"),  # of this process
        left_behind(short, "s", namespace=1, pid=1 << 22),
        left_behind(short, "s", "not ours", pid=1 << 23),
        short / "rl-elsewhere",
    ]
    doubtful[-1].mkdir()
    target = short / "target"
    (target / "s").mkdir(parents=True)
    link = short / ("rl-" + "-".join(name_parts(pid=1 << 24)))
    link.symlink_to(target)
    if os.geteuid() == 0:
        foreign = left_behind(short, "s", pid=1 << 25)
        os.chown(foreign, 65534, 65534)
        doubtful.append(foreign)
    with serving(new_loop):
        assert not stale.exists()
        assert other.exists()
        assert all(path.is_dir() for path in [*doubtful, target])
        assert link.is_symlink()


def test_several_servers_do_not_disturb_one_another(new_loop: NewLoop, short: Path) -> None:
    with serving(new_loop) as first:
        with serving(new_loop) as second:
            assert json.loads(ask(first.path, asking("good"))) == ok(1)
            assert json.loads(ask(second.path, asking("good"))) == ok(1)
        assert json.loads(ask(first.path, asking("good"))) == ok(1)


# The barrier


class Feeder:
    """Feeds streams at full speed with noise and the value acknowledged last; remembers what leaked."""

    def __init__(self, masker: SecretMasker, streams: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._noise = self._random.randbytes(20_000)
        self._streams = [masker.stream() for _ in range(streams)]
        self._tails = [b""] * streams
        self.leaks = 0
        self.rounds = 0

    def feed(self, value: bytes) -> None:
        for i, stream in enumerate(self._streams):
            cut = self._random.randrange(len(value))
            output = stream.feed(self._noise + value[:cut]) + stream.feed(value[cut:] + self._noise)
            self.leaks += value in self._tails[i] + output
            self._tails[i] = output[-len(value) :]
        self.rounds += 1


def test_after_the_acknowledgement_no_stream_shows_the_value_in_threads(new_loop: NewLoop) -> None:
    masker = SecretMasker()
    masker.register_secret("the first of all")
    acknowledged = [b"the first of all"]
    done = threading.Event()
    feeders = [Feeder(masker, 4, seed) for seed in range(4)]

    def run(feeder: Feeder) -> None:
        while not done.is_set():
            feeder.feed(acknowledged[-1])

    threads = [threading.Thread(target=run, args=(feeder,)) for feeder in feeders]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with serving(new_loop, masker.register_secrets) as served:
            for thread in threads:
                thread.start()
            try:
                for _ in range(ROUNDS):
                    value = secrets.token_hex(16)
                    assert register_secret(value, served.path, 60)
                    acknowledged.append(value.encode())
            finally:
                done.set()
                for thread in threads:
                    thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert [feeder.leaks for feeder in feeders] == [0] * 4
    assert all(feeder.rounds for feeder in feeders)


def test_after_the_acknowledgement_no_stream_shows_the_value_on_the_loop(new_loop: NewLoop) -> None:
    masker = SecretMasker()
    masker.register_secret("the first of all")
    acknowledged = [b"the first of all"]
    feeders = [Feeder(masker, 1, seed) for seed in range(16)]

    async def run(feeder: Feeder) -> None:
        while True:
            feeder.feed(acknowledged[-1])
            await asyncio.sleep(0)

    async def main() -> None:
        server = SecretServer(masker.register_secrets, FAST)
        path = await server.start()
        tasks = [asyncio.create_task(run(feeder)) for feeder in feeders]
        for _ in range(3 * ROUNDS):
            value = secrets.token_hex(16)
            assert await asyncio.to_thread(register_secret, value, path, 60)
            acknowledged.append(value.encode())
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await server.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
    assert [feeder.leaks for feeder in feeders] == [0] * 16
    assert all(feeder.rounds for feeder in feeders)


def test_a_half_that_is_held_at_the_acknowledgement_is_hidden(new_loop: NewLoop) -> None:
    masker = SecretMasker(encodings=False)
    with serving(new_loop, masker.register_secrets) as served:
        for _ in range(3 * ROUNDS):
            value = secrets.token_hex(16).encode()
            masker.register_secret(value[:16] + b"-another")  # so that the first half is held
            streams = [masker.stream() for _ in range(16)]
            assert all(stream.feed(b">" + value[:16]) == b">" and stream.held == 16 for stream in streams)
            assert json.loads(ask(served.path, asking(value.decode()))) == ok(1)
            assert all(stream.feed(value[16:] + b"<") == b"[REDACTED]<" for stream in streams)


def test_a_whole_value_that_is_held_at_the_acknowledgement_is_hidden(new_loop: NewLoop) -> None:
    masker = SecretMasker(encodings=False)
    with serving(new_loop, masker.register_secrets) as served:
        masker.register_secret("value-and-more")
        stream = masker.stream()
        assert stream.feed(b"value-and") == b""
        assert json.loads(ask(served.path, asking("value"))) == ok(1)
        assert stream.flush() == b"[REDACTED]-and"


def test_a_closed_server_is_a_dead_end_and_not_a_leak(new_loop: NewLoop) -> None:
    with serving(new_loop) as served:
        pass
    assert not register_secret("value", served.path)
    with closing(socket.socket(socket.AF_UNIX)) as client, pytest.raises(FileNotFoundError):
        client.connect(os.fspath(served.path))
