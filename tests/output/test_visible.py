"""The part of a line that a person sees."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.output.text.visible import visible


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (b"connection reset\n", "connection reset"),
        (b"connection \x1b[31mreset\x1b[0m\n", "connection reset"),
        (b"connection \x1b[38;5;196mre\x1b[1mset\x1b(B\x1b[m\r\n", "connection reset"),
        (b"\x1b]8;;https://x.org/connection\x07connection\x1b]8;;\x1b\\ reset", "connection reset"),
        (b"\x1b]0;a title\x07connection\x1bPa string\x1b\\ reset", "connection reset"),
        ("\x9b31mconnection\x9b0m reset".encode(), "connection reset"),
        (b"conn\x00ection\x07 reset\x7f", "connection reset"),
        ("con\u200bnec\u2060tion\ufeff re\u00adset\ufe0f\u202e".encode(), "connection reset"),
        ("connection\u00a0reset, connection\u3000reset".encode(), "connection reset, connection reset"),
        (b"connection lost\rconnection reset", "connection reset"),
        (b"           reset\rconnection", "connection reset"),
        (b"connection reset\rnothing         ", "nothing"),
        (b"10%\r20%\r\x1b[Kok", "ok"),
        (b"connection resat\b\bet", "connection reset"),
        (b"connection\x1b[1Creset", "connection reset"),
        (b"reset\x1b[3Dxx", "rexxt"),
        (b"abc\x1b[1K\x1b[1Gde", "de"),
        (b"\xff\xe9t\xe9", "\ufffd\ufffdt\ufffd"),
        (b"a\tb  ", "a\tb  "),
        (b"unfinished \x1b[3", "unfinished "),
        (b"unfinished \x1b]0;title", "unfinished "),
        (b"\x1b", ""),
        (b"x\x1b[99999C\x1b[99999Cy", "x" + 4095 * " " + "y"),
        (b"", ""),
    ],
)
def test_a_line(line: bytes, seen: str) -> None:
    assert visible(line) == seen


NUMBERS = st.one_of(st.just(""), st.integers(0, 30).map(str))
PIECES = st.one_of(
    st.text("abcde xyz", max_size=9),
    st.sampled_from(["\r", "\b", "\x07", "\x1b[0;31m", "\x1b[m", "\x1b]0;t\x07", "\x1b[K", "\x1b[1K", "\x1b[2K", "é"]),
    st.builds("\x1b[{}{}".format, NUMBERS, st.sampled_from("CDG")),
)


@given(st.lists(PIECES, max_size=20))
def test_it_is_what_a_terminal_shows(pieces: list[str]) -> None:
    line = "".join(pieces)
    screen = pyte.Screen(1000, 1)
    pyte.Stream(screen).feed(line)
    assert visible(line.encode()).rstrip() == screen.display[0].rstrip()


@given(st.binary())
def test_any_bytes_have_a_picture_without_controls(line: bytes) -> None:
    assert not {char for char in visible(line) if ord(char) < 32} - {"\t"}
