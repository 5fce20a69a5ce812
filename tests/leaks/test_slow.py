"""Maskers that were slow: what is done is counted (calls, bytes, patterns), never timed."""

from __future__ import annotations

import sys
import tracemalloc
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.leaks.situation import MARK, RSA_KEY, TOKEN, knowing

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.masking import SecretMasker


def secrets(count: int) -> list[bytes]:
    return [b"ghp_%05d-Kq7vZx9wPf3mBn" % number for number in range(count)]


def calls(work: Callable[[], object]) -> int:
    """The calls that Python makes, functions written in C included."""
    seen = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal seen
        seen += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return seen


def peak(work: Callable[[], object]) -> int:
    """The bytes that Python objects took at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def size(masker: SecretMasker) -> tuple[int, int]:
    return len(masker._scanner), masker._scanner.nbytes


def test_calls_do_not_grow_with_secrets_or_lines() -> None:
    """upstream-U8, azure-pipelines-agent #1613: one search per secret and line, 25 s for a million lines."""
    lines = b"2026-01-01 compiling module, 200 OK\n" * 100_000
    maskers = [knowing(*secrets(count)) for count in (0, 1, 20, 1000)]
    counted = {calls(partial(masker.mask, lines)) for masker in maskers}
    assert len(counted) == 1
    assert counted.pop() < 10


@pytest.mark.parametrize("letters", [b"a", b"gh", b"ghp_00"], ids=lambda text: f"actions-runner-1031 {text.decode()}…")
def test_a_line_of_100_kilobytes(letters: bytes) -> None:
    """Took ten minutes: `aaaa…` on one line, and here also lines of the beginnings of secrets."""
    masker = knowing(TOKEN, b"aaaaaaab", *secrets(100))
    line = letters * (100_000 // len(letters))
    stream = masker.stream()
    longest = max(len(masker._scanner.marker), 200)
    shown = b""
    for at in range(0, len(line), 1000):
        shown += stream.feed(line[at : at + 1000])
        assert stream.held < longest
    assert shown + stream.flush() == line


def test_a_line_without_hits_is_not_copied() -> None:
    """actions/runner #1031: the longer the line, the slower; here 10 MB pass without a copy."""
    masker = knowing(*secrets(20))
    line = b"x" * 10_000_000
    assert peak(lambda: masker.mask(line)) < 100_000
    assert masker.stream().feed(line) is line


def test_memory_is_bounded_by_secrets_not_by_lines() -> None:
    """concourse writeDangling: what is no UTF-8 was held without bound; a reader by line holds the line."""
    stream = knowing(TOKEN, RSA_KEY).stream()
    piece = b"\xc3" * 65_536

    def write() -> None:
        for _ in range(100):
            assert stream.feed(piece) is piece

    assert peak(write) < 100_000
    assert stream.held == 0


def test_a_key_costs_a_bounded_number_of_patterns() -> None:
    """azure-pipelines-agent #2987: more patterns, and jobs timed out; they grow with what is registered only."""
    one, ten = (size(knowing(*secrets(count))) for count in (100, 1000))
    assert one[0] <= 100 * 35
    assert ten[0] <= 10 * one[0]
    assert ten[1] <= 30 * one[1]
    lines = len(RSA_KEY.splitlines())
    assert size(knowing(RSA_KEY))[0] <= 60 + 42 * lines


def test_the_same_secret_again_costs_nothing() -> None:
    """gitlab-runner !2979, !3482 (speed): values that are registered again must not be searched again."""
    masker = knowing(TOKEN, RSA_KEY)
    before = size(masker)
    for _ in range(50):
        masker.register_secrets([TOKEN, RSA_KEY, TOKEN])
    assert size(masker) == before


def test_short_writes_with_large_masks() -> None:
    """gitlab-runner !2863 (short writes with large masks): a byte in each write, all of it held."""
    secret = b"0123456789abcdef" * 1000
    masker = knowing(secret)
    stream = masker.stream()
    shown = [stream.feed(secret[at : at + 1]) for at in range(len(secret) - 1)]
    assert shown == [b""] * (len(secret) - 1)
    assert stream.held == len(secret) - 1
    assert stream.feed(secret[-1:]) + stream.flush() == MARK


def test_a_large_mask_that_never_comes() -> None:
    """gitlab-runner !2863: nearly a large secret; all comes out, nothing piles up."""
    secret = b"0123456789abcdef" * 1000 + b"!"
    stream = knowing(secret).stream()
    text = secret[:-1] + b"?"
    shown = b"".join(stream.feed(text[at : at + 997]) for at in range(0, len(text), 997))
    assert stream.held < len(secret)
    assert shown + stream.flush() == text


def test_secrets_over_themselves() -> None:
    """buildkite-agent: 200 needles `aaaa…` made work quadratic; what is compiled once then serves."""
    masker = knowing(*(b"a" * count for count in range(3, 203)))
    assert masker.mask(b"a" * 1_000_000) == MARK  # compiles, and may import for that
    assert calls(lambda: masker.mask(b"a" * 1_000_000)) < 10
    assert masker._scanner.nbytes < 20_000_000
