"""Lines: nothing lost, nothing too long, nothing cut where it hurts, whatever the chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.output.text.ansi import SEQUENCE
from runnerlib.output.text.lines import LONGEST, Lines, final
from tests.output.show import cut, cuts, outputs

LIMIT = 16


def parts_of(chunks: list[bytes], longest: int = LIMIT) -> list[bytes]:
    lines = Lines(longest)
    return [part for chunk in chunks for part in lines.feed(chunk)] + lines.end()


@given(outputs, cuts)
def test_parts_are_the_output_and_never_too_long(data: bytes, places: list[int]) -> None:
    parts = parts_of(cut(data, places))
    assert b"".join(parts) == data
    for part in parts:
        assert part
        assert all(len(line) <= LIMIT for line in part.splitlines(keepends=True) if b"\r" not in line)
        assert all(len(line) < LIMIT for line in part.split(b"\n"))


@given(outputs, cuts)
def test_chunks_do_not_matter(data: bytes, places: list[int]) -> None:
    assert final(parts_of(cut(data, places))) == final(parts_of([data]))


@given(st.text(st.characters(exclude_characters="\n\r\x1b", exclude_categories=["Cs"]), max_size=200))
def test_no_character_is_cut(text: str) -> None:
    for part in parts_of([text.encode()]):
        part.decode()


@given(st.lists(st.sampled_from([b"x", b"\x1b[31m", b"\x1b[0m", b"\x1b[38;5;9m", b"yy"]), max_size=60))
def test_no_escape_sequence_is_cut(words: list[bytes]) -> None:
    for part in parts_of([b"".join(words)]):
        assert b"\x1b" not in SEQUENCE.sub(b"", part)


@given(outputs)
def test_final_lines_are_whole_and_have_no_carriage_return(data: bytes) -> None:
    lines = final(parts_of([data], LONGEST))
    assert b"\r" not in lines
    assert not data or lines.endswith(b"\n")
    assert lines.count(b"\n") == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b"1%\r50%\r100%\n", b"100%\n"),
        (b"1%\r50%\r100%\r\r\nnext", b"100%\nnext\n"),
        (b"1%\r2%\r", b"2%\n"),
        (b"\r", b"\n"),
        (b"", b""),
        (b"\0\xff\n", b"\0\xff\n"),
    ],
)
def test_a_line_that_overwrites_itself_is_shown_as_it_ends(written: bytes, kept: bytes) -> None:
    assert final(parts_of([written], LONGEST)) == kept


def test_progress_that_never_ends_its_line_is_cut_between_two_states() -> None:
    parts = parts_of([b"%03d%% done\r" % number for number in range(100)])
    assert {bytes(line) for line in final(parts).splitlines()} <= {b"%03d%% done" % number for number in range(100)}


def test_memory_is_bounded() -> None:
    lines = Lines()
    for _ in range(100):
        lines.feed(bytes(9999))
        assert len(lines.unfinished) < LONGEST


def test_the_longest_line_is_below_what_scanners_take() -> None:
    parts = parts_of([b"x" * (LONGEST - 1) + b"\n" + b"y" * LONGEST + b"\n"], LONGEST)
    assert [len(line) for line in final(parts).splitlines()] == [LONGEST - 1, LONGEST - 1, 1]
