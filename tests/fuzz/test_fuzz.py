"""The kept corpus, and random cases: what a fuzzer has found once is never lost again."""

from __future__ import annotations

from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from tests.fuzz import case, folded, shaped
from tests.looped import assert_each

HERE = Path(__file__).parent
TARGETS = {"corpus": case, "corpus_folded": folded, "corpus_shaped": shaped}


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpora(name: str) -> None:
    def check(file: str) -> None:
        TARGETS[name].check((HERE / name / file).read_bytes())

    assert_each(check, ((path.name,) for path in sorted((HERE / name).iterdir())))


def test_random_cases() -> None:
    random = Random(7)
    for _ in range(1500):
        case.check(bytes([random.choice([0, 1, 2, 5, 253]), random.randrange(8)]) + _operations(random))


def test_random_cases_of_the_folded_view() -> None:
    random = Random(8)
    for _ in range(500):
        folded.check(bytes([random.choice([0, 1, 3, 5, 7, 21, 253]), random.randrange(8)]) + _operations(random))


def test_random_cases_of_shapes() -> None:
    random = Random(9)
    for _ in range(700):
        shaped.check(random.randbytes(2) + _operations(random))


@pytest.mark.parametrize("target", TARGETS.values())
def test_any_bytes_are_a_case(target: ModuleType) -> None:
    for size in range(12):
        assert len(list(target.operations(bytes(range(size))))) <= size
        target.check(bytes(range(size)))


def _operations(random: Random) -> bytes:
    made = b""
    for _ in range(random.randrange(1, 12)):
        data = random.randbytes(random.choice([0, 1, 2, 5, 9, 30]))
        repeat = random.choice([0, 0, 0, 1, 9, 31])
        made += bytes([random.randrange(8) + 8 * repeat, len(data)]) + data
    return made
