"""A request to stop reaches a run wherever it is."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runnerlib._util.cancellation import Stop, cancelled
from runnerlib.errors import Interrupted
from runnerlib.events.result import JobResult
from tests.engine.harness import Recorder
from tests.runner.planning import run
from tests.runner.test_run import planned

NewLoop = Callable[[], asyncio.AbstractEventLoop]


def test_before_the_run(new_loop: NewLoop, tmp_path: Path) -> None:
    stop = Stop()
    stop.request(signal.SIGINT)
    stop.request(signal.SIGTERM)
    recorder = Recorder()
    with pytest.raises(Interrupted, match="stopped by SIGINT") as caught:
        run(planned(tmp_path, "echo x"), recorder, new_loop, stop)
    assert (caught.value.exit_code, stop.signum, recorder.output) == (130, signal.SIGINT, b"")


def test_between_two_lines_of_progress(new_loop: NewLoop, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    stop = Stop()

    class Stopping(Recorder):
        def observe(self, event: object) -> None:
            stop.request()

    with pytest.raises(Interrupted, match="stopped by SIGTERM"):
        run(planned(tmp_path, "echo x", source_type="copy", source_url=f"{tmp_path}/src"), Stopping(), new_loop, stop)


@pytest.mark.parametrize("count", [1, 2])
def test_from_another_thread_while_a_step_runs(new_loop: NewLoop, tmp_path: Path, count: int) -> None:
    """The second request kills what does not heed the first."""
    stop = Stop()
    command = "trap '' TERM; echo x; cat <&-; sleep 1000" if count == 2 else "echo x; sleep 1000"

    def request(_data: bytes) -> None:
        for _ in range(count):
            thread = threading.Thread(target=stop.request)
            thread.start()
            thread.join()

    result: JobResult = run(planned(tmp_path, command, grace_period=1000.0), Recorder(request), new_loop, stop)
    assert (result.exit_code, result.reason) == (143, "stopped by SIGTERM")


def test_after_the_run_it_does_nothing(new_loop: NewLoop, tmp_path: Path) -> None:
    stop = Stop()
    assert run(planned(tmp_path, "true"), Recorder(), new_loop, stop).success
    stop.request()


def test_a_signal_is_seen_as_what_stopped_the_run(new_loop: NewLoop, tmp_path: Path) -> None:
    stop = Stop()
    raising = Recorder(lambda data: signal.raise_signal(signal.SIGHUP))
    assert run(planned(tmp_path, "echo x; sleep 1000"), raising, new_loop, stop).exit_code == 129
    assert stop.signum == signal.SIGHUP


def test_a_task_that_loses_a_cancellation_is_cancelled_again(new_loop: NewLoop) -> None:
    lost = []

    async def task() -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError as error:
                lost.append(error)
        await asyncio.sleep(1000)

    async def main() -> None:
        running = asyncio.ensure_future(task())
        await asyncio.sleep(0)
        await cancelled(running, asyncio.ensure_future(asyncio.sleep(0)))
        assert running.cancelled()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
    assert len(lost) == 2
