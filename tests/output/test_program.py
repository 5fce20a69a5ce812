"""The output of a job arrives where the program that runs it shows its own things, in order."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.errors import OutputError
from runnerlib.output.python_streams import TextOutput, program_streams
from tests.integration.cli import environment


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_text_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    shown = io.StringIO()
    output = TextOutput(shown)
    for piece in pieces:
        output.write(piece)
    output.close()
    assert shown.getvalue() == b"".join(pieces).decode("utf-8", "backslashreplace")


def test_what_the_stream_cannot_encode_is_escaped() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "ascii", newline="")
    output = TextOutput(stream)
    output.write("é→\n".encode())
    stream.flush()
    assert raw.getvalue() == b"\\xe9\\u2192\n"


def test_a_stream_that_is_closed() -> None:
    shown = io.StringIO()
    output = TextOutput(shown)
    output.write(b"\xc3")
    shown.close()
    for _ in range(2):
        with pytest.raises(OutputError, match="cannot write the job's output: i/o operation on closed file"):
            output.write(b"x")
    output.close()


def test_streams_without_a_descriptor() -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        streams = program_streams()
    streams.out.write(b"out")
    streams.err.write(b"err")
    streams.close()
    assert (out.getvalue(), err.getvalue(), streams.congested, streams.give_up()) == ("out", "err", False, 0)
    assert not streams.out.is_terminal


def test_both_on_one_stream_keep_their_order() -> None:
    both = io.StringIO()
    with contextlib.redirect_stdout(both), contextlib.redirect_stderr(both):
        streams = program_streams()
    assert streams.out is streams.err
    for piece in (b"\xc3", b"\xa9", b"x"):
        streams.err.write(piece)
    assert both.getvalue() == "éx"


def test_a_file_in_place_of_stdout(tmp_path: Path) -> None:
    with open(tmp_path / "log", "w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        print("before")
        streams = program_streams()
        streams.out.write(b"\xff raw\n")
        streams.close()
        print("after")
    assert (tmp_path / "log").read_bytes() == b"before\n\xff raw\nafter\n"


@pytest.mark.parametrize("shown", ["2>&1 | cat", "2>err | cat", "> out 2>&1; cat out"])
def test_what_was_printed_before_stands_before(tmp_path: Path, shown: str) -> None:
    program = "import runnerlib; print('before'); runnerlib.run_job(command='echo job'); print('after')"
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -c "{program}" {shown}'],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith(b"runnerlib:")]
    assert lines == [b"before", b"job", b"after"]


def test_a_program_without_stdout(tmp_path: Path) -> None:
    program = (
        "import runnerlib, sys\n"
        "try:\n    runnerlib.run_job(command='echo job')\n"
        "except runnerlib.RunnerError as error:\n    sys.exit(str(error))"
    )
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -c "{program}" >&-'],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "cannot write to descriptor 1: Bad file descriptor\n")
