"""Steps and the files that are kept for them: their caches, and the record of each that is skipped while up to date.

The record of a step is found by a digest of its definition, of what steps before it hand on, and of its sources. It has
what the step handed on itself, and the files that it generates.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from runnerlib._util.files import explain
from runnerlib.engine.step_cache import UpToDate
from runnerlib.errors import RunnerError, printable
from runnerlib.events import Measured, Notice, Warned
from runnerlib.events.result import Exports
from runnerlib.pipeline.graph_text import counted
from runnerlib.runner.cache.content import pack_paths, unpack_entry
from runnerlib.runner.cache.digest import of_contents, of_states
from runnerlib.runner.cache.job import CacheSet, Shelves, Voice
from runnerlib.runner.cache.store import name_of
from runnerlib.runner.journal.signature import meaning
from runnerlib.runner.workflow.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from runnerlib.events import Observer
    from runnerlib.masking import SecretMasker
    from runnerlib.pipeline.job import Step
    from runnerlib.runner.cache.store import Entry
    from runnerlib.runner.plan import JobPlan

T = TypeVar("T")
_UP_TO_DATE = "up to date: its sources have not changed"


class _Begun(NamedTuple):
    """A step that runs: its directory, its caches, and the key of its record if it gets one."""

    directory: Path
    caches: CacheSet | None
    record: str
    inputs: str


class StepFiles:
    """The `StepCache` of a job, whose steps have the variables `env` before they add their own ones."""

    def __init__(
        self, plan: JobPlan, env: Mapping[str, str], masker: SecretMasker, observer: Observer, *, measures: bool = False
    ) -> None:
        """With `measures` there are events of what became of each cache."""
        self._measures = measures
        self._plan = plan
        self._env = env
        self._mask = masker.mask_string
        self._observer = observer
        self._shelves = Shelves(plan, masker, self._warn)
        self._begun: dict[str, _Begun] = {}

    async def before(self, step: Step, env: Mapping[str, str], directory: Path) -> UpToDate | None:
        """Restore the caches of a step; return that it is up to date if it need not run."""
        return await self._work(step, lambda voice: self._before(step, env, directory, voice))

    async def after(self, step: Step, exports: Exports) -> None:
        """Save the caches of a step that has succeeded, and its record."""
        begun = self._begun.pop(step.name, None)
        if begun is not None:
            await self._work(step, lambda voice: self._after(step, begun, exports, voice))

    async def _work(self, step: Step, work: Callable[[Voice], T]) -> T | None:
        """Do work in a thread, which gives up when the step is stopped; what it says is told on the loop."""
        cancelled, lines, figures = threading.Event(), list[tuple[bool, str]](), list[Measured]()

        def check() -> None:
            if cancelled.is_set():
                raise RunnerError("the step is stopped")

        def cached(result: str, key: str, started: float, size: int) -> None:
            texts = self._mask(key), self._mask(step.name)
            figures.append(Measured("cache", texts[0], started, time.time(), result, step=texts[1], size=size))

        voice = Voice(lambda text: lines.append((False, text)), lambda text: lines.append((True, text)), check, cached)

        def guarded() -> T | None:
            try:
                return work(voice)
            except OSError as error:
                voice.warn(f"its files cannot be kept: {explain(error).lower()}")
            except RunnerError as error:
                voice.warn(str(error))
            return None

        try:
            return await in_thread(guarded)
        finally:
            cancelled.set()
            for is_warning, text in lines:
                masked = self._mask(f"step '{step.name}': {text}")
                self._observer.observe(Warned(masked) if is_warning else Notice(masked))
            for figure in figures if self._measures else ():
                self._observer.observe(figure)

    def _warn(self, text: str) -> None:
        self._observer.observe(Warned(self._mask(text)))

    def _before(self, step: Step, env: Mapping[str, str], directory: Path, voice: Voice) -> UpToDate | None:
        record = inputs = ""
        if step.sources and self._shelves.store is not None:
            digest = of_contents(directory, step.sources, voice.check)
            for glob in digest.missing:
                voice.warn(f"sources: no file matches '{printable(glob)}'")
            inputs = digest.text
            record = "" if digest.missing else self._record(step, env, inputs)
            if record and not self._plan.config.force and (found := self._found(step, directory, record, voice)):
                return found
        caches = CacheSet(self._shelves, step.cache, directory, env) if step.cache else None
        self._begun[step.name] = _Begun(directory, caches, record, inputs)
        if caches is not None:
            caches.restore(voice)
        return None

    def _record(self, step: Step, env: Mapping[str, str], inputs: str) -> str:
        """Return the key of a step's record; a secret counts only as its mark, so the key does not depend on it."""
        own = {name: self._mask(value) for name, value in env.items() if self._env.get(name) != value}
        job = self._plan.job
        whole = {name: self._mask(value) for name, value in (*job.env.items(), *(job.input_values or {}).items())}
        definition = repr((meaning(step), sorted(whole.items()), sorted(own.items()), self._image(step)))
        return name_of(json.dumps([self._mask(definition), inputs]))

    def _image(self, step: Step) -> str:
        placement = self._plan.placement
        return "" if placement is None else step.image or placement.image

    def _found(self, step: Step, directory: Path, record: str, voice: Voice) -> UpToDate | None:
        """Return that a step is up to date, with its generated files in place; None if it has to run."""
        store = self._shelves.store
        assert store is not None  # noqa: S101 - see `_before`
        with store.held(self._shelf(step), record) as entry:
            if entry is None:
                return None
            outputs, env, path = entry.meta["exports"]
            exports = Exports(outputs, env, tuple(path))
            if not step.generates or self._made(step, directory, voice) == entry.meta["made_files"]:
                return UpToDate(_UP_TO_DATE, exports)
            count = self._restored(step, entry, directory, voice)
            if count is None:
                store.discard(entry)
                return None
            return UpToDate(f"{_UP_TO_DATE}, and what it generates is restored ({counted(count, 'file')})", exports)

    def _restored(self, step: Step, entry: Entry, directory: Path, voice: Voice) -> int | None:
        """Restore what a step generates; return the number of files, None if they are not as they were made."""
        left = unpack_entry(entry, self._shelves.place(directory), voice.check, over=True)
        if left is None:
            voice.warn("the record of what it generates was damaged, and is removed")
            return None
        digest = of_states(directory, step.generates, voice.check)
        if digest.text != entry.meta["made_files"]:
            voice.warn("'generates' names more files than the step made, so it runs")
            return None
        return digest.files

    def _made(self, step: Step, directory: Path, voice: Voice) -> str:
        return of_states(directory, step.generates, voice.check).text

    def _shelf(self, step: Step) -> str:
        return self._shelves.shelf("step", self._plan.job.name, step.name)

    def _after(self, step: Step, begun: _Begun, exports: Exports, voice: Voice) -> None:
        if begun.caches is not None:
            begun.caches.save(voice)
        if begun.record:
            self._keep(step, begun, exports, voice)

    def _keep(self, step: Step, begun: _Begun, exports: Exports, voice: Voice) -> None:
        """Write down that a step is up to date, as far as it is."""
        store, directory = self._shelves.store, begun.directory
        assert store is not None  # noqa: S101 - there is a key only with one
        texts = (*exports.outputs.values(), *exports.env.values(), *exports.path)
        if any(self._mask(text) != text for text in texts):
            voice.warn("it hands on a secret, which is not written down, so it runs again every time")
            return
        if of_contents(directory, step.sources, voice.check).text != begun.inputs:
            voice.warn("its sources have changed while it ran, so it runs again the next time")
            return
        made = of_states(directory, step.generates, voice.check)
        for glob in made.missing:
            voice.warn(f"generates: no file matches '{printable(glob)}'")
        with store.held(self._shelf(step), begun.record) as entry:
            if entry is not None and entry.meta["made_files"] != made.text:
                store.discard(entry)  # it was run again, by force
        with store.making(self._shelf(step), begun.record) as draft:
            pack_paths(directory, [glob for glob in step.generates if glob], draft.place, draft.meta, voice.check)
            draft.meta["exports"] = [dict(exports.outputs), dict(exports.env), list(exports.path)]
            draft.meta["made_files"] = made.text
            if draft.size() > store.size:
                raise RunnerError("what it generates is larger than all caches together may be (--cache-size)")
        store.prune()
