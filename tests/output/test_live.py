"""The live view, as a terminal shows it: after every event, at every width, on a real pty."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.errors import OutputError
from runnerlib.events import (
    Event,
    JobFinished,
    JobStarted,
    Notice,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Warned,
)
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.console import console
from runnerlib.output.modes.live import Live, Times, terminal_size
from runnerlib.output.modes.live_view import Progress, Running, View
from runnerlib.output.streams import streams
from runnerlib.output.text.columns import columns
from tests.output.show import cut, cuts, job, outputs, result

NewLoop = Callable[[], asyncio.AbstractEventLoop]
TERMINAL = TerminalCapabilities(terminal=True)


class Screen:
    """A terminal emulator behind a real terminal device, with a live view on it and a clock of its own."""

    def __init__(
        self, width: int = 100, height: int = 20, look: TerminalCapabilities = TERMINAL, interval: float = 1e9
    ) -> None:
        self.now = 0.0
        self.size = width, height
        self.reader, self.writer = os.openpty()
        os.set_blocking(self.reader, False)
        self.emulator = pyte.HistoryScreen(width, height, history=100_000)
        self._stream = pyte.ByteStream(self.emulator)
        self.raw = b""
        self.live = Live(streams(self.writer, self.writer), look, lambda: self.size, Times(lambda: self.now, interval))

    def observe(self, *events: Event) -> list[str]:
        for event in events:
            self.live.observe(event)
            self.read()
        return self.lines

    def read(self) -> None:
        while True:
            try:
                data = os.read(self.reader, 1 << 16)
            except BlockingIOError:
                return
            self.raw += data
            self._stream.feed(data)

    def resize(self, width: int, height: int) -> None:
        self.size = width, height
        self.emulator.resize(height, width)

    @property
    def lines(self) -> list[str]:
        """The lines on the screen, empty ones at its end left out."""
        return "\n".join(line.rstrip() for line in self.emulator.display).rstrip("\n").split("\n")

    @property
    def everything(self) -> list[str]:
        """The lines that have scrolled away, and those on the screen."""
        top = [
            "".join(line[x].data for x in range(self.emulator.columns)).rstrip() for line in self.emulator.history.top
        ]
        return top + self.lines

    def close(self) -> None:
        self.live.close()
        self.read()
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen()
    yield made
    made.close()


GRAPH: dict[str, tuple[str, ...]] = {"build": (), "lint": (), "tests": ("build",)}
BAR = "─" * 24


def test_the_screen_after_each_event(screen: Screen) -> None:
    assert screen.observe(Notice("cloning"), JobStarted("ci", GRAPH)) == ["runnerlib: cloning"]
    begun = ["runnerlib: cloning", "── build ──", "$ make"]
    assert screen.observe(StepStarted("build", "make")) == [
        *begun,
        "",
        f"{BAR}  0/3 done, 1 running  0.0 s",
        "⠋ build  0.0 s",
    ]
    screen.now = 1.5
    assert screen.observe(
        StepStarted("lint", "ruff check"), StepOutput("lint", b"\x1b[31mchecking\x1b[0m\nfile 1")
    ) == [
        *begun,
        "",
        f"{BAR}  0/3 done, 2 running  1.5 s",
        "⠹ build  1.5 s",
        "⠹ lint   0.0 s",
    ]
    screen.now = 2.0
    screen.live.redraw()
    screen.read()
    assert screen.lines[-1] == "⠦ lint   0.5 s  file 1"
    assert screen.observe(StepOutput("build", b"cc a.c\ncc b"))[:5] == [*begun, "cc a.c", ""]
    assert screen.observe(Warned("beware", "lint"), Warned("in general"))[:5] == [
        *begun,
        "cc a.c",
        "runnerlib: warning: in general",
    ]
    screen.now = 75.0
    lint = result("lint", "failure", 3, "exit code 3")
    begun += ["cc a.c", "runnerlib: warning: in general"]
    begun += ["runnerlib: lint: failed after 1.0 s: exit code 3; its output follows"]
    assert screen.observe(StepFinished(lint)) == [
        *begun,
        "",
        f"{'━' * 8}{'─' * 16}  1/3 done, 1 running, 1 failed  1m 15s",
        "⠋ build  1m 15s",
    ]
    build = result("build", took=75)
    skipped = result("tests", "skipped", 0, "'lint' did not succeed", attempts=0)
    ended = [
        *begun,
        "cc b",
        "✓ build: succeeded in 1m 15s",
        "── lint ──",
        "$ ruff check",
        "checking",
        "warning: beware",
        "file 1",
        "✗ lint: failed after 1.0 s: exit code 3",
    ]
    assert screen.observe(StepFinished(build)) == ended
    ended += ["· tests: skipped: 'lint' did not succeed"]
    assert screen.observe(StepFinished(skipped), JobFinished(job(build, lint, skipped))) == ended
    assert not screen.emulator.cursor.hidden
    assert screen.emulator.cursor.x == 0


def test_retries(screen: Screen) -> None:
    got = screen.observe(
        JobStarted("ci", GRAPH),
        StepStarted("build", "make"),
        StepOutput("build", b"half a line"),
        StepRetrying("build", 1, "exit code 2", 4),
        StepStarted("build", "make", 2),
    )
    assert got[2:5] == [
        "half a line",
        "attempt 1 failed: exit code 2; the next one follows in 4.0 s",
        "$ make  (attempt 2)",
    ]
    assert got[-1] == "⠋ build  0.0 s"


def test_the_cursor_is_hidden_only_while_there_is_a_view(screen: Screen) -> None:
    screen.observe(JobStarted("ci", GRAPH))
    assert not screen.emulator.cursor.hidden
    screen.observe(StepStarted("build", "make"))
    assert screen.emulator.cursor.hidden
    screen.observe(StepFinished(result("build")))
    assert not screen.emulator.cursor.hidden


def finish(name: str) -> list[Event]:
    return [StepFinished(result(name)), JobFinished(job(result(name)))]


@settings(deadline=None)
@given(outputs, cuts, st.integers(1, 120), st.integers(2, 30))
def test_no_output_wrecks_the_view(data: bytes, places: list[int], width: int, height: int) -> None:
    """The final screen is the same as without a view in between, for any output and size of the terminal."""
    left = []
    for chunks in (cut(data, places), [data]):
        screen = Screen(width, height)
        screen.observe(JobStarted("ci", {"x": ()}), StepStarted("x", "true"))
        for chunk in chunks:
            screen.observe(StepOutput("x", chunk))
            screen.live.redraw()
        screen.observe(*finish("x"))
        screen.close()
        left.append(screen.everything)
        assert not screen.emulator.cursor.hidden
        assert not any(char in line for line in screen.everything for char in "⠋━" if char.encode() not in data)
    assert left[0] == left[1]


@pytest.mark.parametrize(("width", "height"), [(1, 2), (10, 4), (30, 10), (60, 12), (80, 24), (200, 50)])
@pytest.mark.parametrize("look", [TERMINAL, TERMINAL._replace(colour=True), TERMINAL._replace(unicode=False)])
def test_the_view_fits(width: int, height: int, look: TerminalCapabilities) -> None:
    running = [
        Running(f"step 日本 {number} " * 5, 10.0**number, "status\t日本 " * 30, number == 0) for number in range(9)
    ]
    lines = View(look).lines(Progress(40, 12, 1, 3723.0, running), width, height)
    emulator = pyte.Screen(width, height)
    pyte.ByteStream(emulator).feed("\r\n".join(lines).encode())
    assert emulator.cursor.y == len(lines) - 1, "a line is wrapped"
    assert len(lines) < max(height, 3)
    if not look.unicode:
        assert all(line.isascii() for line in lines)
    if not look.colour:
        assert "\x1b" not in "".join(lines)


def test_many_steps_are_counted() -> None:
    running = [Running(f"s{number}", 1, "", streams=False) for number in range(40)]
    lines = View(TERMINAL).lines(Progress(100, 0, 0, 1, running), 80, 24)
    assert lines[-1] == "  … and 30 more"


def test_a_terminal_that_gets_narrower_keeps_what_was_written() -> None:
    screen = Screen(100, 20)
    screen.observe(JobStarted("ci", GRAPH), StepStarted("build", "make"), StepStarted("lint", "x"))
    screen.observe(StepOutput("lint", b"x" * 60 + b"\n"), StepOutput("build", b"precious\n"))
    screen.resize(101, 20)
    screen.live.redraw()
    screen.resize(40, 20)
    got = screen.observe(StepOutput("build", b"more\n"), *finish("build"))
    screen.close()
    assert [line for line in got if line][2:4] == ["precious", "more"]


def test_a_shown_view_is_redrawn_by_the_loop(new_loop: NewLoop) -> None:
    screen = Screen(interval=0)

    async def main() -> None:
        screen.observe(JobStarted("ci", GRAPH), StepStarted("build", "make"))
        for now in (1.0, 61.0):
            screen.now = now
            while not screen.lines[-1].endswith("build  1.0 s" if now == 1 else "build  1m 01s"):
                await asyncio.sleep(0)
                screen.read()
        screen.observe(*finish("build"))

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(main())
    screen.close()
    assert screen.lines == ["── build ──", "$ make", "✓ build: succeeded in 1.0 s"]


def test_a_terminal_that_is_stopped_gets_no_frames_and_then_everything(new_loop: NewLoop) -> None:
    """A user pressed Ctrl-S: nothing piles up but what steps were allowed to write."""
    screen = Screen(interval=0)
    block = b"".join(b"line %06d\n" % number for number in range(3_000))

    async def main() -> None:
        screen.observe(JobStarted("ci", GRAPH), StepStarted("build", "make"))
        screen.live.observe(StepOutput("build", block))
        assert screen.live.congested
        waiting = len(screen.live.out._pending)
        for now in range(20):
            screen.now = now
            screen.live.redraw()
            await asyncio.sleep(0)
        assert len(screen.live.out._pending) == waiting
        draining = asyncio.create_task(screen.live.drain())
        while not draining.done():
            screen.read()
            await asyncio.sleep(0)
        await draining
        screen.observe(*finish("build"))

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(main())
    screen.close()
    numbers = [int(line[5:]) for line in screen.everything if line.startswith("line ")]
    assert numbers == list(range(3_000))


def test_a_block_that_waited_comes_whole(new_loop: NewLoop) -> None:
    screen = Screen()

    async def main() -> None:
        screen.observe(JobStarted("ci", GRAPH), StepStarted("build", "make"), StepStarted("lint", "ruff"))
        screen.observe(StepOutput("lint", b"".join(b"line %06d\n" % number for number in range(4_000))))
        screen.observe(StepFinished(result("lint")))
        screen.live.observe(StepFinished(result("build")))
        screen.live.observe(JobFinished(job(result("build"))))
        draining = asyncio.create_task(screen.live.drain())
        while not draining.done():
            screen.read()
            await asyncio.sleep(0)
        screen.read()

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(main())
    screen.close()
    plain = screen.raw.replace(b"\r\n", b"\n")
    assert plain.count(b"line 0") >= 4_000
    assert screen.lines[-1] == "✓ lint: succeeded in 1.0 s"
    assert all(int(next_[5:]) == int(one[5:]) + 1 for one, next_ in pairwise(screen.lines[:-1]))


def test_a_terminal_that_is_gone(new_loop: NewLoop) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    async def main() -> None:
        live = Live(streams(writer, writer), TERMINAL, lambda: (80, 24), Times(interval=0))
        with pytest.raises(OutputError):
            live.observe(Notice("x"))
        with pytest.raises(OutputError):
            live.observe(StepStarted("build", "make"))
        live._on_time()  # tells nobody: the next event does
        assert live.give_up() == 0
        live.close()

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(main())
    os.close(writer)


def test_the_view_goes_when_a_job_is_abandoned() -> None:
    screen = Screen()
    screen.observe(JobStarted("ci", GRAPH), StepStarted("build", "make"), StepStarted("lint", "ruff"))
    screen.close()
    assert screen.lines == ["── build ──", "$ make"]
    assert not screen.emulator.cursor.hidden


def test_on_a_real_terminal_with_its_real_size() -> None:
    """A session of its own with a controlling terminal, resized while the job runs."""
    reader, writer = os.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 50, 0, 0))
    pid = os.fork()
    if pid == 0:
        try:
            os.login_tty(writer) if hasattr(os, "login_tty") else _login(writer)
            live = console("live", streams(1, 2), TERMINAL)
            live.observe(JobStarted("ci", GRAPH))
            live.observe(StepStarted("build", "make"))
            live.observe(StepOutput("build", b"%d columns\n" % terminal_size()[0]))
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 30, 0, 0))
            live.observe(StepOutput("build", b"%d columns\n" % terminal_size()[0]))
            for event in finish("build"):
                live.observe(event)
            live.close()
        finally:
            os._exit(0)
    os.close(writer)
    data = []
    thread = threading.Thread(target=lambda: data.extend(_read_all(reader)))
    thread.start()
    os.waitpid(pid, 0)
    thread.join()
    os.close(reader)
    emulator = pyte.Screen(50, 10)
    pyte.ByteStream(emulator).feed(b"".join(data))
    shown = [line.rstrip() for line in emulator.display]
    assert shown[:5] == ["── build ──", "$ make", "50 columns", "30 columns", "✓ build: succeeded in 1.0 s"]
    assert not any(shown[5:])


def _login(terminal: int) -> None:
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(terminal, fd)


def _read_all(fd: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(fd, 1 << 16)
        except OSError:  # how a terminal says that its other side is closed
            return
        if not data:
            return
        yield data


@pytest.mark.parametrize("width", [30, 40, 80])
def test_what_the_runner_says_is_wrapped_behind_an_indent(width: int) -> None:
    made = Screen(width, 40)
    name = "a name as long as a whole line of a narrow terminal"
    long = "it has 12 words in it, 步骤步骤步骤步骤步骤步骤 and a-word-that-is-much-longer-than-any-line-of-a-terminal"
    try:
        made.observe(JobStarted("job", (name,), {name: ()}), StepStarted(name, f"echo {long}"))
        made.observe(Notice(long), Warned(long), Warned(long, name), StepRetrying(name, 1, long, 1.0))
        made.observe(StepFinished(result(name, "failure", 1, long, cause="exit")), JobFinished(job()))
        lines = made.everything
    finally:
        made.close()
    assert all(columns(line) < width for line in lines), lines
    starts = [line for line in lines if line and not line.startswith("  ")]
    assert [line[:4] for line in starts] == ["── a", "$ ec", "runn", "runn", "warn", "atte", "✗ a "]
    whole = "".join(line.strip().rstrip("…") for line in lines).replace(" ", "")
    assert whole.count(long.replace(" ", "")) == 6
