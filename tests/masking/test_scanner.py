"""The compiled core against the naive twin: every kernel, every cut, every fallback."""

from __future__ import annotations

import array
import gc
import random
import sys
import threading
from itertools import pairwise, product

import ahocorasick
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.masking._scanner import KERNELS, Scanner, Stream
from tests import oracle
from tests.looped import assert_each

PATIENT = settings(derandomize=True, deadline=None, database=None, max_examples=150)


def scanner(patterns: list[bytes], kernel: str | None = None) -> Scanner:
    made = Scanner(b"#", kernel)
    made.add(patterns)
    return made


def cut(text: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


def run(stream: Stream, pieces: list[bytes]) -> bytes:
    return b"".join(map(stream.feed, pieces)) + stream.flush()


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Patterns over few letters or many, some grown from others, and a text full of their pieces."""
    letters = draw(st.sampled_from([b"a", b"ab", b"abc", b"abcdefghij", bytes(range(256))]))
    rng = random.Random(draw(st.integers(0, 1 << 32)))
    longest = draw(st.sampled_from([2, 4, 9, 30, 150]))
    patterns = [bytes(rng.choices(letters, k=rng.randint(1, longest))) for _ in range(draw(st.integers(1, 12)))]
    for p in patterns[:3]:
        patterns += [p + p, p[1:] + p[:1], p[len(p) // 2 :] + bytes(rng.choices(letters, k=3))]
    return patterns, oracle.text_of(patterns, letters, draw(st.sampled_from([0, 5, 40, 300, 1500])), rng)


@pytest.mark.parametrize("kernel", KERNELS)
class TestUnion:
    @PATIENT
    @given(case=cases(), places=st.lists(st.integers(0, 1 << 20), max_size=20))
    def test_any_cut_gives_the_union(self, kernel: str, case: tuple[list[bytes], bytes], places: list[int]) -> None:
        patterns, text = case
        made, want = scanner(patterns, kernel), oracle.mask(patterns, text)
        assert made.mask(text) == want
        assert run(made.stream(), cut(text, places)) == want

    @pytest.mark.parametrize(
        ("patterns", "text", "want"),
        [
            ([b"abc", b"bcd"], b"xabcdx", b"x#x"),  # overlapping
            ([b"abc", b"def"], b"xabcdefx", b"x#x"),  # touching
            ([b"aab"], b"xaaabx", b"xa#x"),  # after a failed beginning of itself
            ([b"aa"], b"xaaax", b"x#x"),  # self-overlapping
            ([b"abcdef", b"cd"], b"abcdeg cd", b"ab#eg #"),  # inside one that fails
            ([b"secret", b"secret-longer"], b"secret-longe", b"#-longe"),  # prefix of one that fails
            ([b"\0\xff\0"], b"\0\xff\0\xff\0\0", b"#\0"),  # no text at all
            ([b"a", b"bb"], b"abba cbbc", b"# c#c"),  # shorter than any prefilter wants
        ],
    )
    def test_tables_hold_in_one_write_at_every_cut_and_byte_by_byte(
        self, kernel: str, patterns: list[bytes], text: bytes, want: bytes
    ) -> None:
        made = scanner(patterns, kernel)
        assert made.mask(text) == want
        for i in range(len(text) + 1):
            assert run(made.stream(), [text[:i], text[i:]]) == want
        assert run(made.stream(), [text[i : i + 1] for i in range(len(text))]) == want

    def test_many_patterns(self, kernel: str) -> None:
        def check(shortest: int, count: int) -> None:
            rng = random.Random(shortest * count)
            letters = b"abcdefghijklmnopqrstuvwxyz0123456789"
            patterns = [bytes(rng.choices(letters, k=shortest + rng.randint(0, 40))) for _ in range(count)]
            patterns += [p + b"-more" for p in patterns[:5]] + [p[:-1] + p[1:] for p in patterns[:5]]
            text = oracle.text_of(patterns, letters, 12_000, rng)
            want, made = oracle.mask(patterns, text), scanner(patterns, kernel)
            assert made.mask(text) == want
            assert run(made.stream(), cut(text, [rng.randrange(len(text)) for _ in range(40)])) == want

        assert_each(check, product([3, 5, 7, 8, 11, 15, 24], [30, 120, 2100]))

    def test_a_few_short_patterns_among_many_long_ones(self, kernel: str) -> None:
        rng = random.Random(5)
        patterns = [rng.randbytes(rng.randint(9, 30)) for _ in range(300)] + [b"key", b"pin!", b"\0\0\0"]
        text = oracle.text_of(patterns, bytes(range(256)), 20_000, rng)
        made = scanner(patterns, kernel)
        assert made.mask(text) == oracle.mask(patterns, text)
        assert run(made.stream(), cut(text, list(range(0, 20_000, 777)))) == oracle.mask(patterns, text)

    def test_a_pattern_at_either_end_of_a_text_of_any_size(self, kernel: str) -> None:
        def check(length: int) -> None:
            for patterns in ([b"needle"], [b"needle%04d" % i for i in range(500)]):
                made = scanner(patterns, kernel)
                text = patterns[-1] + b"." * length + patterns[-1]
                assert made.mask(text) == b"#" + b"." * length + b"#"
                assert made.mask(b"." * length + patterns[-1][:-1]) == b"." * length + patterns[-1][:-1]

        sizes = [63, 64, 65, 127, 128, 129, 255, 256, 257, 1000, 4096, 5000, 40_000]
        assert_each(check, ((size,) for size in sizes))

    def test_text_that_defeats_the_prefilter_goes_to_the_automaton_and_back(self, kernel: str) -> None:
        patterns = [b"a" * n for n in range(8, 60)] + [b"b" * 40 + b"c", b"needle-in-a-haystack"]
        bad, good = b"a" * 30_000, b"nothing to see here, needle-in-a-haystack. " * 900
        text = good + bad + b"b" * 9_000 + b"c" + good + b"a" * 7 + b"." + bad + good + b"b" * 39
        want, made = oracle.mask(patterns, text), scanner(patterns, kernel)
        assert made.mask(text) == want
        assert run(made.stream(), cut(text, list(range(0, len(text), 5_003)))) == want


class TestHold:
    @PATIENT
    @given(case=cases())
    def test_nothing_is_withheld_that_need_not_be(self, case: tuple[list[bytes], bytes]) -> None:
        patterns, text = case[0], case[1][:160]
        stream, out = scanner(patterns).stream(), b""
        for end in range(1, len(text) + 1):
            out += stream.feed(text[end - 1 : end])
            assert stream.held == oracle.held(patterns, text[:end])
        assert out + stream.flush() == oracle.mask(patterns, text)
        assert stream.held == 0

    def test_a_prompt_comes_out_at_once(self) -> None:
        stream = scanner([b"password1"]).stream()
        assert stream.feed(b"Password: ") == b"Password: "
        assert (stream.feed(b"pass"), stream.held) == (b"", 4)
        assert (stream.feed(b"port"), stream.held) == (b"passport", 0)

    def test_a_flushed_stream_is_new(self) -> None:
        stream = scanner([b"abc"]).stream()
        assert (stream.feed(b"xabc"), stream.flush()) == (b"x#", b"")
        assert (stream.feed(b"abca"), stream.flush()) == (b"#", b"a")

    @pytest.mark.parametrize("period", [b"x", b"xy", b"0123456789abcdef"])
    def test_long_holds_that_arrive_in_drops(self, period: bytes) -> None:
        """Long enough that states are carried from drop to drop, and given up when the hold ends."""
        long = period * (600 // len(period)) + b"!"
        patterns = [long, period * 3, b"end" + long]
        text = (long[:-1] + b"?" + long + b"end" + long[:-5] + b"...") * 5
        stream, out = scanner(patterns).stream(), b""
        for i in range(len(text)):
            out += stream.feed(text[i : i + 1])
            if i % 97 == 0:
                assert stream.held == oracle.held(patterns, text[: i + 1])
        assert out + stream.flush() == oracle.mask(patterns, text)


class TestCounters:
    @PATIENT
    @given(case=cases(), places=st.lists(st.integers(0, 1 << 20), max_size=20))
    def test_marks_and_the_longest_hold(self, case: tuple[list[bytes], bytes], places: list[int]) -> None:
        patterns, text = case
        made = Scanner(b"\xff#\xff#")
        made.add(patterns)
        stream, most = made.stream(), 0
        for piece in cut(text, places):
            stream.feed(piece)
            most = max(most, stream.held)
        stream.flush()
        hidden = oracle.covered(patterns, text)
        assert stream.marks == sum(1 for i in range(len(text)) if hidden[i] and not hidden[i - 1])
        assert stream.most_held == most
        stream.feed(text)
        stream.flush()
        assert stream.marks == 2 * sum(1 for i in range(len(text)) if hidden[i] and not hidden[i - 1])


class TestRegistration:
    def test_a_secret_registered_while_its_beginning_is_held_is_hidden(self) -> None:
        made = scanner([b"token-old"])
        streams = [made.stream() for _ in range(3)]
        assert [stream.feed(b"see token-") for stream in streams] == [b"see "] * 3
        made.add([b"token-new"])
        assert [stream.feed(b"new.") for stream in streams] == [b"#."] * 3

    @PATIENT
    @given(case=cases(), at=st.integers(0, 2000), known=st.integers(0, 8), places=st.lists(st.integers(0, 2000)))
    def test_at_any_moment(self, case: tuple[list[bytes], bytes], at: int, known: int, places: list[int]) -> None:
        patterns, text = case
        before, at = patterns[:known], at % (len(text) + 1)
        made = scanner(before)
        stream = made.stream()
        out = stream.feed(text[:at])
        shown, kept = len(out), stream.held
        made.add(patterns)
        out += run(stream, cut(text[at:], places))
        if not any(oracle.covered(before, text[:at])):  # then what was held is exactly what may be hidden
            assert out == text[:shown] + oracle.mask(patterns, text[at - kept :])
        assert made.mask(text) == oracle.mask(patterns, text)

    def test_one_by_one_is_the_same_as_all_at_once(self) -> None:
        rng = random.Random(11)
        patterns = [bytes(rng.choices(b"abcdefgh", k=rng.randint(3, 20))) for _ in range(700)]
        text = oracle.text_of(patterns, b"abcdefgh", 5_000, rng)
        made = scanner(patterns[:300])
        for pattern in patterns[300:]:
            made.add([pattern])
        assert made.mask(text) == scanner(patterns).mask(text) == oracle.mask(patterns, text)
        assert len(made) == len(set(patterns))
        assert made.add(patterns) == 0

    def test_streams_in_threads_see_each_registration(self) -> None:
        made = scanner([b"secret-0000"])
        latest = [0]
        leaks: list[int] = []

        def work() -> None:
            stream = made.stream()
            while latest[0] < 60:
                number = latest[0]  # registered before the feed begins
                out = stream.feed(b"x" * 8000 + b"secret-%04d" % number + b"y" * 90) + stream.flush()
                if b"secret-%04d" % number in out:
                    leaks.append(number)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(1, 61):
            made.add([b"secret-%04d" % number])
            latest[0] = number
        for thread in threads:
            thread.join()
        assert leaks == []

    def test_a_stream_shared_by_threads_loses_nothing(self) -> None:
        made = scanner([b"secret"])
        stream = made.stream()
        outs: list[bytes] = []

        def work() -> None:
            outs.extend(stream.feed(b"-" * 5000 + b"secret" + b"-" * 10) for _ in range(100))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert b"".join(outs) + stream.flush() == (b"-" * 5000 + b"#" + b"-" * 10) * 300


class TestBuffers:
    def test_any_contiguous_buffer(self) -> None:
        stream = scanner([b"secret"]).stream()
        for data in (b"a secret", bytearray(b"a secret"), memoryview(b"a secret"), array.array("B", b"a secret")):
            assert stream.feed(data) == b"a #"
        with pytest.raises(BufferError):
            stream.feed(memoryview(b"a secret")[::2])
        with pytest.raises(TypeError):
            stream.feed("a secret")  # type: ignore[arg-type,unused-ignore]

    def test_bytes_that_need_no_change_are_passed_on(self) -> None:
        clean = b"nothing here. " * 700
        for made in (Scanner(b"#"), scanner([b"secret"])):
            stream = made.stream()
            assert stream.feed(clean) is clean
            assert made.mask(clean) is clean
        assert stream.feed(b"se") == b""
        assert stream.feed(clean) == b"se" + clean
        assert stream.feed(b"") == b""

    def test_markers_of_any_length(self) -> None:
        for marker in (b"", b"*", b"[REDACTED]" * 20):
            made = Scanner(marker)
            made.add([b"abc"])
            assert made.mask(b"x abc abcabc y") == b"x " + marker + b" " + marker + b" y"


class TestRefusals:
    def test_an_empty_pattern(self) -> None:
        with pytest.raises(ValueError, match="empty pattern"):
            Scanner(b"#").add([b"abc", b""])

    def test_an_unknown_kernel(self) -> None:
        with pytest.raises(ValueError, match="unknown kernel 'vax'"):
            Scanner(b"#", "vax")

    @pytest.mark.parametrize("damage", ["id", "edge", "fail"])
    def test_an_inconsistent_trie_withholds_the_text(self, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
        class Damaged:
            def __init__(self, *arguments: int) -> None:
                self.whole = whole(*arguments)

            def __getattr__(self, name: str) -> object:
                return getattr(self.whole, name)

            def dump(self) -> tuple[list[tuple[int, ...]], ...]:
                nodes, edges, fails = self.whole.dump()
                if damage == "id":
                    nodes[1] = (nodes[2][0], nodes[1][1])
                elif damage == "edge":
                    edges[-1] = (edges[-1][0], edges[-1][1], edges[0][2])
                else:
                    fails[-1] = (fails[-1][0], fails[-1][0])
                return nodes, edges, fails

        whole = ahocorasick.Automaton
        monkeypatch.setattr(ahocorasick, "Automaton", Damaged)
        stream = scanner([b"a" * n for n in range(8, 200)]).stream()
        with pytest.raises(RuntimeError, match="inconsistent trie"):
            stream.feed(b"a" * 200_000)
        monkeypatch.undo()
        assert stream.feed(b"a" * 200_000) + stream.flush() == b"#"


def test_what_automata_are_built_from_is_given_up() -> None:
    """pyahocorasick leaks the nodes, edges and links that it tells of: some hundred thousand objects here."""
    patterns = [b"%08d" % (i * 7919) * 3 for i in range(2000)] + [b"a" * n for n in range(8, 200)]
    text = (b"a" * 60 + b".") * 1000

    def build() -> int:
        made = Scanner(b"#")
        made.add(patterns)
        before, stream = made.nbytes, made.stream()
        while made.nbytes == before:
            stream.feed(text)
        del made, stream
        gc.collect()
        return sys.getallocatedblocks()

    first = [build(), build()][1]
    assert build() - first < 1000


def test_building_automata_leaves_no_memory_behind() -> None:
    """Lists and tuples that pyahocorasick up to 2.3.1 leaks in `dump` are given up."""
    patterns, text = [b"a" * length for length in range(8, 40)], b"a" * 200_000

    def build() -> None:
        made = Scanner(b"#")
        made.add(patterns)
        assert made.mask(text) == b"#"

    def blocks_after(rounds: int) -> int:
        for _ in range(rounds):
            build()
        gc.collect()
        return sys.getallocatedblocks()

    before = blocks_after(3)
    assert blocks_after(20) - before < 20
