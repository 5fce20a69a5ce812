"""The kept corpus, and random cases: what a fuzzer has found once is never lost again."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz.case import check, operations

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_the_corpus(path: Path) -> None:
    check(path.read_bytes())


def test_random_cases() -> None:
    random = Random(7)
    for _ in range(1500):
        check(bytes([random.choice([0, 1, 2, 5, 253]), random.randrange(8)]) + _operations(random))


def test_any_bytes_are_a_case() -> None:
    for size in range(12):
        assert len(list(operations(bytes(range(size))))) <= size
        check(bytes(range(size)))


def _operations(random: Random) -> bytes:
    made = b""
    for _ in range(random.randrange(1, 12)):
        data = random.randbytes(random.choice([0, 1, 2, 5, 9, 30]))
        repeat = random.choice([0, 0, 0, 1, 9, 63])
        made += bytes([random.randrange(4) + 4 * repeat, len(data)]) + data
    return made
