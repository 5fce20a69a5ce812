"""One step: its attempts, the pauses between them, and its exports."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

from runnerlib._util.system import own_terminal_size
from runnerlib.engine import step_outputs as exports
from runnerlib.engine.attempt import Attempt, Command
from runnerlib.engine.step_outputs import ExportError
from runnerlib.errors import RunnerError, TamperedError
from runnerlib.events import Masked, StepRetrying, StepStarted, Warned
from runnerlib.events.result import NO_EXPORTS, StepOutcome, StepResult
from runnerlib.executor.process_spec import UNCONFINED, ProcessSpec
from runnerlib.pipeline.job.step import LONGEST_WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

    from runnerlib.engine.boundary import Enclosure
    from runnerlib.engine.retry_watch import Watch
    from runnerlib.engine.step_cache import UpToDate
    from runnerlib.engine.step_context import StepContext, StepHooks
    from runnerlib.engine.step_findings import StepFindings
    from runnerlib.events.result import Usage
    from runnerlib.pipeline.job import Retry, Step

T = TypeVar("T")


class StepRun:
    """The run of a step: call `run` once, `stop` at any time before, during or after."""

    def __init__(
        self,
        step: Step,
        shown: str,
        prefix: str,
        directory: Callable[[Step], Path],
        env: Mapping[str, str],
        job: StepContext,
    ) -> None:
        """`shown` is the step's name as events carry it, `prefix` the start of the names of its files.

        `directory` says where it runs, asked before each attempt; it may raise RunnerError.
        """
        if step.problem_matchers and job.findings is not None:
            job = job._replace(observer=job.findings.matching(step, shown, directory, job.observer))
        self._step = step
        self._shown = shown
        self._prefix = prefix
        self._directory = directory
        self._env = env
        self._job = job
        self._stream = job.masker.stream()  # of all attempts, so that it counts what they have in common
        self._attempt: Attempt | None = None
        self._stopped: StepOutcome | None = None
        self._asking: asyncio.Future[Any] | None = None
        self._ended = False
        self._pause: asyncio.Future[None] | None = None
        self._usage: Usage | None = None
        self._large = False
        self._began = 0.0
        self._last: ProcessSpec | None = None
        self.exports = NO_EXPORTS
        self._told = ""

    def stop(self, why: StepOutcome, *, at_once: bool = False) -> None:
        """End the step for `why`; no further attempt begins."""
        self._stopped = self._stopped or why
        if self._attempt is not None:
            self._attempt.stop(why, at_once=at_once)
        self._limit_asking(at_once=at_once)
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)

    def resize(self) -> None:
        """Pass the new size of the runner's terminal to the step's terminal, if it has one."""
        if self._attempt is not None and self._step.tty:
            self._attempt.resize(own_terminal_size())

    async def run(self) -> StepResult:
        """Make attempts until one succeeds, none is left or the step is stopped.

        Raises OutputError as observers do.
        """
        self._began = time.time()
        # Most steps have neither hooks nor files to keep: nothing is asked for them.
        refused = self._tampered()
        if refused is None and self._job.around is not None:
            refused = await self._ask_before(self._job.around)
        if refused is None and self._keeps and (current := await self._up_to_date()) is not None:
            self.exports = current.exports
            return self._result(StepOutcome(0, current.reason, "restored"), 0)
        refused = refused or self._stopped
        number, ending = await self._attempts() if refused is None else (0, refused)
        if self._job.findings is not None and number and (self._step.reports or self._step.problem_matchers):
            await self._collect(self._job.findings)
        if self._told and self._job.annotate is not None:
            self._job.annotate(self._step, self._told, self._shown)
        if self._stream.marks:
            self._job.observer.observe(Masked(self._shown, self._stream.report()))
        result = self._result(ending, number)
        if result.outcome == "failure" and self._last is not None and self._job.inspect is not None:
            await self._answer(self._job.inspect(self._job, self._last, self._shown))
        self._ended = True
        if refused is None and self._job.around is not None:
            objection = await self._ask_after(self._job.around, result)
            if objection is not None and result.success:
                return self._result(objection, number)
        if result.success and self._keeps and self._job.cache is not None:
            await self._answer(self._job.cache.after(self._step, self.exports))
        return result

    async def _collect(self, findings: StepFindings) -> None:
        """Have the reports of the step read, wherever it ran."""
        try:
            directory = self._directory(self._step)
        except RunnerError:
            return  # the attempt has said so
        await self._answer(findings.collect(self._step, self._shown, directory))

    @property
    def _keeps(self) -> bool:
        """Return whether files of the step are kept from run to run."""
        return bool(self._step.cache or self._step.sources)

    async def _up_to_date(self) -> UpToDate | None:
        """Restore the caches of the step; return that it is up to date if it need not run."""
        if self._job.cache is None or self._stopped is not None:
            return None
        try:
            directory = self._directory(self._step)
        except RunnerError:
            return None  # the attempt says so
        return await self._answer(self._job.cache.before(self._step, self._env, directory))

    def _result(self, ending: StepOutcome, attempts: int) -> StepResult:
        return StepResult(
            self._step.name,
            outcome=ending.outcome,
            exit_code=ending.exit_code,
            reason=ending.reason,
            cause=ending.cause,
            attempts=attempts,
            started=self._began,
            ended=time.time(),
            usage=self._usage,
            outputs=self.exports.outputs,
            required=self._step.required,
        )

    def _tampered(self) -> StepOutcome | None:
        """Return the ending of a step that must not start, because trusted code has changed."""
        try:
            if self._job.boundary is not None:
                self._job.boundary.check()
        except TamperedError as error:
            return _refusal(error)
        return None

    async def _ask_before(self, around: StepHooks) -> StepOutcome | None:
        """Call the before-step hook, which may change the environment.

        Return a StepOutcome if the hook refuses the step, or the step is stopped.
        """
        try:
            answer = await self._answer(around.before(self._step, self._env))
            self._env = self._env if answer is None else answer
        except RunnerError as error:
            return _refusal(error)
        return self._stopped or self._tampered()  # others went on while hooks ran

    async def _ask_after(self, around: StepHooks, result: StepResult) -> StepOutcome | None:
        """Call the after-step hook; return a StepOutcome if the hook fails."""
        try:
            await self._answer(around.after(self._step, result))
        except RunnerError as error:
            return _refusal(error)
        return None

    async def _answer(self, asked: Coroutine[None, None, T]) -> T | None:
        """Wait for the hook and return its answer; None if the step is stopped meanwhile."""
        asking: asyncio.Future[T] = asyncio.ensure_future(asked)
        self._asking = asking
        if self._stopped is not None:
            self._limit_asking(at_once=False)
        try:
            return await asking
        except asyncio.CancelledError:
            if self._stopped is None:  # the whole run is cancelled
                raise
            return None
        finally:
            self._asking = None

    def _limit_asking(self, *, at_once: bool) -> None:
        """Cancel a pending before-hook at once; give an after-hook the grace period."""
        asking = self._asking
        if asking is None:
            return
        if at_once or not self._ended:
            asking.cancel()
        else:
            asyncio.get_running_loop().call_later(self._job.limits.grace, asking.cancel)

    async def _attempts(self) -> tuple[int, StepOutcome]:
        """Make attempts until one is the last; return their number and the ending of the last."""
        number = 1
        ending, seen = await self._try(number)
        while self._goes_on(number, ending, seen):
            await self._wait_before(number, ending)
            if self._stopped is not None:
                break
            number += 1
            ending, seen = await self._try(number)
        return number, self._stopped or ending

    def _goes_on(self, number: int, ending: StepOutcome, seen: bool) -> bool:
        final = ending.outcome == "success" or ending.cause == "tampered"
        if self._stopped is not None or final or number > self._step.retry.max:
            return False
        return retried(self._step.retry, ending, seen)

    async def _try(self, number: int) -> tuple[StepOutcome, bool]:
        """Make one attempt; return its ending, and whether the pattern for a retry was seen."""
        step, job = self._step, self._job
        if number > 1 and (refused := self._tampered()) is not None:
            return refused, False
        try:
            enclosure = job.boundary.enclosure(step) if job.boundary is not None else None
            start = f"{enclosure.scratch if enclosure else job.scratch}/{self._prefix}.{number}"
            files = exports.files(start)
            spec, warning = self._spec(files, number, start, enclosure)
            self._last = spec if job.inspect is not None else None
        except RunnerError as error:
            return _refusal(error), False
        command = Command(self._shown, spec, step.timeout, step.no_output_timeout)
        watch = self._watch(number)
        attempt = Attempt(command, job.executor, job.masker, self._stream, watch or job.observer, job.limits)
        self._attempt = attempt
        try:
            refused = await attempt.start()
            self._tell_start(number, warning)
            ending = await attempt.follow() if refused is None else refused
        finally:
            attempt.close()
            self._usage = _added(self._usage, attempt.usage)
            self._attempt = None
            if self._large:
                from runnerlib.engine.exec_limits import tidy  # loaded before

                tidy(start)
        return self._collected(ending, files), watch is not None and await self._seen(watch, ending)

    def _tell_start(self, number: int, warning: str) -> None:
        if number == 1:  # it may have waited for room
            self._began = time.time()
        mask, observer = self._job.masker.mask_string, self._job.observer
        observer.observe(StepStarted(self._shown, mask(self._step.shown), number))
        if warning:
            observer.observe(Warned(mask(warning), self._shown))

    def _spec(
        self, files: Mapping[str, str], number: int, start: str, enclosure: Enclosure | None
    ) -> tuple[ProcessSpec, str]:
        """Return the process to start, and a warning of what was left out as too large. Raises RunnerError."""
        step = self._step
        argv: Sequence[str] = step.argv
        env: Mapping[str, str] = {
            **self._env,
            **(enclosure.env if enclosure else {}),
            **(self._job.trace(step.name, self._shown, number) if self._job.trace else {}),
            **files,
            "RUNNERLIB_STEP": step.name,
            "RUNNERLIB_ATTEMPT": str(number),
        }
        warning = ""
        # No character has more than 4 bytes, so that mostly a look at the lengths will do.
        self._large = 4 * (len("".join(env.values())) + len("".join(argv))) > LONGEST_WORD
        if self._large:
            from runnerlib.engine.exec_limits import fitted  # for the few that are

            argv, env, warning = fitted(step, env, start, lambda text: self._job.masker.mask_string(text) != text)
        terminal = own_terminal_size() if step.tty else None
        confinement, compartment = (enclosure.confinement, enclosure.compartment) if enclosure else (UNCONFINED, "")
        place, stdin = self._directory(step), _bytes(step.stdin)
        spec = ProcessSpec(argv, place, env, stdin, terminal, confinement, step.image, compartment, step.resources)
        return spec, warning

    def _watch(self, number: int) -> Watch | None:
        """Return a search for the step's retry pattern, if it has one and another attempt may follow."""
        if self._step.retry.pattern is None or number > self._step.retry.max:
            return None
        from runnerlib.engine.retry_watch import Watch  # for the few steps that have one

        return Watch(self._job.observer, self._step.retry.pattern)

    async def _seen(self, watch: Watch, ending: StepOutcome) -> bool:
        """Return whether the pattern was seen; a step that is stopped meanwhile does not wait."""
        if self._stopped is not None or ending.outcome == "success":
            watch.give_up()
            return False
        self._pause = asyncio.get_running_loop().create_future()
        asking = asyncio.ensure_future(watch.seen())
        await asyncio.wait((asking, self._pause), return_when=asyncio.FIRST_COMPLETED)
        if asking.done():
            return asking.result()
        watch.give_up()
        asking.cancel()
        return False

    def _collected(self, ending: StepOutcome, files: Mapping[str, str]) -> StepOutcome:
        """Return the ending with the exports of the attempt; a missing promised output is a failure."""
        try:
            if self._job.boundary is not None:  # first: it gives up the place of a step whose files are of no use, too
                self._job.boundary.collect(self._step)
            self.exports, self._told = NO_EXPORTS, ""
            if exports.any_of(files):
                self._told = self._annotations(files)
                self.exports = exports.read(files)
        except (ExportError, RunnerError) as error:
            self.exports = NO_EXPORTS
            return StepOutcome(125, str(error), "outputs") if ending.exit_code == 0 else ending
        if ending.exit_code and ending.cause == "exit" and self._job.boundary is not None:
            return ending._replace(reason=ending.reason + self._job.boundary.hint(self._step))
        missing = [name for name in self._step.outputs if name not in self.exports.outputs]
        if missing and ending.exit_code == 0:
            return StepOutcome(1, f"it did not write its output '{missing[0]}' to RUNNERLIB_OUTPUT", "outputs")
        return ending

    def _annotations(self, files: Mapping[str, str]) -> str:
        """Return the text of the attempt's annotations; one that cannot be used fails no step."""
        try:
            return exports.annotated(files)
        except ExportError as error:
            self._job.observer.observe(Warned(str(error), self._shown))
            return ""

    async def _wait_before(self, number: int, ending: StepOutcome) -> None:
        from runnerlib._util.retry import RetryPolicy  # for the few steps that are tried again

        retry = self._step.retry
        delay = RetryPolicy(retry.backoff, retry.limit, retry.jitter).pause(number)
        reason = self._job.masker.mask_string(ending.reason)
        # Created before the event: an observer may stop the step.
        self._pause = asyncio.get_running_loop().create_future()
        self._job.observer.observe(StepRetrying(self._shown, number, reason, delay))
        await asyncio.wait([self._pause], timeout=delay)


def _refusal(error: RunnerError) -> StepOutcome:
    return StepOutcome(error.exit_code, str(error), "tampered" if isinstance(error, TamperedError) else "runner")


def retried(retry: Retry, ending: StepOutcome, seen: bool) -> bool:
    """Return whether a failed attempt may be followed by another."""
    if retry.any_failure:
        return True
    timed_out = retry.timeout and ending.cause in {"timeout", "no_output"}
    return timed_out or seen or (ending.exit_code in retry.exit_codes and ending.cause in {"exit", "signal", "oom"})


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")


def _added(one: Usage | None, other: Usage | None) -> Usage | None:
    return one + other if one and other else one or other
