"""Escape sequences: colours pass and end, nothing else does. A terminal emulator is the judge."""

from __future__ import annotations

import re

import pyte
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runnerlib.masking import SecretMasker
from runnerlib.output.text.ansi import Colours, colours_only, text_only
from tests.output.show import outputs

SGR = re.compile(rb"\x1b\[[0-9;:]*m")
# What pyte understands of SGR.
parameters = st.lists(
    st.sampled_from(
        [
            "0",
            "1",
            "3",
            "4",
            "5",
            "7",
            "9",
            "22",
            "23",
            "24",
            "25",
            "27",
            "29",
            "31",
            "39",
            "42",
            "49",
            "90",
            "94",
            "101",
            "38;5;9",
            "48;5;200",
            "38;2;1;2;3",
        ]
    ),
    max_size=4,
).map(lambda codes: f"\x1b[{';'.join(codes)}m".encode())


@given(outputs)
@example(b"\xc2\xc2\x9b\x9b")
@example(b"\xc2\r\x9b")
@example(b"\xc2\x1b[2J\r\x1b[31m\x1b[1m\r\x9b")
@example(b"\x1b\x00[2J\x1b\x1b[2J[2J")
def test_only_colours_tabs_and_line_breaks_are_left(data: bytes) -> None:
    left = SGR.sub(b"", colours_only(data))
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", left)
    assert left.count(b"\n") == data.count(b"\n")


SECRET = "correct-horse"
between = st.one_of(
    st.sampled_from([b"\x1b[2J", b"\x1b]0;title\x07", b"\x1b]8;;" + b"u" * 700 + b"\x1b\\", b"\xc2\x9b", b"\x1b(B"]),
    st.integers(0, 31).map(lambda code: bytes([code])),
    st.just(b"\x7f"),
    st.just(b"\x1b[1;2"),
    outputs,
)


@given(st.lists(between, min_size=len(SECRET), max_size=len(SECRET)))
@example([b"\0"] * len(SECRET))
@example([b"\x1b[2J" * 200] * len(SECRET))
def test_pieces_of_a_secret_never_meet(junk: list[bytes]) -> None:
    masker = SecretMasker()
    masker.register_secret(SECRET)
    printed = b"".join(letter.encode() + other for letter, other in zip(SECRET, junk, strict=True))
    assert SECRET not in text_only(masker.mask(printed))


def test_control_characters_are_shown() -> None:
    assert colours_only(b"done\a 10%\b\b20%\0\x7f\r\n") == b"done^G 10%^H^H20%^@^?\n"


@given(st.lists(st.one_of(parameters, st.just(b"text")), max_size=12).map(b"".join))
def test_text_without_other_sequences_stays_as_it_is(data: bytes) -> None:
    assert colours_only(data) == data
    assert text_only(data) == "text" * data.count(b"text")


def attributes(data: bytes) -> pyte.screens.Char:
    """Return the next character after `data` as a terminal shows it."""
    screen = pyte.Screen(80, 1)
    pyte.ByteStream(screen).feed(data)
    return screen.cursor.attrs


@given(st.lists(parameters, max_size=12))
def test_what_is_on_is_known(sequences: list[bytes]) -> None:
    colours = Colours()
    colours.feed(b"".join(sequences))
    assert attributes(colours.sequence) == attributes(b"".join(sequences))


@given(st.lists(st.lists(st.one_of(parameters, st.just(b"t")), max_size=5).map(b"".join), min_size=1, max_size=6))
def test_no_line_leaves_anything_on_and_every_line_looks_as_it_would(lines: list[bytes]) -> None:
    colours = Colours()
    before = b""
    for line in lines:
        closed = colours.closed(line + b"X\n")
        assert attributes(closed) == attributes(b"")
        before += line
        assert _last_x(closed) == _last_x(before + b"X")


def _last_x(data: bytes) -> pyte.screens.Char:
    screen = pyte.Screen(80, 2)
    pyte.ByteStream(screen).feed(data)
    return next(char for char in screen.buffer[0].values() if char.data == "X")


@pytest.mark.parametrize(
    ("written", "on"),
    [
        (b"\x1b[1m\x1b[2m", b"\x1b[1;2m"),
        (b"\x1b[1;2m\x1b[22m", b""),
        (b"\x1b[4:3m", b"\x1b[4:3m"),
        (b"\x1b[4:3m\x1b[4:0m", b""),
        (b"\x1b[38:2::1:2:3m", b"\x1b[38:2::1:2:3m"),
        (b"\x1b[38;5;0m", b"\x1b[38;5;0m"),
        (b"\x1b[38;5m", b"\x1b[38;5m"),
        (b"\x1b[31;m", b""),
        (b"\x1b[31m\x1b[32m", b"\x1b[32m"),
        (b"\x1b[99999999999999999999m", b""),
    ],
)
def test_forms(written: bytes, on: bytes) -> None:
    colours = Colours()
    colours.feed(written)
    assert colours.sequence == on
