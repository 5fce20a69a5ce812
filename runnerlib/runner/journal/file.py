"""The journal: a file with one JSON object per line, written as steps end, locked while in use.

When a runner is killed, the lines it has written remain; an incomplete last line is ignored. Lines:
`{"journal": 1}` first, `{"prepared": true}` once the sources are there, and for each step that ended
`{"step": name, "signature": text, "success": bool, "result": {...}, "exports": {...}}`. The exports of a step are
left out when they hold a secret, because secrets are not written to disk. Each line ends with a `"code"`, the proof
that a runner wrote it (`journal.seal`); a journal without this proof is not used.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.files import explain, open_regular, try_lock
from runnerlib._util.paths import own_directory
from runnerlib.errors import RunnerError
from runnerlib.events.result import Exports, StepResult, Usage
from runnerlib.runner.journal.seal import Seal, SealError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_VERSION = 1
_LARGEST = 256 << 20
# What is as by default is left out of a line, and so is what may hold a secret.
_USUAL = tuple(map(StepResult._field_defaults.get, StepResult._fields))
_UNSAID = {"usage", "outputs", "reason"}


class Entry(NamedTuple):
    """A finished step: `signature` is that of its definition, `exports` is None when they were not saved."""

    signature: str
    result: StepResult
    exports: Exports | None


class Journal:
    """The open journal of a workspace; no other run can open it meanwhile."""

    def __init__(self, path: Path, seal: Path | None, *, fresh: bool) -> None:
        """Open the journal at `path`, emptied when `fresh`. Raises RunnerError when that is not possible.

        A journal that does not match the seal at `seal` counts as empty, and `doubt` says why.
        """
        self._path = path
        self._seal_path = seal
        self._half = path.with_name("journal.key")
        self._seal: Seal | None = None
        self.doubt = ""
        own_directory(path.parent.parent, path.parent.name)
        self._file = _opened(path)
        self.entries: dict[str, Entry] = {}
        self.prepared = False
        self._usable = False
        self._encode: Callable[[object], str] | None = None
        try:
            if fresh:
                self._begin()
            elif os.fstat(self._file).st_size:
                self._load_proven()
        except OSError as error:
            os.close(self._file)
            raise RunnerError(f"cannot use the journal '{path}': {error.strerror}") from None
        except BaseException:
            os.close(self._file)
            raise

    def record_prepared(self) -> None:
        """Record that the sources are in the workspace. Raises RunnerError."""
        self.prepared = True
        try:
            self._append({"prepared": True})
        except OSError as error:
            raise RunnerError(f"cannot write the journal '{self._path}': {error.strerror}") from None

    def record(self, entry: Entry) -> None:
        """Record a finished step. Raises OSError."""
        result = entry.result
        told = zip(StepResult._fields, result, _USUAL, strict=True)
        shown: dict[str, Any] = {name: held for name, held, usual in told if held != usual and name not in _UNSAID}
        shown["usage"] = result.usage and result.usage._asdict()
        line: dict[str, Any] = {"step": result.name, "signature": entry.signature, "result": shown}
        if entry.exports is not None:
            outputs, env, path = entry.exports
            line["exports"] = {"outputs": dict(outputs), "env": dict(env), "path": list(path)}
        self._append(line)

    def close(self) -> None:
        """Close and unlock the journal."""
        if self._seal is not None:
            self._seal.close()
        os.close(self._file)

    def _begin(self) -> None:
        """Start an empty journal. If its key cannot be stored, a later run cannot resume, and will say so."""
        self._usable = True
        os.truncate(self._file, 0)
        with suppress(SealError):
            self._seal = Seal(self._seal_path, self._half, fresh=True)
        self._append({"journal": _VERSION})

    def _load_proven(self) -> None:
        try:
            self._seal = Seal(self._seal_path, self._half, fresh=False)
            self._load(self._seal)
        except SealError as error:
            self.entries, self.prepared, self._usable = {}, False, False
            self.doubt = f"the journal '{self._path}' is not used: {error}; everything runs again"
        if not self._usable and self._seal is not None:
            self._seal.close()
            self._seal = None

    def _append(self, line: object) -> None:
        if self._encode is None:
            import json  # only jobs of several steps keep a journal

            self._encode = json.JSONEncoder(separators=(",", ":")).encode
        if not self._usable:
            self._begin()
        text = self._encode(line).encode()
        data = text + b"\n" if self._seal is None else self._seal.signed(text)
        written = os.write(self._file, data)
        if written != len(data):
            os.truncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError(0, "it was cut")
        if self._seal is not None:
            self._seal.keep()

    def _load(self, seal: Seal) -> None:
        """Read the complete lines; remove an incomplete last line, which a killed runner has left."""
        import json

        with open(self._file, "rb", closefd=False) as file:
            # A buffer is made for as much as is asked for: not for the largest journal there may be
            data = file.read(min(os.fstat(self._file).st_size, _LARGEST) + 1)
        if len(data) > _LARGEST:
            raise RunnerError(f"the journal '{self._path}' is larger than {_LARGEST} bytes; run without --resume")
        whole = data.rfind(b"\n") + 1
        os.truncate(self._file, whole)
        for number, text in enumerate(seal.verified(data[:whole].splitlines(keepends=True)), 1):
            try:
                self._take(json.loads(text))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                where = f"line {number} of the journal '{self._path}'"
                raise RunnerError(f"{where} is damaged; run without --resume") from None

    def _take(self, line: dict[str, Any]) -> None:
        if "journal" in line:
            self._usable = line["journal"] == _VERSION
        elif "prepared" in line:
            self.prepared = True
        else:
            entry = _entry(line)
            self.entries[entry.result.name] = entry


def _opened(path: Path) -> int:
    """Open and lock the file of a journal, whatever a job may have put there. Raises RunnerError."""
    try:
        file = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    except OSError as error:
        raise RunnerError(f"cannot open the journal '{path}': {explain(error)}") from None
    try:
        if try_lock(file):
            return file
    except OSError as error:
        os.close(file)
        raise RunnerError(f"cannot lock the journal '{path}': {error.strerror}") from None
    os.close(file)
    raise RunnerError(f"another run is using the workspace '{path.parent.parent}'")


def _entry(line: dict[str, Any]) -> Entry:
    result = dict(line["result"])
    usage = result.pop("usage")
    result = {name: result[name] for name in StepResult._fields if name in result}
    exports = line.get("exports")
    found = None if exports is None else Exports(exports["outputs"], exports["env"], tuple(exports["path"]))
    result["outputs"] = found.outputs if found else {}
    return Entry(line["signature"], StepResult(**result, usage=usage and Usage(**usage)), found)
