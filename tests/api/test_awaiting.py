"""Jobs beside an event loop: it goes on, and cancelling a task ends the job."""

from __future__ import annotations

import asyncio
import contextvars
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runnerlib import ConfigError, Job, RunnerError, Step, execute_async
from tests.engine.harness import Recorder, gone
from tests.integration.cli import environment

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(main: Callable[[], object], new_loop: NewLoop) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())  # type: ignore[arg-type]


def test_the_loop_goes_on(new_loop: NewLoop, here: Path) -> None:
    """The job waits for what only the loop can do."""
    os.mkfifo(here / "fifo")

    async def main() -> None:
        job = asyncio.create_task(execute_async(f"cat {here}/fifo", observer=(recorder := Recorder())))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, (here / "fifo").write_text, "from the loop")
        assert (await job).success
        assert recorder.output == b"from the loop"
        await loop.shutdown_default_executor()

    run(main, new_loop)


def test_results_and_errors(new_loop: NewLoop) -> None:
    async def main() -> None:
        results = await asyncio.gather(
            execute_async("exit 3", observer=Recorder()),
            execute_async(["sh", "-c", "exit 4"], observer=Recorder()),
            execute_async(Job("j", [Step("s", "exit 5")]), observer=Recorder(), workspace="other"),
        )
        assert [result.exit_code for result in results] == [3, 4, 5]
        with pytest.raises(ConfigError, match="unknown setting 'nonsense'"):
            await execute_async("true", nonsense=1)
        with pytest.raises(ConfigError, match="source_dir 'missing' is no directory"):
            await execute_async("true", source_dir="missing")
        (Path.cwd() / "file").write_text("x")
        with pytest.raises(RunnerError, match="cannot create"):
            await execute_async("true", workspace="file")

    run(main, new_loop)


def test_cancelled_while_it_runs(new_loop: NewLoop) -> None:
    """No process of it is left when CancelledError arrives."""
    pids: list[int] = []

    async def main() -> None:
        started = asyncio.Event()
        loop = asyncio.get_running_loop()

        def output(data: bytes) -> None:
            pids.append(int(data))
            loop.call_soon_threadsafe(started.set)

        task = asyncio.create_task(execute_async("echo $$; sleep 1000", observer=(recorder := Recorder(output))))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gone(pids[0])
        assert recorder.finished[0].reason == "stopped by SIGTERM"

    run(main, new_loop)


def test_a_second_cancellation_kills_what_heeds_nothing(new_loop: NewLoop) -> None:
    async def main() -> None:
        started = asyncio.Event()
        loop = asyncio.get_running_loop()
        observer = Recorder(lambda data: loop.call_soon_threadsafe(started.set))
        command = "trap '' TERM; echo x; while :; do sleep 1000; done"
        task = asyncio.create_task(execute_async(command, observer=observer, grace_period=1000.0))
        await started.wait()
        task.cancel()
        await asyncio.sleep(0)  # the task has taken it
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main, new_loop)


def test_a_time_limit_of_asyncio(new_loop: NewLoop) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await execute_async("sleep 1000", observer=Recorder())

    run(main, new_loop)


def test_cancelled_before_the_job_has_begun(new_loop: NewLoop, here: Path) -> None:
    """The source is given up at its next report."""
    (here / "source").mkdir()

    async def main() -> None:
        loop = asyncio.get_running_loop()

        class Cancelling(Recorder):
            def observe(self, event: object) -> None:
                super().observe(event)  # type: ignore[arg-type]
                asyncio.run_coroutine_threadsafe(cancel(), loop).result()

        async def cancel() -> None:
            task.cancel()
            await asyncio.sleep(0)

        observer = Cancelling()
        task = asyncio.create_task(
            execute_async("touch ran", observer=observer, source_type="copy", source_url=str(here / "source"))
        )
        with pytest.raises(asyncio.CancelledError):
            await task
        assert observer.output == b""
        assert not (here / "job/src/ran").exists()

    run(main, new_loop)


def test_variables_of_the_context_are_seen_by_the_observer(new_loop: NewLoop) -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []

    async def main() -> None:
        variable.set("set")
        await execute_async("echo x", observer=Recorder(lambda data: seen.append(variable.get())))

    run(main, new_loop)
    assert seen == ["set"]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, -2), (signal.SIGTERM, -15)])
def test_signals_are_the_loops(here: Path, signum: int, code: int) -> None:
    """asyncio.run makes a cancellation of Ctrl-C; at SIGTERM the program ends, and its guard ends the job."""
    program = "import asyncio, runnerlib; asyncio.run(runnerlib.execute_async('echo $$; exec sleep 1000'))"
    script = subprocess.Popen(
        [sys.executable, "-c", program], cwd=here, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert script.stdout
    pid = int(script.stdout.readline())
    step = os.pidfd_open(pid)
    try:
        script.send_signal(signum)
        script.communicate()
        assert script.returncode == code
        assert select.select([step], [], [], 60)[0], "the step has not ended"
    finally:
        os.close(step)
