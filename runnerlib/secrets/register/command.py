"""The command line of the client."""

from __future__ import annotations

import sys
from contextlib import suppress
from getopt import GetoptError, gnu_getopt
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.secrets.register.client import register

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USAGE = """\
Usage: runnerlib register-secret [OPTIONS] [VALUE... | -]

  Hide a secret in the output of this job from now on.

  Without VALUE, the whole standard input is one secret, less a newline at its end. With -, its lines
  are secrets too. A VALUE in the arguments works but can be seen by every user of this system; one
  that begins with - goes after --.

Options:
  --file FILE    Register the content of FILE like standard input; may be given several times.
  --lines        Every line of the input is a secret, and the whole is none.
  --socket PATH  The runner's socket.  [REACTORCIDE_SECRETS_SOCKET]
  -h, --help     Show this message and exit.

Exit codes:
  0  every value is hidden from now on
  1  at least one is not; the reason is on standard error
  2  a usage error: nothing was registered
"""


class _UsageError(Exception):
    """The arguments are wrong; the text holds none of them, as each may be a secret."""


class _Given(NamedTuple):
    values: list[str]
    files: list[str]
    lines: bool
    socket: str | None
    help: bool


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line, `sys.argv` by default, and return its exit code; see USAGE.

    `-` registers the whole input and, as Reactorcide does, each line of it that has 3 bytes or more.
    """
    try:
        given = _parse(sys.argv[1:] if argv is None else argv)
        if given.help:
            sys.stdout.write(USAGE)
            return 0
        values = list(_values(given))
        if any(value != "-" for value in given.values):
            _say("warning: a value in the arguments is visible to other users; standard input is not")
        problem = register(values, given.socket).problem if values else "there is nothing to register"
    except _UsageError as error:
        _say(f"error: {error}")
        return 2
    except OSError as error:
        problem = f"cannot read {error.filename!r}: {error.strerror}"
    except KeyboardInterrupt:
        return 130
    if problem:
        _say(f"error: {problem}")
    return 1 if problem else 0


def _parse(argv: Sequence[str]) -> _Given:
    try:
        options, values = gnu_getopt(list(argv), "h", ["help", "file=", "lines", "socket="])
    except GetoptError:
        raise _UsageError("unknown or incomplete option; a value that begins with '-' goes after '--'") from None
    named = dict(options)
    files = [value for name, value in options if name == "--file"]
    return _Given(values, files, "--lines" in named, named.get("--socket"), bool({"-h", "--help"} & named.keys()))


def _values(given: _Given) -> Iterator[str | bytes]:
    for value in given.values:
        if value == "-":
            yield from _secrets(_read(0), given.lines, by_line=True)
        else:
            yield value
    for file in given.files:
        yield from _secrets(_read(file), given.lines)
    if not given.values and not given.files:
        yield from _secrets(_read(0), given.lines)


def _read(file: str | int) -> bytes:
    try:
        with open(file, "rb", closefd=file != 0) as opened:
            return opened.read()
    except OSError as error:
        error.filename = file or "standard input"
        raise


def _secrets(data: bytes, only_lines: bool, by_line: bool = False) -> Iterator[bytes]:
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n") if line.strip()]
    if only_lines:
        yield from lines
        return
    yield data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data
    if by_line and len(lines) > 1:
        yield from (line for line in lines if len(line) >= 3)


def _say(text: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"{text}\n")
