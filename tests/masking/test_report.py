"""The masking report against a naive twin: counts by rule for every cut and kernel, and never a value."""

from __future__ import annotations

import json
import random
import threading
from base64 import b64encode
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.masking import SecretMasker
from runnerlib.masking._scanner import KERNELS, Scanner, Stream
from runnerlib.masking.encodings import forms
from runnerlib.masking.report import MaskReport, RuleCount, document, total
from tests import oracle, report_oracle
from tests.masking import test_folded, test_scanner

PATIENT = settings(derandomize=True, deadline=None, database=None, max_examples=40)


def tally(patterns: list[bytes], text: bytes, folded: bool = False) -> report_oracle.Tally:
    """Marks and bytes by the index of the pattern they are put down to."""
    return _tally(tuple(patterns), text, folded)


@lru_cache(256)  # each kernel is asked the same
def _tally(patterns: tuple[bytes, ...], text: bytes, folded: bool) -> report_oracle.Tally:
    return report_oracle.tally(report_oracle.marks(list(patterns), text, folded))


def scanner(patterns: list[bytes], kernel: str, folded: bool) -> Scanner:
    made = Scanner(b"#", kernel, folded)
    made.add({pattern: rule for rule, pattern in reversed(list(enumerate(patterns)))})
    return made


def tallied(stream: Stream, pieces: list[bytes]) -> report_oracle.Tally:
    out = [stream.feed(piece) for piece in pieces]
    out.append(stream.flush())
    assert stream.received == sum(map(len, pieces))
    assert stream.released == sum(map(len, out))
    return stream.tally()


