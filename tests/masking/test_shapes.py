"""Shapes against their naive twin: every kernel, every cut, beside secrets, and nothing held in vain."""

from __future__ import annotations

import random
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.masking import SecretMasker
from runnerlib.masking._scanner import KERNELS, SHAPES, Scanner, Stream
from tests import report_oracle, shape_oracle
from tests.masking.test_folded import EVENTS, cuts

PATIENT = settings(derandomize=True, deadline=None, database=None, max_examples=25)

MARKERS = {name: b"<" + name.encode() + b">" for name in SHAPES}


def scanner(patterns: list[bytes], names: list[str], kernel: str | None = None, folded: bool = False) -> Scanner:
    made = Scanner(b"#", kernel, folded, shapes={name: MARKERS[name] for name in names})
    made.add({pattern: rule for rule, pattern in reversed(list(enumerate(patterns)))})
    return made


def expected(patterns: list[bytes], names: list[str], text: bytes, folded: bool) -> tuple[bytes, report_oracle.Tally]:
    return _expected(tuple(patterns), tuple(names), text, folded)


@lru_cache(256)  # each kernel is asked the same
def _expected(
    patterns: tuple[bytes, ...], names: tuple[str, ...], text: bytes, folded: bool
) -> tuple[bytes, report_oracle.Tally]:
    found = list(report_oracle.marks(list(patterns), text, folded, shape_oracle.occurrences(names, text)))
    shown, at = b"", 0
    for mark in found:
        marker = MARKERS[SHAPES[mark.rule ^ shape_oracle.BIT]] if mark.rule & shape_oracle.BIT else b"#"
        shown += text[at : mark.start] + marker
        at = mark.end
    return shown + text[at:], report_oracle.tally(found)


def fed(stream: Stream, pieces: list[bytes]) -> tuple[bytes, report_oracle.Tally]:
    shown = b"".join(map(stream.feed, pieces)) + stream.flush()
    assert stream.held == 0
    return shown, stream.tally()


def a_text(rng: random.Random) -> bytes:
    """Whole and damaged shapes one upon the other, with what may end them between."""
    between = [
        b" ",
        b"\n",
        b"a",
        b".",
        b"-",
        b"_",
        b"/",
        b"@",
        b":",
        b"//",
        b"://",
        b"-----",
        b"END ",
        b"A",
        b"eyJ",
        b"\0",
    ]
    text = b""
    while len(text) < rng.choice([20, 80, 200]):
        piece = rng.choice(shape_oracle.examples(rng))
        start, stop = sorted(rng.choices(range(len(piece) + 1), k=2))
        text += rng.choice([piece, piece, piece[:stop], piece[start:], piece[:start] + b"!" + piece[start + 1 :]])
        text += b"".join(rng.choices(between, k=rng.choice([0, 0, 1, 2])))
    return text


