"""A rival that masks wrongly would be an unfair one: the ones that claim our semantics must have it."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from benchmarks import engine
from benchmarks.rivals import RIVALS, Window
from benchmarks.secretset import MARKER, SecretSet
from benchmarks.workload import Text
from tests import oracle
from tests.looped import assert_each

ENGINES = [engine.Runnerlib, engine.RunnerlibWritten, *(rival for rival in RIVALS if rival.union)]


def case(random: Random) -> tuple[list[bytes], list[bytes]]:
    """Patterns over two letters that overlap, touch and contain each other, and pieces of a text full of them."""
    patterns = [bytes(random.choices(b"ab", k=random.randint(3, 7))) for _ in range(random.randint(1, 5))]
    patterns = list(dict.fromkeys(patterns))
    text = oracle.text_of(patterns, b"abc", 150, random)
    places = sorted(random.choices(range(len(text)), k=random.randint(1, 20)))
    return patterns, [text[a:b] for a, b in pairwise([0, *places, len(text)])]


def test_a_window_replaces_the_union_wherever_the_text_is_cut() -> None:
    assert_each(check_a_window, ((seed,) for seed in range(200)))


def check_a_window(seed: int) -> None:
    random = Random(seed)
    patterns, pieces = case(random)
    text = b"".join(pieces)
    ends = [(end, size) for size in map(len, patterns) for end in range(size, len(text) + 1)]
    spans = [(end - size, end) for end, size in ends if text[end - size : end] in patterns]
    window = Window(max(map(len, patterns)))
    shown, seen = [], 0
    for piece in pieces:
        window.slide(piece)
        found = [(start, end) for start, end in spans if seen < end <= seen + len(piece)]
        random.shuffle(found)
        shown.append(bytes(window.release(found)))
        seen += len(piece)
    shown.append(bytes(window.release((), last=True)))
    assert b"".join(shown) == oracle.mask(patterns, text, MARKER)


@pytest.mark.parametrize("masking", ENGINES, ids=lambda masking: masking.name)
def test_engines_with_union_semantics_mask_as_the_oracle_does(masking: type[engine.Engine]) -> None:
    if reason := engine.missing(masking):
        pytest.skip(reason)
    for seed in range(100):
        patterns, pieces = case(Random(seed))
        text = Text(b"".join(pieces))
        text.chunks = pieces
        masked = masking(SecretSet("case", tuple(patterns))).masked(text)
        assert b"".join(map(bytes, masked)) == oracle.mask(patterns, text.whole, MARKER)


@pytest.mark.parametrize("rival", [rival for rival in RIVALS if not rival.union], ids=lambda rival: rival.name)
def test_other_rivals_replace_what_stands_alone(rival: type[engine.Engine]) -> None:
    if reason := engine.missing(rival):
        pytest.skip(reason)
    masked = rival(SecretSet("case", (b"se.cret", b"se.cret-2"))).masked(Text(b"1 se.cret 2 se.cret-2 3 seXcret"))
    assert b"".join(masked) == b"1 " + MARKER + b" 2 " + MARKER + b" 3 seXcret"


def test_a_slow_engine_gets_less_text() -> None:
    class Slow(engine.MemcpyChunks):
        def masked(self, text: Text):
            for _ in range(len(text.whole) * 100):
                pass
            return super().masked(text)

    text = Text(bytes(1 << 22))
    assert len(engine.fitting(Slow(), text, 0.01).whole) < len(text.whole)
    assert engine.fitting(engine.MemcpyChunks(), Text(b"short"), 1.0).whole == b"short"
