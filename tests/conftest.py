"""Every test is watched: none may leave a descriptor, a child process or an asyncio task behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import pytest
import uvloop

from tests.dockerd import docker, podman

__all__ = ["docker", "podman"]

# How long an example takes says something about the machine only.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

# libuv opens a pipe for signals with the first loop of a process and keeps it.
uvloop.new_event_loop().close()

ENDING = (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(params=sorted(LOOPS))
def new_loop(request: pytest.FixtureRequest):
    """Both event loops: what holds on one must hold on the other."""
    return LOOPS[request.param]


def pytest_configure() -> None:
    """Let programs that tests start be interrupted: a shell's job in the background, and `nohup`, ignore these signals.

    What is ignored here is ignored there, and a test that sends one would wait for ever.
    """
    for number, handler in ((signal.SIGINT, signal.default_int_handler), *((n, signal.SIG_DFL) for n in ENDING)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two processes for each processor with `-n auto`: half of the time of the tests is waiting for others."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give each process a block of neighbours, which share servers; who is done takes half of what another has left."""
    if config.getoption("dist") != "load":  # which `-n` implies
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


def open_files() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the descriptor of the listing itself
    return found


def children() -> set[int]:
    """Children of this process, zombies included."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a joined thread that is just leaving
            found.update(map(int, (task / "children").read_text().split()))
    return found


def pending_tasks() -> list[str]:
    return [repr(thing) for thing in gc.get_objects() if isinstance(thing, asyncio.Task) and not thing.done()]


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    # The checks look at a test's own objects: looking at those of all tests before it took most of the time.
    gc.collect()
    gc.freeze()
    before = open_files(), children(), threading.active_count()
    yield
    gc.collect()
    leaked = {fd: name for fd, name in open_files().items() if before[0].get(fd) != name}
    assert not leaked, f"descriptors left open: {leaked}"
    assert children() <= before[1], f"children left: {children() - before[1]}"
    assert threading.active_count() <= before[2], f"threads left: {threading.enumerate()}"
    assert not pending_tasks()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the developer's shell exports away from the tests."""
    for name in list(os.environ):
        if name.startswith(("REACTORCIDE_", "RUNNERLIB_WORKSPACE", "RUNNERLIB_GRANTED")) or name.endswith(
            ("_TOKEN", "_KEY", "_SECRET", "_PASSWORD")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REACTORCIDE_IN_CONTAINER", "false")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
