"""The folded view against its naive twin: interrupted secrets, every kernel, every cut, and real situations."""

from __future__ import annotations

import random
import subprocess
from base64 import b64encode, encodebytes
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.masking import SecretMasker
from runnerlib.masking._scanner import KERNELS, Scanner, Stream
from runnerlib.masking.encodings import forms
from tests import folded_oracle, oracle
from tests.looped import assert_each
from tests.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = [
    *(b"\x1b[0m", b"\x1b[1;31m", b"\x1b]8;;http://x\x07", b"\x1b]0;t\x1b\\", b"\x1bPq\x1b\\", b"\x1b(B", b"\x1b7"),
    *(b"\x1b", b"\x1b[", b"\x1b[3", b"\x1b[3\x80", b"\x1b[ 3", b"\x1b(\xff", b"\x1b]", b"\x1b\x1b[m", b"\x1b[\n"),
    *(b"\r", b"\n", b"\r\n", b"\n  ", b"\n\t", b"\n\n", b"\n\r\n"),
    *("\u200b".encode(), "\u200d".encode(), "\u2060".encode(), "\ufeff".encode(), "\u00ad".encode()),
    *(b"\xe2", b"\xe2\x80", b"\xe2\x81", b"\xef", b"\xef\xbb", b"\xc2", "\u2019".encode(), "\u00a0".encode()),
    *(b"%2f", b"%2F", b"%2", b"%", b"%aF", b"\x80", b" "),
]


def scanner(patterns: list[bytes], kernel: str | None = None) -> Scanner:
    made = Scanner(b"#", kernel, folded=True)
    made.add(patterns)
    return made


def run(stream: Stream, pieces: list[bytes]) -> bytes:
    return b"".join(map(stream.feed, pieces)) + stream.flush()


def cuts(text: bytes, rng: random.Random, triples: int) -> Iterator[list[bytes]]:
    """Byte by byte, at every place, and some ways into three."""
    yield [text[i : i + 1] for i in range(len(text))]
    for i in range(len(text) + 1):
        yield [text[:i], text[i:]]
    for _ in range(triples):
        i, j = sorted(rng.choices(range(len(text) + 1), k=2))
        yield [text[:i], text[i:j], text[j:]]


def a_case(rng: random.Random) -> tuple[list[bytes], bytes]:
    """Patterns over few letters, and a text of their pieces with events strewn in."""
    letters = rng.choice([b"a", b"ab", b"abc", b"abcdef%2F", b"a\x80\xe2 %", b"0123456789abcdef"])
    patterns = [bytes(rng.choices(letters, k=rng.randint(4, 20))) for _ in range(rng.randint(1, 6))]
    if rng.random() < 0.3:
        patterns += [p[:8] + rng.choice(EVENTS) + p[8:] for p in patterns[:2]]
    text = oracle.text_of(patterns, letters, rng.choice([8, 20, 60, 150]), rng)
    events, share = rng.sample(EVENTS, rng.randint(1, 5)), rng.choice([0.03, 0.1, 0.3, 0.7])
    strewn = (rng.choice(events) if rng.random() < share else b"" for _ in text)
    return patterns, b"".join(event + text[i : i + 1] for i, event in enumerate(strewn))


def a_case_of_escapes(rng: random.Random) -> tuple[list[bytes], bytes]:
    """Patterns of digits and percent signs, and a text of their pieces in any case, also behind other such signs."""
    letters = rng.choice([b"aF%", b"aAbF2%", b"0123456789abcdefABCDEF%.", b"aB%%\xc2"])
    patterns = [bytes(rng.choices(letters, k=rng.randint(6, 12))) for _ in range(rng.randint(1, 4))]
    text = b""
    while len(text) < 40:
        piece = rng.choice(patterns)
        start, stop = rng.choice([0, 0, 0, 1, 5]), rng.choice([None, None, None, -1])
        piece = rng.choice([piece, piece, piece.upper(), piece.lower(), piece[:3].swapcase() + piece[3:]])[start:stop]
        at = rng.randrange(len(piece) + 1)
        text += rng.choice([b"", b".", b"%", b"%2", b"%a", b"%\r"])
        text += rng.choice([piece, piece, piece[:at] + rng.choice([b"\r", b"\n", b"\x1b[m"]) + piece[at:]])
    return patterns, text


