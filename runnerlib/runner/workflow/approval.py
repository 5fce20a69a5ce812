"""Manual approval of jobs: a question on the terminal, and files that answer it from elsewhere.

A question is a file in the state directory of its user, where no step in a container or in a sandbox that closes it can
write; a file beside it is the answer. `runnerlib approve` makes it, and so may anything else.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.files import write_whole
from runnerlib._util.paths import own_directory
from runnerlib.errors import ConfigError, RunnerError, one_line, unknown
from runnerlib.events.result import StepOutcome
from runnerlib.output.log.file_names import file_name
from runnerlib.runner.journal.seal import state_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from runnerlib.pipeline.workflow import Instance
    from runnerlib.runner.workflow.plan import WorkflowPlan

_PLACE = ("journals", "approvals")  # the directory that bounded steps do not see
_PAUSE = 0.5
_ANSWERS = {"approved": True, "rejected": False}
_LONGEST_LINE = 4096


class Question(NamedTuple):
    """A job that waits for approval: its run, its name, the text, and since when (seconds since the epoch)."""

    run: str
    job: str
    message: str
    since: float


class Approvals:
    """The questions of one run; `run` is its name for `runnerlib approve`."""

    def __init__(self, directory: Path, run: str, say: Callable[[str], None], *, terminal: bool) -> None:
        self._directory = directory
        self._run = run
        self._say = say
        self._terminal = asyncio.Lock() if terminal else None

    async def ask(self, instance: Instance) -> StepOutcome | None:
        """Wait for the answer about a job; None is yes. Raises RunnerError without a place for the question."""
        approval = instance.job.approve
        assert approval is not None  # noqa: S101 - else nobody asks
        path = self._directory / self._run / file_name(instance.name)
        held = _write(path, Question(self._run, instance.name, approval.message, time.time()))
        answers = [asyncio.ensure_future(_by_file(path))]
        about = f"job '{instance.label}' waits for approval" + (f": {approval.message}" if approval.message else "")
        command = f"runnerlib approve {self._run} {instance.name}"
        if self._terminal is not None:
            answers.append(asyncio.ensure_future(self._by_terminal(f"{about} (y or n, or elsewhere `{command}`)")))
        else:
            self._say(f"{about} (`{command}`)")
        try:
            done, _ = await asyncio.wait(answers, timeout=approval.timeout, return_when=asyncio.FIRST_COMPLETED)
            yes = next((task.result() for task in done), None)
        finally:
            for task in answers:
                task.cancel()
            await asyncio.gather(*answers, return_exceptions=True)
            _forget(path)
            os.close(held)
        if yes is None:
            return StepOutcome(124, f"nobody has approved it within {approval.timeout:g} s", "timeout")
        return None if yes else StepOutcome(1, "it was not approved", "cancelled")

    def close(self) -> None:
        """Remove the directory of the run's questions."""
        with suppress(OSError):
            os.rmdir(self._directory / self._run)

    async def _by_terminal(self, text: str) -> bool:
        assert self._terminal is not None  # noqa: S101 - see above
        async with self._terminal:  # one question at a time
            self._say(text)
            while (line := await _line()) is not None:
                if line.lower() in {"y", "yes", "n", "no"}:
                    return line.lower()[0] == "y"
                self._say(f"y or n is expected; {text}")
        await asyncio.get_running_loop().create_future()  # nothing can be typed any more: the file decides
        return False


def approvals_of(plan: WorkflowPlan, say: Callable[[str], None]) -> Approvals:
    """Return the questions of a run. Raises RunnerError where there is no place for them."""
    config = plan.front.config
    directory = place_of(config.state_dir, plan.front.environ)
    return Approvals(directory, config.run_id or os.urandom(4).hex(), say, terminal=_on_terminal())


def place_of(state_dir: str | None, environ: Mapping[str, str]) -> Path:
    """Return the directory of all questions of a user. Raises ConfigError where there is none."""
    state = state_directory(state_dir, environ)
    if state is None:
        problem = "there is no place for a question: the user has no home directory, and --state-dir is not set"
        raise ConfigError(problem)
    return state.joinpath(*_PLACE)


def questions(directory: Path) -> Iterator[Question]:
    """Yield what waits for an answer, by run and job; what killed runners have left is removed."""
    for path in sorted(directory.glob("*/*.json")):
        with suppress(OSError, ValueError, TypeError), path.open("rb") as file:
            if _is_asked(file.fileno()):
                yield Question(**json.loads(file.read()))
            else:
                _forget(path.with_suffix(""))
                path.parent.rmdir()


def _is_asked(file: int) -> bool:
    """Return whether the runner that asks a question is there: it holds a lock of its file."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def answer(directory: Path, run: str, job: str, *, yes: bool) -> None:
    """Answer the question about a job. Raises ConfigError where nothing asks it, RunnerError for a failing disk."""
    waiting = list(questions(directory))
    if not waiting:
        raise ConfigError("no job waits for approval")
    runs = dict.fromkeys(one.run for one in waiting)
    if run not in runs:
        raise ConfigError(unknown("run", one_line(run[:100]), runs))
    jobs = [one.job for one in waiting if one.run == run]
    if job not in jobs:
        raise ConfigError(f"run '{run}': {unknown('job', one_line(job[:100]), jobs)}")
    path = directory / run / file_name(job)
    try:
        write_whole(path.with_name(f"{path.name}.{'approved' if yes else 'rejected'}"), b"")
    except OSError as error:
        raise RunnerError(f"cannot answer in '{path.parent}': {error.strerror}") from None


def _write(path: Path, question: Question) -> int:
    """Write a question, and return its open file, whose lock tells that it is asked. Raises RunnerError."""
    try:
        state = path.parents[3]
        own_directory(state, *path.parent.relative_to(state).parts)
        _forget(path)
        made = path.with_name(f"{path.name}.new")
        held = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
        os.write(held, json.dumps(question._asdict()).encode())
        os.rename(made, path.with_name(f"{path.name}.json"))  # it is locked before it can be seen
    except OSError as error:
        raise RunnerError(f"cannot ask for approval in '{path.parent}': {error.strerror}") from None
    return held


def _forget(path: Path) -> None:
    for ending in ("json", *_ANSWERS):
        with suppress(OSError):
            os.unlink(path.with_name(f"{path.name}.{ending}"))


async def _by_file(path: Path) -> bool:
    while True:
        for ending, yes in _ANSWERS.items():
            if os.path.lexists(path.with_name(f"{path.name}.{ending}")):
                return yes
        await asyncio.sleep(_PAUSE)


def _on_terminal() -> bool:
    """Return whether somebody can read a question and type the answer."""
    if not (os.isatty(0) and os.isatty(1)):
        return False
    try:
        return os.tcgetpgrp(0) == os.getpgrp()  # reading in the background would stop the runner
    except OSError:  # it is not the terminal that controls this process, and stops nothing
        return True


async def _line() -> str | None:
    """Return the next line that is typed; None at the end of the input."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        loop.remove_reader(0)
        if not typed.done():
            try:
                typed.set_result(os.read(0, _LONGEST_LINE))
            except OSError:
                typed.set_result(b"")

    loop.add_reader(0, read)
    try:
        data = await typed
    finally:
        loop.remove_reader(0)
    return data.decode(errors="replace").strip() if data else None
