from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import pairwise

import pytest

from benchmarks import cilog, secretset
from benchmarks.workload import Cell, Text, cells
from tests import oracle
from tests.looped import assert_each

SIZE = 300_000
CELLS = {cell.name: cell for cell in cells()}


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: b"".join(cilog.log_blocks()), "765b71a0949696bd"),
        (lambda: b"\n".join(secretset.raw(10_000).secrets), "38402921107883cb"),
        (lambda: Cell(secretset.raw(100), "clean").text(SIZE).whole, "83151557407ba52c"),
        (lambda: Cell(secretset.raw(100), "hits").text(SIZE).whole, "3007e4e25a3eebe3"),
        (lambda: Cell(secretset.raw(100), "adversarial").text(SIZE).whole, "d142da7dd1be3b24"),
    ],
    ids=["log", "secrets", "clean", "hits", "adversarial"],
)
def test_what_is_generated_never_changes(make: Callable[[], bytes], expected: str) -> None:
    assert digest(make()) == expected


@pytest.mark.parametrize("size", [1, 10_001, SIZE])
def test_a_text_has_the_size_that_was_asked_for(size: int) -> None:
    def check(name: str) -> None:
        text = CELLS[name].text(size)
        assert len(text.whole) == size
        assert b"".join(text.chunks) == text.whole

    assert_each(check, ((name,) for name in CELLS))


def test_the_log_is_utf8_in_lines_with_timestamps() -> None:
    for block in cilog.log_blocks()[:20]:
        assert cilog.BLOCK <= len(block) < cilog.BLOCK + 500
        assert block.endswith(b"\n")
        assert all(line.startswith("2026-11-") for line in block.decode().splitlines())


def test_a_long_text_does_not_repeat_its_order_of_blocks() -> None:
    lines = Cell(secretset.raw(1), "clean").text(10 * SIZE).whole.split(b"\n")
    assert len(set(pairwise(lines))) > 0.9 * min(len(lines), len(set(lines)))


@pytest.mark.parametrize("count", [1, 10, 100, 1_000, 10_000])
def test_secrets_differ_and_are_strong(count: int) -> None:
    secrets = secretset.raw(count)
    assert len(set(secrets.secrets)) == count == len(secrets.patterns)
    assert min(map(len, secrets.secrets)) >= 8
    assert not any(b"," in secret or b"'" in secret or b"\n" in secret for secret in secrets.secrets)


def test_small_sets_are_part_of_large_ones() -> None:
    assert secretset.raw(1_000).secrets[:100] == secretset.raw(100).secrets


def test_encoded_sets_have_more_patterns() -> None:
    secrets = secretset.encoded(100)
    assert set(secretset.raw(100).secrets) < set(secrets.patterns)
    assert len(secrets.patterns) > 1_000


@pytest.mark.parametrize("count", [1, 100, 10_000])
def test_clean_text_is_clean(count: int) -> None:
    whole = b"".join(cilog.log_blocks())
    assert secretset.raw(count).masker().mask(whole) is whole


@pytest.mark.parametrize("count", [1, 100, 10_000])
def test_hits_come_once_in_ten_kilobytes(count: int) -> None:
    cell = Cell(secretset.raw(count), "hits")
    masked = cell.secrets.masker().mask(cell.text(SIZE).whole)
    assert masked.count(secretset.MARKER) == pytest.approx(SIZE / cilog.BLOCK, abs=2)


@pytest.mark.parametrize("count", [1, 100])
def test_near_misses_fill_the_adversarial_text(count: int) -> None:
    cell = Cell(secretset.raw(count), "adversarial")
    text = cell.text(5_000).whole
    present = [pattern for pattern in cell.secrets.patterns if pattern in text]
    assert oracle.mask(present, text).count(b"#") < 5
    starts = {pattern[:1] for pattern in cell.secrets.patterns}
    assert sum(text.count(start) for start in starts) > len(text) / 50


def test_a_prefix_is_the_text_itself_when_it_is_short() -> None:
    text = Text(b"abc")
    assert text.prefix(3) is text
    assert text.prefix(2).whole == b"ab"


def test_an_unknown_kind_of_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown kind of text 'dirty'"):
        Cell(secretset.raw(1), "dirty").text(1)
