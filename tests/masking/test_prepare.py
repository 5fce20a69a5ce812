"""Searching ahead: whatever was prepared before, `feed` returns what it returns without."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.masking._scanner import SHAPES, Scanner, Stream
from tests.masking import test_folded, test_shapes

SOME = settings(derandomize=True, deadline=None, database=None, max_examples=150)


def a_case(rng: random.Random) -> tuple[list[bytes], bytes]:
    """Interrupted secrets, shapes, or holds so long that the states of automata are carried."""
    kind = rng.choice(["folded", "shapes", "holds"])
    if kind == "shapes":
        return [b"eyJ", b"ghp_aaaa"], test_shapes.a_text(rng)
    if kind == "folded":
        return test_folded.a_case(rng)
    return [b"ab" * 600 + b"c", b"b" * 90], b"x" + b"ab" * 700 + rng.choice([b"", b"c"]) + b"b" * 95


def agree(one: Stream, other: Stream) -> None:
    assert (one.held, one.tally(), one.released) == (other.held, other.tally(), other.released)


@SOME
@given(seed=st.integers(0, 1 << 40))
def test_nothing_that_can_be_seen_changes(seed: int) -> None:
    rng = random.Random(seed)
    patterns, text = a_case(rng)
    scanner = Scanner(b"#", folded=rng.random() < 0.7, shapes=dict.fromkeys(SHAPES, b"<>"))
    known = rng.randint(0, len(patterns))
    scanner.add(patterns[:known])
    plain, prepared = scanner.stream(), scanner.stream()
    most, at = rng.choice([1, 9, 60, 1500]), 0
    while at < len(text):
        piece = text[at : at + rng.randint(1, most)]
        at += len(piece)
        for ahead in rng.choice([[], [piece], [piece], [text], [b"", piece], [piece, piece[:1]], [piece, bytes(9)]]):
            prepared.prepare(ahead)
            agree(plain, prepared)
        if known < len(patterns) and rng.random() < 0.1:
            scanner.add([patterns[known]])
            known += 1
        assert plain.feed(piece) == prepared.feed(piece)
        agree(plain, prepared)
        if rng.random() < 0.03:
            prepared.prepare(b"ab")
            assert plain.flush() == prepared.flush()
    assert plain.flush() == prepared.flush()
    agree(plain, prepared)


def test_a_registration_counts_for_what_was_prepared() -> None:
    scanner = Scanner(b"#")
    scanner.add([b"another"])
    stream, data = scanner.stream(), b"here: minted-just-now"
    stream.prepare(data)
    scanner.add([b"minted-just-now"])
    assert stream.feed(data) == b"here: #"


def test_clean_chunks_are_passed_on_and_threads_take_turns() -> None:
    scanner = Scanner(b"#", folded=True)
    scanner.add([b"secret-%d" % i for i in range(50)])
    stream, clean = scanner.stream(), b"nothing here\n" * 9000
    for _ in range(20):
        thread = threading.Thread(target=stream.prepare, args=(clean,))
        thread.start()
        assert stream.feed(clean) is clean
        thread.join()
    assert stream.feed(clean + b"secret-7") == clean + b"#"


def test_only_bytes_can_be_prepared() -> None:
    with pytest.raises(TypeError):
        Scanner(b"#").stream().prepare(bytearray(b"x"))  # type: ignore[arg-type]


def test_whether_there_is_anything_to_search_for() -> None:
    scanner = Scanner(b"#")
    stream = scanner.stream()
    assert not stream.searches
    scanner.add([b"secret"])
    assert stream.searches
    assert Scanner(b"#", shapes={"jwt": b"<>"}).stream().searches
