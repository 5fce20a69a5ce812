"""The digits view: hexadecimal digits of a secret with anything between them that tools put there."""

from __future__ import annotations

import random
import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.masking import SecretMasker
from runnerlib.masking._scanner import KERNELS
from tests import folded_oracle
from tests.masking.test_folded import check, check_hold, check_registration, run, scanner
from tests.tools import tool

SECRET = b"hunter2-Kq7vZx9wLmNoPqRsTuVw"
SEPARATORS = [
    *(b" ", b":", b"-", b", 0x", b"\\x", b"%", b";&#x", b"\\u00", b",\n  0x", b"\n", b"\n ", b"  ", b""),
    *(b" " * 79, b" " * 81, b"\n\n", b"0x", b"\\\\x", b"\\u0", b"x", b"z", b"\n00000010  ", b"  |ab|\n00000020  "),
    *(b"  abcdef\n00000010: ", b"  " + b"q" * 79 + b"\n000010: ", b"\r\n", b"\n0000001 ", b"0", b"\\U", b"#X", b"'"),
]


def a_case(rng: random.Random) -> tuple[list[bytes], bytes]:
    """Patterns of a few digits, and their pieces with something put between digits."""
    firsts, seconds = rng.choice([(b"2", b"02"), (b"25", b"0a5"), (b"234567", b"0123456789abcdef"), (b"5", b"05a")])
    letters = firsts + seconds
    patterns = [
        b"".join(bytes((rng.choice(firsts), rng.choice(seconds))) for _ in range(rng.randint(6, 9)))
        for _ in range(rng.randint(1, 4))
    ]
    some, text = rng.sample(SEPARATORS, rng.randint(1, 4)), rng.choice([b"", b"", b"00000000  ", b"0000000: ", b"\n"])
    while len(text) < 50:
        piece = rng.choice([*patterns, bytes(rng.choices(letters, k=9))])
        piece = piece[rng.choice([0, 0, 0, 2, 1]) : rng.choice([None, None, None, -1])]
        width = rng.choice([1, 2, 2, 2, 4, 8])
        piece = rng.choice([piece, piece, piece.upper(), piece.swapcase()])
        parts = [piece[i : i + width] for i in range(0, len(piece), width)]
        text += b"".join(part + (rng.choice(some) if rng.random() < 0.8 else b"") for part in parts)
        text += rng.choice([b"", b"z", b" ", b"  |abc|\n", b"\n0000: ", b"\n0000010: ", b"  ab\n000010: ", b"0", b"\\"])
    return patterns, text


SOME = settings(derandomize=True, deadline=None, database=None, max_examples=100)
SEEDS = st.integers(0, 1 << 40)


class TestAgainstTheTwin:
    @SOME
    @pytest.mark.parametrize("kernel", KERNELS)
    @given(seed=SEEDS)
    def test_any_cut_gives_the_same(self, kernel: str, seed: int) -> None:
        rng = random.Random(seed)
        check(*a_case(rng), kernel, rng, 5)

    @SOME
    @given(seed=SEEDS)
    def test_nothing_is_withheld_that_need_not_be(self, seed: int) -> None:
        patterns, text = a_case(random.Random(seed))
        check_hold(patterns, text[:80])

    @SOME
    @given(seed=SEEDS)
    def test_registration_at_any_moment(self, seed: int) -> None:
        rng = random.Random(seed)
        check_registration(*a_case(rng), rng)


def masker() -> SecretMasker:
    made = SecretMasker(b"#")
    made.register_secret(SECRET)
    return made


