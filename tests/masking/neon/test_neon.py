"""The core on 64-bit Arm, compiled without Python and emulated: each answer as on this machine, and as the oracles'."""

from __future__ import annotations

import re
import struct
import subprocess
from io import BytesIO
from itertools import chain, pairwise
from pathlib import Path
from random import Random
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import ahocorasick
import pytest

from runnerlib.masking._scanner import Scanner
from tests import folded_oracle, oracle
from tests.fuzz import case, folded
from tests.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(__file__).parents[3]
BLOCK = 64  # positions that the kernels test in one go
EVENTS = b"\n\r\x1b%\xc2\xe2\xef"


class Driver(NamedTuple):
    """The emulator and the program."""

    words: tuple[str, ...]

    def answers(self, commands: Iterable[bytes]) -> Answers:
        """Have commands carried out by the kernel that is the best there."""
        done = subprocess.run(self.words, input=b"".join(commands), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        answers = Answers(done.stdout)
        assert answers.bytes() == b"neon"
        return answers


class Answers(BytesIO):
    """The answers of a driver, read as they were written."""

    def number(self) -> int:
        return int.from_bytes(self.read(4), "little")

    def bytes(self) -> bytes:
        return self.read(self.number())

    def tally(self) -> dict[int | None, tuple[int, int]]:
        return {self.number(): (self.number(), self.number()) for _ in range(self.number())}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    compiler, emulator = tool("aarch64-linux-gnu-gcc"), tool("qemu-aarch64")
    program = tmp_path_factory.mktemp("neon") / "driver"
    sources = [Path(__file__).with_name("driver.c"), *sorted((ROOT / "ext").glob("*.c"))]
    options = ["-O3", "-std=c11", "-Wall", "-Wextra", "-Werror", "-static", "-I", ROOT / "ext"]
    subprocess.run([compiler, *options, *sources, "-lm", "-o", program], check=True)
    return Driver((emulator, str(program)))


def numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def framed(data: bytes) -> bytes:
    return numbers(len(data)) + data


def patterns_are(patterns: Sequence[bytes], folded: bool) -> bytes:
    """The command that makes these the patterns."""
    listed = b"".join(map(framed, patterns))
    twins = sorted(set(chain.from_iterable(map(folded_forms, patterns)))) if folded else []
    joined = sorted(set(filter(None, map(folded_oracle.join, patterns)))) if folded else []
    return b"P" + numbers(folded, len(patterns)) + listed + trie(patterns) + trie(twins) + trie(joined)


def folded_forms(pattern: bytes) -> Iterator[bytes]:
    """Yield the folded forms that the core compiles: a line end before each letter of a percent escape."""
    for before in (b"", b"%0", b"%") if folded_oracle.has_folded_view(pattern) else ():
        yield re.sub(rb"(?<=%)[0-9A-Fa-f]{1,2}", _marked, before + pattern)[len(before) :]


def _marked(digits: re.Match[bytes]) -> bytes:
    return re.sub(rb"([A-F])", rb"\n\1", digits.group().upper())


def trie(patterns: Sequence[bytes]) -> bytes:
    """Return pyahocorasick's trie of the patterns, ids cut to 32 bits as the front of the core does it."""
    if not patterns:
        return numbers(0, 0, 0)
    builder = ahocorasick.Automaton(ahocorasick.STORE_LENGTH)
    for pattern in patterns:
        builder.add_word(pattern.decode("latin-1"))
    builder.make_automaton()
    nodes, edges, fails = builder.dump()
    made = [numbers(node & 0xFFFFFFFF, bool(word)) for node, word in nodes]
    made += [numbers(len(edges)), *(numbers(node & 0xFFFFFFFF, byte[0], to & 0xFFFFFFFF) for node, byte, to in edges)]
    made += [numbers(len(fails)), *(numbers(node & 0xFFFFFFFF, to & 0xFFFFFFFF) for node, to in fails)]
    return numbers(len(nodes)) + b"".join(made)


def feed(data: bytes, last: bool = False) -> bytes:
    return b"F" + numbers(last) + framed(data)


Case = tuple[list[bytes], bytes, bool]


def a_case(random: Random) -> Case:
    """Patterns, few or many, a text full of their pieces at any place of a block, and whether it is folded."""
    letters = random.choice([b"ab", b"abc ", b"abcdef%2F", b"abcdefghijklmnopqrstuvwxyz0123456789", bytes(range(255))])
    shortest, count = random.choice([2, 6, 7, 12]), random.choice([1, 2, 5, 40, 300])
    longest = shortest + random.choice([2, 9, 80])
    patterns = [bytes(random.choices(letters, k=random.randint(shortest, longest))) for _ in range(count)]
    pieces = [*patterns, b"." * random.randrange(BLOCK), bytes(random.choices(letters, k=random.choice([9, 700])))]
    text = oracle.text_of(pieces, letters, random.choice([30, 900, 6000]), random)
    is_folded = random.random() < 0.7
    if is_folded:
        events, share = random.sample(folded.EVENTS, 4), random.choice([0.003, 0.03, 0.3])
        strewn = (random.choice(events) if random.random() < share else b"" for _ in text)
        text = b"".join(event + text[i : i + 1] for i, event in enumerate(strewn))
    return sorted(set(patterns)), text, is_folded


def cut(text: bytes, random: Random) -> list[bytes]:
    """A text in up to nine pieces."""
    places = sorted(random.choices(range(len(text) + 1), k=random.randrange(9)))
    return [text[a:b] for a, b in pairwise([0, *places, len(text)])]


def test_streams_of_cases(driver: Driver) -> None:
    random = Random(1)
    cases = [a_case(random) for _ in range(100)]
    pieces = [cut(text, random) for _, text, _ in cases]
    commands = []
    for (patterns, _, is_folded), cuts in zip(cases, pieces, strict=True):
        commands += [patterns_are(patterns, is_folded), *map(feed, cuts), feed(b"", last=True), b"T"]
    answers = driver.answers(commands)
    for (patterns, text, is_folded), cuts in zip(cases, pieces, strict=True):
        scanner = Scanner(case.MARKER, folded=is_folded)
        scanner.add({pattern: rule for rule, pattern in enumerate(patterns)})
        stream, shown = scanner.stream(), b""
        for piece in cuts:
            answer = answers.bytes()
            assert (answer, answers.number()) == (stream.feed(piece), stream.held)
            shown += answer
        shown += answers.bytes()
        twin = folded_oracle if is_folded else oracle
        assert (shown, answers.number()) == (twin.mask(patterns, text, case.MARKER), 0)
        stream.flush()
        assert answers.tally() == stream.tally()


@pytest.mark.parametrize("target", [case, folded])
def test_registrations_at_any_moment(driver: Driver, target: ModuleType) -> None:
    """The corpora of the fuzzers, and random ones: patterns come between the pieces of a stream."""
    random, is_folded = Random(2), target is folded
    corpus = sorted((ROOT / "tests/fuzz" / ("corpus_folded" if is_folded else "corpus")).iterdir())
    cases = [path.read_bytes() for path in corpus]
    cases += [bytes([random.choice([1, 3, 5, 253]), 0]) + operations(random) for _ in range(60)]
    commands, expected = [], []
    for one in cases:
        scanner = Scanner(case.MARKER, folded=is_folded)
        stream, patterns = scanner.stream(), {b"\xff never in a text"}  # a driver's stream knows the patterns before
        scanner.add(patterns)
        commands.append(patterns_are(sorted(patterns), is_folded))
        for name, data in [*target.operations(one), case.Operation("flush", b"")]:
            if name == "register":
                if data and data not in patterns:
                    patterns.add(data)
                    scanner.add([data])
                    commands.append(patterns_are(sorted(patterns), is_folded))
            else:
                commands.append(feed(data if name == "feed" else b"", last=name == "flush"))
                expected.append((stream.feed(data) if name == "feed" else stream.flush(), stream.held))
    answers = driver.answers(commands)
    for output, held in expected:
        assert (answers.bytes(), answers.number()) == (output, held)


def operations(random: Random) -> bytes:
    made = b""
    for _ in range(random.randrange(3, 12)):
        data = random.randbytes(random.choice([1, 2, 5, 9, 30]))
        made += bytes([random.randrange(8) + 8 * random.choice([0, 0, 1, 9, 31]), len(data)]) + data
    return made


def test_every_byte_at_every_place_of_a_block(driver: Driver) -> None:
    texts = [b"." * place + bytes([byte]) + b"." * (63 - place) for byte in range(256) for place in range(BLOCK)]
    texts += [Random(3).randbytes(BLOCK * 500), bytes(Random(4).choices(EVENTS + b"a", k=BLOCK * 500))]
    answers = driver.answers([b"E" + framed(b"".join(texts))])
    found = [at for (at,) in struct.iter_unpack("<I", answers.bytes())]
    assert found == [at for at, byte in enumerate(b"".join(texts)) if byte in EVENTS]


def test_digits_are_those_of_the_portable_kernel(driver: Driver) -> None:
    texts = [b"4" * place + bytes([byte]) + b"4" * (63 - place) for byte in range(256) for place in range(BLOCK)]
    texts += [
        Random(6).randbytes(BLOCK * 500),
        bytes(Random(7).choices(b"0123456789abcdefABCDEFxu\\# :\n", k=BLOCK * 500)),
    ]
    answers = driver.answers([b"D" + framed(b"".join(texts))])
    found = answers.bytes()
    assert len(found) >= 8 * 2 * (len(texts) - 2 + 1000)
    assert any(found)
    assert found == answers.bytes()


def test_candidates_are_those_of_the_portable_kernel(driver: Driver) -> None:
    random = Random(5)
    cases = [a_case(random) for _ in range(100)]
    texts = [(text * (1 + 4096 // len(text)))[:4096] for _, text, _ in cases]
    commands = [
        command
        for (patterns, _, _), text in zip(cases, texts, strict=True)
        for command in (patterns_are(patterns, False), b"C" + framed(text))
    ]
    answers = driver.answers(commands)
    by_fragments = []
    for _ in cases:
        by_fragments.append(answers.number())
        assert answers.bytes() == answers.bytes()
    assert 0 < sum(by_fragments) < len(cases)
