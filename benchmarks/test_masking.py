"""Masking: throughput on every kind of text, the cost of a line, of compiling and of holding back.

Rivals stand beside us in one group. A rival that is slow is given the beginning of the text only; its
answer must be ours on that.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pytest

from benchmarks import secretset
from benchmarks.draw import Draw
from benchmarks.engine import (
    Engine,
    Memcpy,
    MemcpyChunks,
    Runnerlib,
    RunnerlibWritten,
    digest,
    fitting,
    length,
    missing,
)
from benchmarks.rivals import RIVALS
from benchmarks.workload import Cell, Text, cells
from runnerlib.masking import SecretMasker
from tests import oracle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    from benchmarks.secretset import SecretSet

ENGINES: tuple[type[Engine], ...] = (Runnerlib, RunnerlibWritten, *RIVALS)
# Longer rounds tell nothing new, and every engine has at least five of them for each cell.
ROUND_SECONDS = 0.15
# Holds some secrets, and does not take the oracle long.
ORACLE_BYTES = 1 << 15


@lru_cache(maxsize=len(ENGINES))
def compiled(engine: type[Engine], secrets: SecretSet) -> Engine:
    """Compile a set once for the three texts it is used with."""
    return engine(secrets)


def _name(measured: Cell | SecretSet | type[Engine]) -> str:
    return measured.name.replace(" ", "-")


# Cell by cell, so that few texts and compiled sets are alive at once. Where occurrences may overlap or touch,
# an engine that replaces one at a time gives another answer.
_PAIRS = [
    pytest.param(cell, engine, id=f"{_name(cell)}-{_name(engine)}")
    for cell in cells()
    for engine in ENGINES
    if engine.union or cell.is_plain
]


def _skip_missing(engine: type[Engine]) -> None:
    if reason := missing(engine):
        pytest.skip(reason)


@pytest.mark.parametrize(("cell", "engine"), _PAIRS)
def test_throughput(benchmark: BenchmarkFixture, cell: Cell, engine: type[Engine], masking_bytes: int) -> None:
    """64 KiB pieces, as they come from a pipe."""
    _skip_missing(engine)
    benchmark.group = cell.name
    masking = compiled(engine, cell.secrets)
    text = fitting(masking, cell.text(masking_bytes), ROUND_SECONDS)
    benchmark.extra_info["bytes"] = len(text.whole)
    ours = compiled(Runnerlib, cell.secrets)
    assert benchmark(length, masking, text) == length(ours, text)
    assert digest(masking, text) == digest(ours, text)


@pytest.mark.parametrize("cell", cells(), ids=_name)
def test_answer_is_the_oracles(cell: Cell, masking_bytes: int) -> None:
    """The answers that rivals are compared with are those of the definition: the beginning of a text, cut anywhere."""
    text = cell.text(masking_bytes).whole[:ORACLE_BYTES]
    expected = oracle.mask(cell.secrets.patterns, text, secretset.MARKER)
    assert {"clean": expected == text, "hits": expected != text}.get(cell.kind, True)
    # Without the folded view: that also finds escapes in mixed case, which near misses may happen to be.
    stream = cell.secrets.plain_masker().stream()
    assert b"".join(map(stream.feed, _pieces(text))) + stream.flush() == expected


def _pieces(text: bytes) -> Iterator[bytes]:
    draw = Draw("cut")
    while text:
        size = draw.below(draw.pick((3, 100, 5_000)))
        yield text[:size]
        text = text[size:]


@pytest.mark.parametrize("shapes", ["", "all"], ids=["off", "all"])
def test_shapes(benchmark: BenchmarkFixture, shapes: str, masking_bytes: int) -> None:
    """The cost of looking for credentials by their look, in text without any."""
    benchmark.group = "shapes"
    masker = SecretMasker(encodings=False, shapes=shapes or ())
    masker.register_secrets(secretset.raw(1).secrets)
    text = cells()[0].text(masking_bytes)
    stream = masker.stream()

    def run() -> bool:
        return all(stream.feed(chunk) is chunk for chunk in text.chunks[:-1])

    assert benchmark(run)


@pytest.mark.parametrize("kind", ["whole", "chunks"])
def test_memcpy(benchmark: BenchmarkFixture, kind: str, masking_bytes: int) -> None:
    """The yardstick: copying the text without looking at it."""
    text = cells()[0].text(masking_bytes)
    benchmark.group = cells()[0].name
    copying = Memcpy(masking_bytes) if kind == "whole" else MemcpyChunks()
    assert benchmark(length, copying, text) == masking_bytes
    assert digest(copying, text) == digest(compiled(Runnerlib, cells()[0].secrets), text)


LINE = (b"2026-11-23T15:04:05.678Z [router] gcc -O2 -Wall -Wextra -c src/cache/entry_queue.c -o build/entry.o ")[
    :99
] + b"\n"
LINES = 1000


def _call_for_each_line(call: Callable[[bytes], object]) -> object:
    result = None
    for _ in range(LINES):
        result = call(LINE)
    return result


@pytest.mark.parametrize("count", [10, 1_000])
def test_line(benchmark: BenchmarkFixture, count: int) -> None:
    """A thousand lines of 100 bytes, each fed by itself."""
    benchmark.group = "1000 lines"
    stream = secretset.raw(count).masker().stream()
    assert benchmark(_call_for_each_line, stream.feed) is LINE


def test_bare_call(benchmark: BenchmarkFixture) -> None:
    """The cost of calling any compiled method for each line."""
    benchmark.group = "1000 lines"
    assert benchmark(_call_for_each_line, b"".endswith) is False


@pytest.mark.parametrize("secrets", [secretset.raw(100), secretset.raw(10_000), secretset.encoded(100)], ids=_name)
@pytest.mark.parametrize("engine", [Runnerlib, *(rival for rival in RIVALS if rival.union)], ids=_name)
def test_compile(benchmark: BenchmarkFixture, engine: type[Engine], secrets: SecretSet) -> None:
    """From secrets to a masker that is ready; for encoded ones, making the encodings is our part only."""
    _skip_missing(engine)
    benchmark.group = f"compile {secrets.name}"
    ready = benchmark(engine, secrets)
    shown = b" ".join(secrets.patterns[:50])
    assert b"".join(ready.masked(Text(shown))) == oracle.mask(secrets.patterns[:50], shown, secretset.MARKER)


def test_add_one_to_10000(benchmark: BenchmarkFixture) -> None:
    """A job registers one more secret while it runs."""
    benchmark.group = "add one to 10000"
    masker = secretset.raw(10_000).masker()
    draw = Draw("added")
    added: list[bytes] = []

    def add() -> None:
        added.append(draw.noise(20))
        masker.register_secret(added[-1])

    # The first additions go into a set of their own; they are what jobs do.
    benchmark.pedantic(add, rounds=100)
    for secret in (*added, *secretset.raw(10_000).secrets[::1000]):
        assert masker.mask(b"<" + secret + b">") == b"<" + secretset.MARKER + b">"


def test_hold(benchmark: BenchmarkFixture) -> None:
    """The beginning of a long secret that comes byte by byte, and then turns out to be none."""
    benchmark.group = "hold"
    secrets = secretset.raw(100)
    longest = max(secrets.patterns, key=len)
    teaser = longest[:-1] + b"\n"
    stream = secrets.masker().stream()
    pieces = [bytes([byte]) for byte in teaser]

    released = benchmark(lambda: b"".join([stream.feed(piece) for piece in pieces]))

    assert released == teaser
    for end in range(1, len(longest)):
        stream.feed(pieces[end - 1])
        assert stream.held == oracle.held(secrets.patterns, longest[:end])