DIGITS = SECRET.hex()
PAIRS = [DIGITS[i : i + 2] for i in range(0, len(DIGITS), 2)]
WRITTEN = {
    "colons": ":".join(PAIRS),
    "dashes": "-".join(PAIRS).upper(),
    "mixed": " ".join(pair.upper() if i % 2 else pair for i, pair in enumerate(PAIRS)),
    "C": ", ".join(f"0x{pair}" for pair in PAIRS),
    "C#": ",".join(f"0x{pair.upper()}" for pair in PAIRS),
    "lines of C": ",\n        ".join(
        ", ".join(f"0x{pair}" for pair in PAIRS[i : i + 8]) for i in range(0, len(PAIRS), 8)
    ),
    "literal": "".join(f"\\x{pair}" for pair in PAIRS),
    "literal in JSON": "".join(f"\\\\x{pair}" for pair in PAIRS),
    "percent": "".join(f"%{pair}" for pair in PAIRS),
    "quoted-printable": "".join(f"={pair.upper()}" for pair in PAIRS),
    "entities": "".join(f"&#x{pair};" for pair in PAIRS),
    "JSON": "".join(f"\\u00{pair}" for pair in PAIRS),
    "list": ", ".join(f'"{pair}"' for pair in PAIRS),
    "Buffer": "<Buffer " + " ".join(PAIRS) + ">",
    "words": " ".join(DIGITS[i : i + 4] for i in range(0, len(DIGITS), 4)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_ways_to_write_digits(name: str) -> None:
    text = f"data: {WRITTEN[name]} end".encode()
    shown = masker().mask(text)
    assert re.fullmatch(rb"data: (|0x|\\+x|%|=|&#x|\\u00|\"|<Buffer )#[;\">]? end", shown), shown
    pieces = [text[i : i + 1] for i in range(len(text))]
    assert run(masker().stream(), pieces) == shown


LINE = b"2026-12-01 14:36:25.774433 status unpacked libsystemd0:amd64 252.36-1~deb12u1 0x5577 \\u0041 4c41b59\n"


@pytest.mark.parametrize("kernel", KERNELS)
def test_digits_anywhere_in_a_log(kernel: str) -> None:
    """Wherever they begin in the blocks and windows that a kernel looks at, and wherever the text ends."""
    made, rng = scanner([DIGITS.encode()], kernel), random.Random(3)
    log = LINE * 120
    for _ in range(150):
        written = WRITTEN[rng.choice(["colons", "C", "literal", "words", "JSON", "list", "lines of C"])].encode()
        at, behind = rng.randrange(len(log)), rng.choice([b"", b" z", LINE, log])
        text = log[-at:] + b"z " + written + behind
        digits = re.search(rb"6[^z]*7", written)
        assert digits
        want = log[-at:] + b"z " + written[: digits.start()] + b"#" + written[digits.end() :] + behind
        assert made.mask(text) == want
        cut = rng.randrange(len(text))
        assert run(made.stream(), [text[:cut], text[cut:]]) == want


def printed(command: list[str], text: bytes) -> bytes:
    return subprocess.run(command, input=text, capture_output=True, check=True).stdout


DUMPS: dict[str, list[str]] = {
    "hexdump": ["hexdump", "-C"],
    "xxd": ["xxd"],
    "xxd, bytes": ["xxd", "-g1", "-c", "8"],
    "xxd, capitals": ["xxd", "-u"],
    "xxd, C": ["xxd", "-i"],
    "od": ["od", "-tx1"],
    "od, text": ["od", "-Ax", "-tx1z"],
    "od, bare": ["od", "-An", "-tx1"],
    "hexdump, words": ["hexdump"],
    "od, words": ["od", "-x"],
    "od, words and text": ["od", "-Ax", "-tx2z"],
}


def assert_no_words(shown: bytes) -> None:
    """Check that no two words with bytes of the secret only are left."""
    words = re.findall(rb"(?<= )[0-9a-f]{4}(?= |$)", shown, re.MULTILINE)
    text = b"".join(bytes.fromhex(word.decode())[::-1] for word in words)
    assert not [at for at in range(len(SECRET) - 4) if SECRET[at : at + 5] in text], shown


@pytest.mark.parametrize("name", DUMPS)
def test_tools_that_dump(name: str) -> None:
    """No four bytes of the secret are left, in digits or in the text beside them, wherever it begins in a line."""
    for before in range(18):
        text = b"." * before + SECRET + b" and what follows"
        dump = printed([tool(DUMPS[name][0]), *DUMPS[name][1:]], text)
        shown = masker().mask(dump)
        assert b"#" in shown
        assert run(masker().stream(), [dump[i : i + 7] for i in range(0, len(dump), 7)]) == shown
        if "words" in name:
            assert_no_words(shown)
            continue
        bare = bytes(byte for byte in shown.lower().replace(b"0x", b"") if byte in b"0123456789abcdef")
        for at in range(len(SECRET) - 3):
            assert SECRET[at : at + 4] not in shown, (before, shown)
            assert SECRET[at : at + 4].hex().encode() not in bare, (before, shown)


def test_node_prints_a_buffer() -> None:
    buffer = printed([tool("node"), "-e", "console.log(require('fs').readFileSync(0))"], SECRET)
    assert masker().mask(buffer) == b"<Buffer #>\n"


@pytest.mark.parametrize(
    "text",
    [
        ":".join(PAIRS[:-1]) + " 5a",  # not all of it
        " ".join(PAIRS[:9]) + " " * 81 + " ".join(PAIRS[9:]),
        " ".join(PAIRS[:9]) + "\n\n" + " ".join(PAIRS[9:]),
        " ".join(PAIRS[:9]) + " and " + " ".join(PAIRS[9:]),
    ],
)
def test_what_is_none(text: str) -> None:
    assert masker().mask(text.encode()) == text.encode()


def test_text_beside_other_bytes_stays() -> None:
    dump = b"00000000  2e 2e 2e 2e 2e 2e 2e 2e  2e 2e 2e 2e 2e 2e 2e 2e  |................|\n"
    assert masker().mask(dump) == dump
    log = b"2026-12-01 10:11:12 12:34:56 > 25 64 73 33 44 55 66 77 22 33 44 55\n" * 50
    assert masker().mask(log) == log


def test_only_on_demand() -> None:
    made = SecretMasker(b"#", encodings=False)
    made.register_secret(SECRET)
    assert made.mask(WRITTEN["colons"].encode()) == WRITTEN["colons"].encode()


def test_a_dump_that_arrives_in_drops_is_read_once() -> None:
    stream = masker().stream()
    dump = (" ".join(PAIRS[:-1]) + "\n").encode() * 300
    shown = b"".join(stream.feed(dump[i : i + 1]) for i in range(len(dump))) + stream.flush()
    assert shown == dump


def test_the_twin_knows_dumps() -> None:
    text = b"00000000  68 75 6e 74 65 72 32 2d  71  |hunter2-q|\n"
    assert folded_oracle.mask([b"hunter2-".hex().encode()], text) == b"00000000  #  71  |#\n"
    assert scanner([b"hunter2-".hex().encode()]).mask(text) == b"00000000  #  71  |#\n"