BLANKS = [
    *(b"\n", b"\n ", b"\n  ", b"\n\t", b" \n", b"  \n ", b"\r\n", b"\n \n", b"\n\n", b"\n\r ", b" " * 20, b"\t"),
    *(b"\n" + b" " * 64, b"\n" + b" " * 65, b" " * 590 + b"\n", b"\n" + b" " * 600, b"\x1b[m ", b" \x1b[m\n \x1b[1m"),
]


def a_phrase(letters: bytes, rng: random.Random) -> bytes:
    words = [bytes(rng.choices(letters, k=rng.randint(1, 6))) for _ in range(rng.randint(2, 6))]
    made = b"".join(word + rng.choice([b" ", b" ", b"  ", b"\t", b" \t "]) for word in words[:-1]) + words[-1]
    return rng.choice([b"", b"", b" "]) + made + rng.choice([b"", b"", b"\t"])


def wrapped(text: bytes, width: int, indent: bytes = b"") -> bytes:
    """As `fold -w` does it, and perhaps with an indent put before each further line."""
    return (b"\n" + indent).join(text[i : i + width] for i in range(0, len(text), width))


def a_case_of_phrases(rng: random.Random) -> tuple[list[bytes], bytes]:
    """Patterns with blanks in them, and their pieces: wrapped anywhere, at words, or with all strewn in."""
    letters, text = rng.choice([b"ab", b"abc", b"abcdefgh", b"ab%2f\xe2"]), b""
    patterns = [a_phrase(letters, rng) for _ in range(rng.randint(1, 5))]
    while len(text) < rng.choice([20, 60, 150]):
        piece = rng.choice(patterns)
        start, stop = sorted(rng.choices(range(len(piece) + 1), k=2))
        piece = rng.choice([piece, piece, piece, piece[:stop], piece[start:], piece[start:stop]])
        match rng.randrange(5):
            case 0 | 1:
                piece = wrapped(piece, rng.randint(1, 10), rng.choice([b"", b"", b" ", b"   ", b"\t"]))
            case 2 | 3:
                strewn = (rng.choice(BLANKS + EVENTS) if rng.random() < 0.15 else b"" for _ in piece)
                piece = b"".join(event + piece[i : i + 1] for i, event in enumerate(strewn))
            case _:
                piece = rng.choice([b"\n", b"\n  "]).join(piece.split())
        text += piece + rng.choice([b"", b".", b" ", b"\n", bytes(rng.choices(letters + b" ", k=3))])
    return patterns, text


def among_many(rng: random.Random) -> tuple[list[bytes], bytes]:
    """A case among so many patterns that those with a line end are searched apart from those without."""
    case = rng.choice([a_case, a_case_of_escapes, a_case_of_phrases])
    patterns, text = case(rng)
    while len(patterns) < 20:
        patterns += case(rng)[0]
    return [*patterns, *(p[:5] + b"\n" + p[5:] for p in patterns[:3])], text


def check(patterns: list[bytes], text: bytes, kernel: str, rng: random.Random, triples: int = 10) -> None:
    made, want = scanner(patterns, kernel), folded_oracle.mask(patterns, text)
    assert made.mask(text) == want
    for pieces in (
        cuts(text, rng, triples) if len(text) <= 100 else ([text[i : i + 7] for i in range(0, len(text), 7)],)
    ):
        assert run(made.stream(), pieces) == want, pieces


def check_hold(patterns: list[bytes], text: bytes) -> None:
    stream = scanner(patterns).stream()
    for end in range(1, len(text) + 1):
        stream.feed(text[end - 1 : end])
        assert stream.held == folded_oracle.held(patterns, text[:end]), text[:end]


def check_registration(patterns: list[bytes], text: bytes, rng: random.Random) -> None:
    """Check that covered text that was held or comes later is masked, and nothing that is not covered."""
    known, at = patterns[: rng.randint(0, len(patterns))], rng.randint(0, len(text))
    made = scanner(known)
    stream = made.stream()
    out = stream.feed(text[:at])
    shown, kept = len(out), stream.held
    if any(folded_oracle.covered(known, text[:at])):
        return  # then it cannot be told which bytes were shown
    assert out == text[:shown]
    made.add(patterns)
    rest = run(stream, [text[at:]])
    exact = folded_oracle.shown(text, folded_oracle.covered(patterns, text), shown)
    fresh = folded_oracle.mask(patterns, text[at - kept :])
    within = folded_oracle.mask(patterns, b"\0" + text[at - kept :])[1:]  # what is held begins no line
    begun = folded_oracle.covered(known, text)[shown:]  # of what is let go only what was known may go on
    late = bytes(a | b for a, b in zip(begun, folded_oracle.covered(patterns, text[shown:]), strict=True))
    both = folded_oracle.shown(text[shown:], bytearray(late), 0)
    assert rest in {exact, fresh, within, both}, (rest, exact, fresh, within, both)


