"""Calls of hooks: in the thread of the plugin, with a time limit, and with errors that name the plugin."""

from __future__ import annotations

import threading
import traceback
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.plugins.errors import PluginError, VetoError
from runnerlib.plugins.hook_thread import Cut, HookThread
from runnerlib.plugins.phase import CURRENT, PluginPhase
from runnerlib.plugins.print_capture import Lines, caught
from runnerlib.plugins.src_alias import older_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runnerlib.masking import SecretMasker
    from runnerlib.plugins.deadline import Limit

    Tell = Callable[[str], object]

_LONGEST_TEXT = 4000
# Seconds of one wait: a signal that arrives just before the wait does not interrupt it.
_SLICE = 0.2


class Failure(NamedTuple):
    """Failure of a call: its masked text and exit code; `refused` is True for a VetoError."""

    text: str
    exit_code: int = PluginError.exit_code
    refused: bool = False


class _Done(NamedTuple):
    failure: Failure | None


class Said(NamedTuple):
    """A line written by a hook, or by one of its processes; masked."""

    line: str


class Calls:
    """Caller of the functions of one plugin, or of one file being loaded; never two at a time.

    `subject` is its name in errors; `file` is the path of its code.
    """

    def __init__(
        self, subject: str, file: str, masker: SecretMasker, grace: float, turn: threading.Lock | None = None
    ) -> None:
        self._subject = subject
        self._file = file
        self._masker = masker
        self._grace = grace
        self._turn = turn or threading.Lock()
        self._thread: HookThread | None = None
        self.stuck = False

    def call(
        self,
        functions: Sequence[Callable[[], object]],
        where: str,
        limit: Limit,
        tell: Tell,
        phase: PluginPhase | None = None,
        inbox: SimpleQueue[object] | None = None,
    ) -> None:
        """Call `functions` one after the other and wait for them; lines that they print go to `tell`.

        `where` names the hook. Raises PluginError when one fails or `limit` is over before all have ended,
        VetoError when one refuses. An interruption of the wait ends the hook, too: for example, an exception
        that another thread puts into `inbox`.
        """
        inbox = inbox or SimpleQueue()
        with self._turn:
            if self.stuck:
                raise PluginError(f"{self._subject}: {where} is not called, because an earlier hook still hangs")
            if not inbox.empty():  # it was interrupted before it began
                _answer(inbox, limit, tell)
            thread = self._thread = self._thread or HookThread(self._subject)
            try:
                thread.start(lambda: self._carry_out(functions, where, phase, inbox), inbox.put)
                failure = _answer(inbox, limit, tell)
            except Empty:
                self._cut(thread)
                raise PluginError(f"{self._subject} did not end {where} within {limit} ({self._file})") from None
            except BaseException:
                self._cut(thread)
                raise
        if failure is not None:
            raise VetoError(failure.text, failure.exit_code) if failure.refused else PluginError(failure.text)

    def close(self) -> None:
        """Release the thread."""
        if self._thread is not None:
            self._thread.close()

    def _cut(self, thread: HookThread) -> None:
        self._thread = None
        self.stuck = True  # should the cutting itself be interrupted
        self.stuck = not thread.cut(self._grace)

    def _carry_out(
        self,
        functions: Sequence[Callable[[], object]],
        where: str,
        phase: PluginPhase | None,
        inbox: SimpleQueue[object],
    ) -> _Done:
        """Call the functions, in the plugin's thread; describe errors here: that, too, runs plugin code."""
        CURRENT.set(phase)
        try:
            with older_names(), caught(Lines(self._masker, lambda line: inbox.put(Said(line)))):
                for function in functions:
                    function()
        except Cut:
            return _Done(None)
        except VetoError as error:
            text = f"{self._subject} refused {where} ({self._file}): {error}"
            return _Done(Failure(self._masker.mask_string(text), error.exit_code, refused=True))
        except BaseException as error:
            return _Done(Failure(self._described(error, where)))
        return _Done(None)

    def _described(self, error: BaseException, where: str) -> str:
        try:
            text = str(error)
        except Exception as other:
            text = f"(its text cannot be made: {type(other).__name__})"
        kind = type(error).__name__
        shown = self._masker.mask_string(f"{kind}: {text}" if text else kind)[:_LONGEST_TEXT]
        return self._masker.mask_string(f"{self._subject} failed in {where} ({self._place(error)})") + f": {shown}"

    def _place(self, error: BaseException) -> str:
        """Return the plugin's file, with the last line in it that led to the error."""
        lines = [
            number for frame, number in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == self._file
        ]
        return f"{self._file}, line {lines[-1]}" if lines else self._file


def _answer(inbox: SimpleQueue[object], limit: Limit, tell: Tell) -> Failure | None:
    """Pass printed lines to `tell` until the call ends. Raises Empty after the limit, and exceptions from `inbox`."""
    while True:
        left = limit.left()
        try:
            item = inbox.get(timeout=max(0.0, min(left, _SLICE)))
        except Empty:
            if left > _SLICE:
                continue
            raise
        if isinstance(item, Said):
            tell(item.line)
        elif isinstance(item, _Done):
            return item.failure
        elif isinstance(item, BaseException):
            raise item