@pytest.mark.parametrize("kernel", KERNELS)
class TestShapes:
    @PATIENT
    @given(seed=st.integers(0, 1 << 32))
    def test_any_cut_gives_what_the_twin_gives(self, kernel: str, seed: int) -> None:
        rng = random.Random(seed)
        text = a_text(rng)
        names = rng.choice([list(SHAPES), rng.sample(SHAPES, 2)])
        made, want = scanner([], names, kernel), expected([], names, text, False)
        assert made.mask(text) == want[0]
        for pieces in cuts(text, rng, 5):
            assert fed(made.stream(), pieces) == want, pieces

    @PATIENT
    @given(seed=st.integers(0, 1 << 32))
    def test_beside_secrets(self, kernel: str, seed: int) -> None:
        """Secrets that are, have in them, overlap or touch shapes; and are interrupted, as shapes are not."""
        rng = random.Random(seed)
        text, patterns = a_text(rng), []
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(text))
            patterns.append(text[at : at + rng.randint(1, 45)])
        folded = rng.random() < 0.6
        if folded:
            for event in rng.choices(EVENTS, k=3):
                at = rng.randrange(len(text))
                text = text[:at] + event + text[at:]
        made, want = scanner(patterns, list(SHAPES), kernel, folded), expected(patterns, list(SHAPES), text, folded)
        for pieces in [[text], *cuts(text, rng, 5)]:
            assert fed(made.stream(), pieces) == want, (patterns, pieces)

    @pytest.mark.parametrize("size", [1000, 60_000, 200_000])
    def test_long_texts(self, kernel: str, size: int) -> None:
        rng = random.Random(size)
        text = b""
        while len(text) < size:
            text += a_text(rng) + b" nothing to see here. " * rng.choice([1, 3, 100, 3000])
        made, want = scanner([], list(SHAPES), kernel), expected([], list(SHAPES), text, False)
        for step in (len(text), 1 << 16, 4096, 777):
            assert fed(made.stream(), [text[i : i + step] for i in range(0, len(text), step)]) == want

    @pytest.mark.parametrize("length", [2046, 2047, 2048, 2049, 2050, 5000])
    def test_the_header_of_a_token_has_a_limit(self, kernel: str, length: int) -> None:
        text = b"eyJ-eyJ" + b"a" * (length - 4) + b".eyJb.c "
        made, want = scanner([], ["jwt"], kernel), expected([], ["jwt"], text, False)
        for step in (len(text), 100, 7):
            assert fed(made.stream(), [text[i : i + step] for i in range(0, len(text), step)]) == want

    def test_a_token_begins_in_the_tail_of_another_and_ends_behind_it(self, kernel: str) -> None:
        for token in (b"ghp_" + b"a" * 40, b"github_pat_" + b"b" * 22 + b"_" + b"c" * 59, b"eyJabcdefg.eyJ.x"):
            text = b"xoxb-aaaaaaaaaa-" + token + b"_ "
            made, want = scanner([], list(SHAPES), kernel), expected([], list(SHAPES), text, False)
            for step in (len(text), 7, 1):
                assert fed(made.stream(), [text[i : i + step] for i in range(0, len(text), step)]) == want

    @pytest.mark.parametrize(
        "bad", [b"eyJ-", b"eyJa.", b"ghp_", b"AKIA", b"-", b"://", b"://a:", b"x@", b"glpat-" + b"a" * 20]
    )
    def test_near_misses_wall_to_wall(self, kernel: str, bad: bytes) -> None:
        text = b"s://u:" + bad * (100_000 // len(bad))
        made, want = scanner([], list(SHAPES), kernel), expected([], list(SHAPES), text, False)
        for step in (len(text), 1 << 16, 999):
            assert fed(made.stream(), [text[i : i + step] for i in range(0, len(text), step)]) == want


KEY = b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKB\n" * 3 + b"Nn3l0ZcdbR/aBw==\n"
BEGIN, END = b"-----BEGIN PRIVATE KEY-----\n", b"-----END PRIVATE KEY-----\n"


def prefixed(prefix: bytes, text: bytes) -> bytes:
    return b"".join(prefix + line for line in text.splitlines(keepends=True))


class TestWhatCanBeOne:
    @pytest.mark.parametrize("step", [1, 7, 4096])
    @pytest.mark.parametrize(
        ("text", "want"),
        [
            (b"missing -----BEGIN PRIVATE KEY----- header\ntest_a ok\n", b"missing <private-key> header\ntest_a ok\n"),
            (b'{"m":"no -----BEGIN PRIVATE KEY----- in it","n":1}\n', b'{"m":"no <private-key> in it","n":1}\n'),
            (b"'" + BEGIN + b"' expected\n", b"'<private-key>\n' expected\n"),
            (BEGIN + b"\n/home/work/project/src/main/resources/a: no key\n", None),
            (BEGIN + b"FAILED: 3\nPASSED: 4\nok\ntotal 7 of 7\n", None),
            (BEGIN + b"=" * 60 + b" summary\n", None),
            (BEGIN + KEY + b"-----BEGIN CERTIFICATE-----\nMIIC\n", b"<private-key>-----BEGIN CERTIFICATE-----\nMIIC\n"),
            (BEGIN + BEGIN + KEY + END, b"<private-key>\n<private-key>\n"),
            (BEGIN + KEY + END + b"done\n", b"<private-key>\ndone\n"),
            (BEGIN + KEY + b"and on goes the log\n", b"<private-key>and on goes the log\n"),
            (BEGIN + b"a\nb\n" + END, b"<private-key>\n"),
            (b"k=" + (BEGIN + KEY + END).replace(b"\n", b" "), b"k=<private-key> "),
            (b'{"k":"' + (BEGIN + KEY + END).replace(b"\n", b"\\n") + b'","n":1}', b'{"k":"<private-key>\\n","n":1}'),
            (b'{"k":"' + (BEGIN + KEY[:90]).replace(b"\n", b"\\n") + b'","n":1}', b'{"k":"<private-key>","n":1}'),
            (b'"' + (BEGIN + KEY).replace(b"\n", b"\\\\n")[:-3] + b'\\"', b'"<private-key>\\"'),
            (prefixed(b"> ", BEGIN + b"Proc-Type: 4,ENCRYPTED\nDEK-Info: A,B\n\n" + KEY + END), b"> <private-key>\n"),
            (
                prefixed(b"2026-11-30T14:00Z web_1 | ", BEGIN + b"Proc-Type: 4,ENCRYPTED\nDEK-Info: A\n\n" + KEY + END),
                b"2026-11-30T14:00Z web_1 | <private-key>\n",
            ),
        ],
    )
    def test_private_keys(self, text: bytes, want: bytes | None, step: int) -> None:
        want = text.replace(BEGIN[:-1], b"<private-key>") if want is None else want
        pieces = [text[i : i + step] for i in range(0, len(text), step)]
        shown, _ = fed(scanner([], list(SHAPES)).stream(), pieces)
        assert shown == want == expected([], list(SHAPES), text, False)[0]

    @pytest.mark.parametrize("step", [1, 4096])
    @pytest.mark.parametrize(
        ("text", "want"),
        [
            (b"docker://alpine:3.19@sha256:" + b"0a" * 32, None),
            ("docker://alpine:3.19@sha256:…".encode(), None),
            (b"docker://alpine:3.19@sha512:ab docker://a:1@sha384:b", None),
            (b"http://localhost:8080,admin@x.org", None),
            (b"(http://127.0.0.1:80),me@x.org http://ci.example.org:443;me@x", None),
            (b"['http://web:80','me@x.org']", None),
            (b"https://user:pass4';.!&*()=,$-+~@example.com", b"https://user:<url-password>@example.com"),
            (b"amqp://admin:5672,x@host", b"amqp://admin:<url-password>@host"),
            (b"s://first.last:12345@host", b"s://first.last:<url-password>@host"),
            (b"s://first.last:123456,a@host", b"s://first.last:<url-password>@host"),
            (b"s://u:p@w@sha256:ab", b"s://u:<url-password>@w@sha256:ab"),
            (b"s://u:p@sha256:ab@host", b"s://u:<url-password>@host"),
            (b"s://u:p@sha25", b"s://u:<url-password>@sha25"),
        ],
    )
    def test_passwords(self, text: bytes, want: bytes | None, step: int) -> None:
        shown, _ = fed(scanner([], list(SHAPES)).stream(), [text[i : i + step] for i in range(0, len(text), step)])
        assert shown == (text if want is None else want) == expected([], list(SHAPES), text, False)[0]


class TestHolds:
    @PATIENT
    @given(seed=st.integers(0, 1 << 32))
    def test_what_is_held_may_become_a_shape(self, seed: int) -> None:
        rng = random.Random(seed)
        text = a_text(rng)[:120]
        made = scanner([], list(SHAPES))
        stream = made.stream()
        examples = [b"-----BEGIN PRIVATE KEY-----"] + [piece for _ in range(3) for piece in shape_oracle.examples(rng)]
        ends = {piece[i:] for piece in examples for i in range(len(piece))} | {b".a", b"a@", b"@"}
        for at in range(1, len(text) + 1):
            stream.feed(text[at - 1 : at])
            if stream.held:
                first = at - stream.held
                assert any(_covers(text[:at] + end + b" ", first) for end in ends), text[:at]

    def test_what_is_certain_is_not_held(self) -> None:
        stream = scanner([], list(SHAPES)).stream()
        assert stream.feed(b"key: -----BEGIN PRIVATE KEY----") == b"key: "
        assert stream.feed(b"-") == b"<private-key>"
        for _ in range(100):
            assert stream.feed(b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n") == b""
            assert stream.held == 0
        assert stream.feed(b"-----END PRIVATE KEY-----.") == b"."
        assert stream.feed(b" ghp_" + b"a" * 36) == b" <github-token>"
        assert stream.feed(b"bcd") == b""
        assert stream.feed(b" ok") == b" ok"
        assert stream.most_held == 26

    def test_a_key_without_end_is_masked_for_32_kib(self) -> None:
        stream = scanner([], list(SHAPES)).stream()
        shown = stream.feed(b"-----BEGIN PRIVATE KEY-----") + stream.feed(b"x" * 32768) + stream.feed(b"yz")
        assert shown == b"<private-key>yz"

    def test_a_late_secret_is_found_in_what_a_shape_holds(self) -> None:
        made = scanner([], list(SHAPES))
        stream = made.stream()
        assert stream.feed(b"eyJabcdefg-late-sec") == b""
        made.add([b"late-secret"])
        assert stream.feed(b"ret! ") == b"eyJabcdefg-#! "


def _covers(text: bytes, at: int) -> bool:
    return any(shape.start <= at < shape.end for shape in shape_oracle.occurrences(SHAPES, text))


@pytest.mark.parametrize("patterns", [[], [b"secret"]])
def test_clean_bytes_are_passed_on(patterns: list[bytes]) -> None:
    clean = b"https://example.org/path?x=1 nothing here. " * 2000
    stream = scanner(patterns, list(SHAPES)).stream()
    assert stream.feed(clean) is clean


def test_an_unknown_shape() -> None:
    with pytest.raises(ValueError, match="unknown shape 'pin' \\(github-token, "):
        Scanner(b"#", shapes={"pin": b""})


def test_the_twin_knows_the_same_shapes() -> None:
    assert shape_oracle.NAMES == SHAPES


TOKEN = "ghp_" + "0aZ" * 12


class TestMasker:
    @pytest.mark.parametrize(
        ("marker", "shown"),
        [
            ("[REDACTED]", "[REDACTED:github-token]"),
            ("<<gone>>", "<<gone:github-token>>"),
            ("***", "***:github-token"),
        ],
    )
    def test_the_marker_says_which_shape(self, marker: str, shown: str) -> None:
        masker = SecretMasker(marker, shapes="all")
        assert masker.mask_string(f"a {TOKEN} b") == f"a {shown} b"

    def test_off_unless_asked_for(self) -> None:
        text = f"{TOKEN} https://u:pw@host"
        assert SecretMasker().mask_string(text) == text
        assert (
            SecretMasker(shapes="url-password").mask_string(text) == f"{TOKEN} https://u:[REDACTED:url-password]@host"
        )
        assert SecretMasker(shapes=["jwt"]).mask_string(text) == text
        with pytest.raises(ValueError, match="unknown shape 'x'"):
            SecretMasker(shapes="x")

    def test_secrets_come_first_and_keep_their_marker(self) -> None:
        masker = SecretMasker(shapes="all")
        masker.register_secrets([TOKEN, "pw-1234"], ["TOKEN", "PW"])
        stream = masker.stream()
        text = f"{TOKEN} https://u:pw-1234@host https://u:pw-12345@host {TOKEN}1 {TOKEN[:-1]}Z".encode()
        assert stream.feed(text) + stream.flush() == (
            b"[REDACTED] https://u:[REDACTED]@host https://u:[REDACTED]@host [REDACTED] [REDACTED]"
        )
        assert stream.report().summary() == "masked 5 times: TOKEN 3, PW 2"

    def test_what_is_masked_stays_as_it_is(self) -> None:
        """Markers are no shapes, so that text may go through two maskers."""
        masker = SecretMasker(shapes="all")
        once = masker.mask_string(f"{TOKEN} https://u:pw@host x://:a@b eyJabcdefgh.eyJ0.x AKIAABCDEFGHIJKLMNOP")
        assert once.count("[REDACTED:") == 5
        assert masker.mask_string(once) == once

    def test_a_cleared_masker_still_knows_shapes(self) -> None:
        masker = SecretMasker(shapes="all")
        masker.clear()
        assert masker.mask_string(TOKEN) == "[REDACTED:github-token]"

    def test_the_report(self) -> None:
        masker = SecretMasker(shapes="all")
        stream = masker.stream()
        stream.feed(f"{TOKEN} {TOKEN} ".encode())
        assert stream.report().summary() == "masked 2 times: shape github-token 2"