@pytest.mark.parametrize("kernel", KERNELS)
class TestCounts:
    @PATIENT
    @given(case=test_scanner.cases(), places=st.lists(st.integers(0, 1 << 20), max_size=20))
    def test_any_cut_gives_the_counts(self, kernel: str, case: tuple[list[bytes], bytes], places: list[int]) -> None:
        patterns, text = case
        made, want = scanner(patterns, kernel, False), tally(patterns, text)
        assert tallied(made.stream(), [text]) == want
        assert tallied(made.stream(), test_scanner.cut(text, places)) == want

    def test_any_cut_of_an_interrupted_text_gives_the_counts(self, kernel: str) -> None:
        rng = random.Random(kernel)
        for _ in range(40):
            patterns, text = test_folded.a_case(rng)
            made, want = scanner(patterns, kernel, True), tally(patterns, text, True)
            assert tallied(made.stream(), [text]) == want
            for pieces in list(test_folded.cuts(text, rng, 3))[:: max(1, len(text) // 10)]:
                assert tallied(made.stream(), pieces) == want, pieces

    def test_text_for_the_automaton(self, kernel: str) -> None:
        patterns = [b"a" * n for n in range(8, 24)] + [b"b" * 40 + b"c", b"needle-in-a-haystack", b"-in-a-hay"]
        text = b"".join([b"a" * 9_000, b"nothing, needle-in-a-haystack. " * 100, b"b" * 3_000 + b"c", b"a" * 2_000])
        assert tallied(scanner(patterns, kernel, False).stream(), [text]) == tally(patterns, text)

    def test_many_rules(self, kernel: str) -> None:
        rng = random.Random(11)
        patterns = [rng.randbytes(rng.randint(9, 30)) for _ in range(600)]
        text = oracle.text_of(patterns, bytes(range(256)), 20_000, rng)
        assert tallied(scanner(patterns, kernel, False).stream(), [text]) == tally(patterns, text)


def test_a_mark_belongs_to_what_is_complete_first() -> None:
    made = Scanner(b"#")
    made.add({b"secret": 1, b"secret-longer": 2, b"-longer-still": 3})
    stream = made.stream()
    for piece in (b"a secret", b"-longer", b"-still. secret-longer"):
        stream.feed(piece)
    assert stream.tally() == {1: (2, 19 + 13)}


def test_rules_outlive_registrations_and_flushes() -> None:
    made = Scanner(b"#")
    made.add({b"one-secret": 7})
    stream = made.stream()
    stream.feed(b"one-secret one-sec")
    for number in range(300):
        made.add({b"filler %03d" % number: 100 + number})
    made.add({b"one-sector": 8, b"one-secret": 9})
    stream.feed(b"tor one-secret ")
    stream.flush()
    stream.feed(b"filler 299")
    assert stream.tally() == {7: (2, 20), 8: (1, 10), 399: (1, 10)}
    assert stream.marks == 4


class TestReports:
    def test_names_and_forms(self) -> None:
        masker = SecretMasker()
        masker.register_secrets(["correct horse/battery+staple", "tok-12345678"], ["DB_PASSWORD"])
        masker.register_secret("other-secret-value", "LATE")
        masker.register_secrets(["run-time-1", "run-time-2"], "registered at run time")
        stream = masker.stream()
        text = b" ".join(
            [b64encode(b"correct horse/battery+staple"), b"tok-12345678", b"run-time-1", b"run-time-2", b""]
        )
        out = stream.feed(text * 2) + stream.flush()
        report = stream.report()
        assert report == MaskReport(
            (
                RuleCount("registered at run time", "raw", 4, 40),
                RuleCount("DB_PASSWORD", "base64", 2, 2 * 38),
                RuleCount("secret 2", "raw", 2, 24),
            ),
            2 * len(text),
            len(out),
            0,
        )
        assert (report.marks, report.masked) == (8, 140)
        assert report.summary() == "masked 8 times: registered at run time 4, DB_PASSWORD 2, secret 2 2"
        assert list(report.lines()) == [
            "registered at run time: 4 marks (4 raw), 40 bytes",
            "DB_PASSWORD: 2 marks (2 base64), 76 bytes",
            "secret 2: 2 marks (2 raw), 24 bytes",
            f"{2 * len(text)} bytes in, {len(out)} out, at most 0 held",
        ]
        assert json.loads(json.dumps(report.as_dict()))["rules"][1] == {
            "rule": "DB_PASSWORD", "form": "base64", "marks": 2, "bytes": 76,
        }  # fmt: skip

    def test_the_first_name_of_a_value_stays(self) -> None:
        masker = SecretMasker(encodings=False)
        assert masker.register_secrets(["one-secret", "one-secret", "x"], ["FIRST", "SECOND", "SHORT"]) == 2
        assert masker.register_secret("one-secret", "THIRD")
        stream = masker.stream()
        stream.feed(b"one-secret")
        assert stream.report().summary() == "masked 1 time: FIRST 1"

    def test_sums(self) -> None:
        one = MaskReport((RuleCount("A", "raw", 2, 20), RuleCount("B", "raw", 1, 5)), 100, 90, 7)
        two = MaskReport((RuleCount("B", "raw", 3, 15), RuleCount("B", "hex", 1, 20)), 50, 40, 9)
        both = MaskReport(
            (RuleCount("B", "raw", 4, 20), RuleCount("A", "raw", 2, 20), RuleCount("B", "hex", 1, 20)), 150, 130, 9
        )
        assert total([one, two]) == both
        assert total([]) == MaskReport()
        assert MaskReport().summary() == "nothing masked"
        assert document([("a", one), ("b", two)])["total"] == both.as_dict()

    @PATIENT
    @given(seed=st.integers(0, 1 << 32))
    def test_never_a_value(self, seed: int) -> None:
        rng = random.Random(seed)
        values = ["".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ/+%", k=rng.randint(6, 20))) for _ in range(5)]
        names = [rng.choice(["", "NAME_", "of "]) + rng.choice([value, "X", "Y"]) for value in values]
        masker = SecretMasker()
        masker.register_secrets(values, names)
        stream = masker.stream()
        spelled = [(form, pattern) for value in values for form, pattern in forms(value.encode())]
        for _, pattern in rng.sample(spelled, min(40, len(spelled))):
            stream.feed(pattern + b" ")
        report = stream.report()
        shown = "\n".join([*report.lines(), report.summary(), json.dumps(document([("stdout", report)]))]).encode()
        assert report.marks
        assert not [form for form, pattern in spelled if pattern in shown]

    def test_a_report_may_be_asked_for_at_any_time(self) -> None:
        masker = SecretMasker(encodings=False)
        masker.register_secret("one-secret", "A")
        stream, seen = masker.stream(), set[int]()

        def feed() -> None:
            for _ in range(200):
                stream.feed(b"one-secret, clean text " * 400)

        thread = threading.Thread(target=feed)
        thread.start()
        while thread.is_alive():
            seen.add(stream.report().marks % 400)
        thread.join()
        assert seen <= {0}
        assert stream.report().rules == (RuleCount("A", "raw", 200 * 400, 200 * 4000),)