SOME = settings(derandomize=True, deadline=None, database=None, max_examples=100)
SEEDS = st.integers(0, 1 << 40)


class TestAgainstTheTwin:
    @SOME
    @pytest.mark.parametrize("kernel", KERNELS)
    @given(seed=SEEDS)
    def test_any_cut_gives_the_same(self, kernel: str, seed: int) -> None:
        rng = random.Random(seed)
        check(*a_case(rng), kernel, rng)

    @SOME
    @given(seed=SEEDS)
    def test_any_cut_among_percent_escapes_gives_the_same(self, seed: int) -> None:
        rng = random.Random(seed)
        check(*a_case_of_escapes(rng), rng.choice(KERNELS), rng)

    @SOME
    @pytest.mark.parametrize("kernel", KERNELS)
    @given(seed=SEEDS)
    def test_any_cut_of_wrapped_phrases_gives_the_same(self, kernel: str, seed: int) -> None:
        rng = random.Random(seed)
        check(*a_case_of_phrases(rng), kernel, rng, 3)

    @SOME
    @given(seed=SEEDS)
    def test_any_cut_among_many_patterns_gives_the_same(self, seed: int) -> None:
        rng = random.Random(seed)
        check(*among_many(rng), rng.choice(KERNELS), rng, 3)

    @SOME
    @given(seed=SEEDS)
    def test_nothing_is_withheld_that_need_not_be(self, seed: int) -> None:
        rng = random.Random(seed)
        patterns, text = rng.choice([a_case, a_case_of_escapes, a_case_of_phrases, among_many])(rng)
        check_hold(patterns, text[:80])

    @SOME
    @given(seed=SEEDS)
    def test_registration_at_any_moment(self, seed: int) -> None:
        rng = random.Random(seed)
        check_registration(*rng.choice([a_case, among_many])(rng), rng)

    @pytest.mark.parametrize("kernel", KERNELS)
    def test_events_at_any_distance(self, kernel: str) -> None:
        def check(distance: int) -> None:
            rng = random.Random(distance)
            secrets = [bytes(rng.choices(b"abcdefgh", k=n)) for n in (6, 9, 20, 31)]
            pieces = [secret[:4] + event + secret[4:] for secret in secrets for event in EVENTS] + EVENTS
            chosen = rng.sample(pieces, min(len(pieces), 2 + 12_000 // (distance + 9)))
            text = b"".join(piece + b"." * distance for piece in chosen)
            want, made = folded_oracle.mask(secrets, text), scanner(secrets, kernel)
            assert made.mask(text) == want
            assert run(made.stream(), [text[i : i + 501] for i in range(0, len(text), 501)]) == want

        distances = [0, 1, 5, 60, 61, 62, 63, 64, 65, 127, 2047, 2048, 2049, 5000]
        assert_each(check, ((distance,) for distance in distances))

    @pytest.mark.parametrize("kernel", KERNELS)
    def test_wrapped_phrases_at_any_distance(self, kernel: str) -> None:
        def check(distance: int) -> None:
            rng = random.Random(distance)
            secrets = [b"ab cd ef", b"abcd \tefgh", b"a bc def gh hgfe dcb a"]
            pieces = [secret.replace(b" ", event) for secret in secrets for event in BLANKS]
            pieces += [wrapped(secret, width, b" " * rng.randrange(3)) for secret in secrets for width in range(2, 9)]
            between = rng.choice([b".", b" ", b". "])
            chosen = rng.sample(pieces, min(len(pieces), 2 + 12_000 // (distance + 9)))
            text = b"".join(piece + between * distance for piece in chosen)
            want, made = folded_oracle.mask(secrets, text), scanner(secrets, kernel)
            assert made.mask(text) == want
            assert run(made.stream(), [text[i : i + 501] for i in range(0, len(text), 501)]) == want

        assert_each(check, ((distance,) for distance in [0, 5, 60, 63, 64, 65, 2047, 5000]))

    @pytest.mark.parametrize("length", [7, 90, 700])
    def test_runs_longer_than_what_is_searched_at_once(self, length: int) -> None:
        rng = random.Random(length)
        patterns = [b"a" * n for n in range(6, length, length // 6)] + [b"ab" * (length // 2), b"b" + b"a" * length]
        units = rng.choices(
            [b"a\n", b"ab", b"a\x1b[m", b"aa", b"aaaaaaa\r\n", b"b\n "], weights=[9, 3, 9, 5, 9, 1], k=4_000
        )
        text = b"".join(units)
        want, made = folded_oracle.mask(patterns, text), scanner(patterns)
        assert made.mask(text) == want
        assert run(made.stream(), [text[i : i + 999] for i in range(0, len(text), 999)]) == want

    def test_many_patterns_one_by_one(self) -> None:
        rng = random.Random(3)
        patterns = [bytes(rng.choices(b"abcdefghijklmnop", k=rng.randint(3, 25))) for _ in range(600)]
        made = scanner(patterns[:400])
        for pattern in patterns[400:]:
            made.add([pattern])
        cut = [p[:2] + rng.choice(EVENTS) + p[2:5] + rng.choice(EVENTS) + p[5:] for p in patterns]
        text = oracle.text_of(cut, b"abcdefghijklmnop ", 8_000, rng)
        assert made.mask(text) == scanner(patterns).mask(text) == folded_oracle.mask(patterns, text)
        assert made.nbytes > Scanner(b"#").nbytes

    def test_what_is_added_to_thousands_is_as_what_was_there(self) -> None:
        """The new ones are compiled by themselves, then a few hundred together, and with all at last."""
        rng = random.Random(4)
        patterns = list({bytes(rng.choices(b"abcdefgh%2F\n", k=rng.randint(8, 20))): 0 for _ in range(9_700)})
        made, at = scanner(patterns[:9_000]), 9_000
        for count in (200, 1, 50, 20, 30, 399):
            made.add(patterns[at : at + count])
            at += count
            some = [*patterns[:100], *patterns[8_950:at]]
            cut = [p[:4] + rng.choice(EVENTS) + p[4:] for p in some]
            text = oracle.text_of([*cut, *some], b"abcdefgh ", 3_000, rng)
            assert made.mask(text) == scanner(patterns[:at]).mask(text)
        assert len(made) == at


SECRET = b"hunter2-Kq7vZx9w"
GAP_OF_600 = b"\x1b[0m" * 150


class TestRules:
    @pytest.mark.parametrize("kernel", KERNELS)
    @pytest.mark.parametrize(
        ("text", "want"),
        [
            (b"<hunter2\x1b[0m-Kq7vZx9w>", b"<#\x1b[0m#>"),  # colours survive
            (b"<hunter2\x1b]8;;http://x\x1b\\-Kq7vZx9w>", b"<#\x1b]8;;http://x\x1b\\#>"),
            (b"<hunter2\r-Kq7v\r\n   Zx9w>", b"<#>"),
            ("<hunter2\u200b-Kq7v\ufeffZx9\u00adw>".encode(), b"<#>"),
            (b"<hunt\ner2-Kq7vZx9w>", b"<#>"),
            (b"<hun\n  ter2-Kq7vZx9w>", b"<hun\n  #>"),  # the newline rule
            (b"<h\x1b[1mu\nnter2-Kq7\nvZx9w>", b"<h\x1b[1mu\n#>"),
            (b"<hunter2\n\n-Kq7vZx9w>", b"<hunter2\n\n-Kq7vZx9w>"),  # barriers
            (b"<hunter2" + GAP_OF_600 + b"-Kq7vZx9w>", b"<#" + GAP_OF_600 + b"#>"),
            (b"<hunter2" + GAP_OF_600 + b"\r-Kq7vZx9w>", b"<hunter2" + GAP_OF_600 + b"\r-Kq7vZx9w>"),
            (b"<hunter2\n" + b" " * 64 + b"-Kq7vZx9w>", b"<#>"),
            (b"<hunter2\n" + b" " * 65 + b"-Kq7vZx9w>", b"<hunter2\n" + b" " * 65 + b"-Kq7vZx9w>"),
            (b"<hunter2\x1b]" + b"x" * 510 + b"-Kq7vZx9w>", b"<#\x1b]" + b"x" * 510 + b"#>"),
            (b"<hunter2\x1b[3-Kq7vZx9w>", b"<hunter2\x1b[3-Kq7vZx9w>"),  # `-K` goes on with the sequence
            (b"<hunter2\x1b[3\n-Kq7vZx9w>", b"<#\x1b[3#>"),  # a damaged one
        ],
    )
    def test_tables_hold_at_every_cut(self, kernel: str, text: bytes, want: bytes) -> None:
        assert folded_oracle.mask([SECRET], text) == want
        made = scanner([SECRET], kernel)
        for pieces in cuts(text, random.Random(1), 50):
            assert run(made.stream(), pieces) == want

    @pytest.mark.parametrize("kernel", KERNELS)
    @pytest.mark.parametrize(
        ("text", "want"),
        [
            (b"<correct\n horse\n battery\n staple>", b"<#>"),
            (b"<correct\nhorse battery\nstaple>", b"<#>"),  # wrapped at words
            (b"<correct horse  \n   battery  staple>", b"<#>"),  # and filled
            (b"<correct\n    \x1b[1m horse battery staple>", b"<#\x1b[1m#>"),
            (b"<correct\n \nhorse battery staple>", b"<#>"),  # one letter a line
            (b"<cor\nrect\n horse battery staple>", b"<cor\n#>"),  # the newline rule
            (b"<correct\n\nhorse battery staple>", b"<correct\n\nhorse battery staple>"),  # barriers
            (
                b"<correct\n" + b" " * 600 + b"horse battery staple>",
                b"<correct\n" + b" " * 600 + b"horse battery staple>",
            ),
            (b"<correcthorse battery staple>", b"<correcthorse battery staple>"),  # no wrap
            (b"correcthorse battery staple\n x", b"correcthorse battery staple\n x"),
        ],
    )
    def test_blanks_do_not_count_where_a_text_is_wrapped(self, kernel: str, text: bytes, want: bytes) -> None:
        phrase = b"correct horse battery staple"
        assert folded_oracle.mask([phrase], text) == want
        made = scanner([phrase], kernel)
        for pieces in cuts(text, random.Random(1), 20) if len(text) < 100 else [[text]]:
            assert run(made.stream(), pieces) == want

    def test_percent_escapes_in_any_case(self) -> None:
        made = scanner([b"a%2fb%aFc", b"50%add"])
        for text in (b"a%2fb%aFc", b"a%2Fb%AFc", b"a%2fb%Afc", b"a%2\rfb%\x1b[mafc", b"50%aDd"):
            assert b"b" not in made.mask(text)
            assert made.mask(text)[:1] == b"#"
        assert made.mask(b"a%2fB%afc 50%adD") == b"a%2fB%afc 50%adD"

    @pytest.mark.parametrize("kernel", KERNELS)
    @pytest.mark.parametrize("before", [b"%", b"100%", b"%9", b"%d", b"%\r", b"%d\x1b[m", b"%%"])
    def test_behind_a_percent_sign_that_is_not_of_the_secret(self, kernel: str, before: bytes) -> None:
        """Its first letters belong to an escape there, and are folded as one."""
        made = scanner([b"d3bd88a0b0cd9736", b"cafe-1234567"], kernel)
        for secret in (b"d3bd88a0b0cd9736", b"cafe-1234567"):
            text = before + secret[:7] + b"\x1b[1m" + secret[7:]
            assert folded_oracle.mask([secret], text).endswith(b"#\x1b[1m#")
            for pieces in cuts(text, random.Random(1), 20):
                assert run(made.stream(), pieces) == folded_oracle.mask([secret], text)

    @pytest.mark.parametrize("kernel", KERNELS)
    @pytest.mark.parametrize(
        ("secret", "text", "want"),
        [
            (b"aB832C%fd7", b"..AB832C%fd7", b"..AB832C%fd7"),  # another text, whatever follows it
            (b"aB832C%fd7", b"..%AB832C%fd7", b"..%#"),
            (b"ab-c%2f", b"AB-c%2f %AB-c%2f %2AB-c%2f", b"AB-c%2f %# %2AB-c%2f"),
            (b"Ab-c%2f", b"Ab-c%2F %2aB-c%2f %2ab-c%2F", b"# %2aB-c%2f %2#"),
            (b"%2Fab\r-12", b"%2fab\r-12", b"%2fab\r-12"),
            (b"%2F-ab", b"%2\nf-ab.", b"%2\n#."),  # letters of escapes are one byte of those before a line end
            (b"a%2F-ab", b"A%2\nf-ab %a%2\nf-ab %a%2f\n-ab", b"A%2\nf-ab %a%2\n# %#"),
        ],
    )
    def test_case_counts_but_in_escapes(self, kernel: str, secret: bytes, text: bytes, want: bytes) -> None:
        made = scanner([secret], kernel)
        for pieces in cuts(text, random.Random(1), 50):
            assert run(made.stream(), pieces) == folded_oracle.mask([secret], text) == want

    def test_patterns_that_are_too_short_or_too_long_are_searched_as_they_are(self) -> None:
        long = random.Random(2).randbytes(8 * 1024 + 1).hex().encode()
        made = scanner([b"short", long, long[:-3] + b"!"])
        assert made.mask(b"short sho\x1b[mrt") == b"# sho\x1b[mrt"
        assert (
            made.mask(long + b"\r" + long[1:] + b" " + long[:-4] + b"\r")
            == b"#\r" + long[1:] + b" " + long[:-4] + b"\r"
        )
        assert made.mask(long[:9] + b"\r" + long[9:-3] + b"!") == b"#"

    def test_only_on_demand(self) -> None:
        made = Scanner(b"#")
        made.add([SECRET])
        assert made.mask(b"hunter2\x1b[0m-Kq7vZx9w") == b"hunter2\x1b[0m-Kq7vZx9w"
        off = SecretMasker(encodings=False)
        off.register_secret(SECRET)
        assert off.mask(b"hunter2\r-Kq7vZx9w") == b"hunter2\r-Kq7vZx9w"

    def test_a_set_without_a_folded_view_grows_one(self) -> None:
        made = scanner([b"abc"])
        stream = made.stream()
        assert stream.feed(b"x abc hunter2\r-ab") == b"x # hunter2\r-"
        made.add([b"abcdef-12345"])
        assert stream.feed(b"cdef\r-12345.") + stream.flush() == b"#."
        clean = b"nothing here. " * 700 + b"\n"
        assert stream.feed(clean) is clean

    def test_text_that_defeats_the_prefilter(self) -> None:
        """The folded groups get automata too, in the middle of a scan, and nothing is lost or doubled."""
        patterns = [b"a" * n for n in range(8, 200)] + [b"b" * 40 + b"c"]
        text = (b"a" * 9 + b"\n") * 9_000 + b"." + b"b\x1b[m" * 40 + b"c." + b"a\r" * 7 + b".\n" + b"a\n" * 3_000
        made, stream = scanner(patterns), scanner(patterns).stream()
        want = b"#\n." + b"#\x1b[m" * 40 + b"#." + b"a\r" * 7 + b".\na\n#\n"
        assert made.mask(text) == want
        assert run(stream, [text[i : i + 5_003] for i in range(0, len(text), 5_003)]) == want
        assert run(stream, [text[i : i + 5_003] for i in range(0, len(text), 5_003)]) == want


class TestPromptness:
    def test_what_resembles_no_secret_appears_at_once(self) -> None:
        stream = scanner([SECRET, b"word:secret"]).stream()
        for text in (
            b"Password: \x1b[0m",
            b"\x1b[1m",
            b"a line that ends in hun\n",
            b"hun\r\n",
            b"100%",
            b"\x1b]0;tit",
        ):
            assert stream.feed(text) == text
            assert stream.held == 0

    def test_what_does_is_held_and_let_go(self) -> None:
        stream = scanner([SECRET]).stream()
        assert stream.feed(b"at hunter2\x1b[0m") == b"at "
        assert stream.held == 11
        assert stream.feed(b"\n-Kq8") == b"hunter2\x1b[0m\n-Kq8"
        assert stream.feed(b"hun") == b""
        assert stream.feed(b"\n") == b"hun\n"  # a line end, whatever may follow
        assert stream.feed(b"ter2-Kq7v\xe2\x80") == b""
        assert stream.feed(b"\x8bZx9w\n") == b"#\n"
        assert stream.flush() == b""


def masker() -> SecretMasker:
    made = SecretMasker("#")
    made.register_secret(SECRET)
    return made


def readable(shown: bytes, encoded: bytes, size: int = 6) -> list[bytes]:
    """The pieces of the encoded secret that can be read, its first and last characters aside: they are not its own."""
    core = encoded[4:-4]
    return [core[i : i + size] for i in range(len(core) - size + 1) if core[i : i + size] in shown]


class TestSituations:
    @pytest.mark.parametrize(
        ("text", "want"),
        [
            # grep --color marks what it found in the middle of the secret
            (b"key=hunter2-\x1b[01;31m\x1b[KKq7v\x1b[m\x1b[KZx9w\n", b"key=#\x1b[01;31m\x1b[K#\x1b[m\x1b[K#\n"),
            # ls --color marks the extension
            (b"\x1b[0m\x1b[01;31mhunter2\x1b[0m-Kq7vZx9w\x1b[0m", b"\x1b[0m\x1b[01;31m#\x1b[0m#\x1b[0m"),
            # progress bars come back to the beginning of the line
            (b"10%\rhunter2\r-Kq7vZx9w\r20%\r", b"10%\r#\r20%\r"),
            # a terminal of 12 columns
            (b"token: hunter2-K\r\nq7vZx9w\r\n$ ", b"token: #\r\n$ "),
        ],
    )
    def test_tools_and_terminals(self, text: bytes, want: bytes) -> None:
        made = masker()
        for pieces in cuts(text, random.Random(0), 20):
            assert run(made.stream(), pieces) == want

    def test_every_character_in_its_own_colour(self) -> None:
        colours = [b"\x1b[38;5;%dm" % i for i in range(len(SECRET))]
        text = b"".join(colour + SECRET[i : i + 1] for i, colour in enumerate(colours)) + b"\x1b[0m\n"
        assert masker().mask(text) == b"#".join([*colours, b"\x1b[0m\n"])

    @pytest.mark.parametrize("secret", ["correct horse battery staple", "PB.$[5Mx |BghDA", 'abcd "b\\ c\td  e f&g h'])
    @pytest.mark.parametrize("indent", [b"", b"  ", b"\t"])
    def test_every_form_wrapped_at_every_width(self, secret: str, indent: bytes) -> None:
        made = SecretMasker("#")
        made.register_secret(secret)
        patterns = {pattern for _, pattern in forms(secret.encode()) if folded_oracle.has_folded_view(pattern)}
        for pattern in patterns:
            for width in range(4, len(pattern) + 1):
                printed = b"<" + wrapped(pattern, width, indent) + b">"
                assert made.mask(printed) == b"<#>", (pattern, width)
                assert run(made.stream(), [printed[:9], printed[9:17], printed[17:]]) == b"<#>"

    @pytest.mark.parametrize("command", [["fold", "-w"], ["fold", "-sw"], ["fmt", "-w"]])
    def test_tools_that_wrap(self, command: list[str]) -> None:
        made = SecretMasker("#")
        made.register_secret("correct horse  battery staple")
        for width in range(4, 40):
            printed = subprocess.run(
                [*command, str(width)], input=b"correct horse  battery staple", capture_output=True, check=True
            ).stdout
            assert made.mask(printed).strip() == b"#", width

    def test_base64_wrapped_by_coreutils_and_openssl(self) -> None:
        def check(before: int) -> None:
            text = b"x" * before + SECRET + b"y" * 40
            whole = b64encode(text)
            encoded = whole[before * 4 // 3 : (before + len(SECRET)) * 4 // 3]
            coreutils = encodebytes(text)
            openssl = b"".join(whole[i : i + 64] + b"\n" for i in range(0, len(whole), 64))
            terminal = openssl.replace(b"\n", b"\r\n")
            yaml = b"data:\n  key: |\n" + b"".join(b"    " + line + b"\n" for line in openssl.split())
            for printed in (coreutils, openssl, terminal, yaml):
                shown = masker().mask(printed)
                assert b"#" in shown
                assert readable(shown, encoded) == []
                assert run(masker().stream(), [printed[i : i + 11] for i in range(0, len(printed), 11)]) == shown

        assert_each(check, ((before,) for before in range(70)))

    @pytest.mark.parametrize(
        "command", [["base64"], ["base64", "-w", "20"], ["openssl", "base64"], ["grep", "--color=always", "Kq7"]]
    )
    def test_real_tools(self, command: list[str]) -> None:
        tool(command[0])
        text = b"The password of the deployment is " + SECRET + b" and it must stay where it is.\n"
        printed = subprocess.run(command, input=text, capture_output=True, check=True).stdout
        shown = masker().mask(printed)
        assert b"#" in shown
        assert readable(shown, SECRET, 4) == []
        assert readable(shown, b64encode(text)[len(b64encode(text[:34])) - 4 : len(b64encode(text[:50]))], 8) == []
