"""The goals of masking on real logs: must, aim, measured.

python -m benchmarks.goals [--mib 8] [--rounds 9]

The logs are runs of our own of public tools: tests of CPython and Go, make, pytest, apt, dpkg, git, ls, npm and more.
Each answer is checked before it is timed. A goal that is missed is said; nothing fails, because machines differ.
"""

from __future__ import annotations

import argparse
import lzma
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import engine, machine, secretset
from benchmarks.draw import Draw
from benchmarks.rivals import Hyperscan
from benchmarks.timing import take_turns
from benchmarks.workload import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.engine import Measured

LOGS = Path(__file__).with_name("corpus") / "logs.xz"


class Goal(NamedTuple):
    """A figure that must be reached, one that is aimed at, and the measured one; with `most`, less is better."""

    name: str
    must: float
    aim: float
    measured: float
    unit: str = "x"
    most: bool = False

    @property
    def verdict(self) -> str:
        """Say which of both is reached."""
        reached = (self.measured <= self.aim, self.measured <= self.must)
        if not self.most:
            reached = (self.measured >= self.aim, self.measured >= self.must)
        return "aim" if reached[0] else "must" if reached[1] else "missed"


@cache
def logs() -> bytes:
    """The bundled logs, one behind the other."""
    return lzma.decompress(LOGS.read_bytes())


@cache
def clean(size: int) -> Text:
    """So many bytes of logs, again and again."""
    return Text((logs() * (size // len(logs()) + 1))[:size])


@cache
def with_hits(size: int, count: int) -> Text:
    """The same with a line that shows a secret about every 10 KB."""
    draw, whole, pieces, at = Draw("goals"), clean(size).whole, [], 0
    while at < size:
        end = whole.find(b"\n", at + 10_000) + 1 or size
        pieces += [whole[at:end], b"token: ", draw.pick(secretset.raw(count).secrets), b"\n"]
        at = end
    return Text(b"".join(pieces))


def _seconds(measured: Measured, text: Text) -> Callable[[], float]:
    def run() -> float:
        start = process_time()
        engine.length(measured, text)
        return process_time() - start

    return run


def _fastest(runs: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    return {name: min(seconds) for name, seconds in take_turns(runs, rounds).items()}


def check(measured: Measured, text: Text, patterns: int) -> None:
    """Check an answer: all of the text but the secrets that were put in, each replaced by a marker."""
    expected = text.whole
    for secret in sorted(secretset.raw(patterns).secrets, key=len, reverse=True):
        expected = expected.replace(secret, secretset.MARKER)
    assert b"".join(bytes(piece) for piece in measured.masked(text)) == expected


def throughput(size: int, rounds: int) -> Iterator[Goal]:
    """The default and raw values beside Hyperscan, which finds raw values only; and hits beside clean text."""
    limits = {10: (1.2, 2, 3.4), 100: (1, 1.5, 1.8), 1_000: (0.7, 1, 1.5)}
    for count, (must, aim, plain) in limits.items():
        raw = secretset.raw(count)
        made: dict[str, Measured] = {
            "default": engine.RunnerlibFolded(secretset.encoded(count)),
            "raw": engine.Runnerlib(raw),
        }
        if find_spec(Hyperscan.module):
            made["rival"] = Hyperscan(raw)
        for one in made.values():
            check(one, with_hits(1 << 18, count), count)
        seconds = _fastest({name: _seconds(one, clean(size)) for name, one in made.items()}, rounds)
        yield Goal(f"default, {count:,} secrets", 0, 0, size / seconds["default"] / 1e9, " GB/s")
        if "rival" in made:
            yield Goal(f"default vs. hyperscan, {count:,} secrets", must, aim, seconds["rival"] / seconds["default"])
            yield Goal(f"raw values vs. hyperscan, {count:,} secrets", plain, 2, seconds["rival"] / seconds["raw"])
        if count == 10:
            one = made["default"]
            seconds = _fastest(
                {"clean": _seconds(one, clean(size)), "hits": _seconds(one, with_hits(size, count))}, rounds
            )
            yield Goal("default, hits vs. clean, 10 secrets", 0.85, 0.95, seconds["clean"] / seconds["hits"])


def registration(most: int = 10_000, fewer: int = 1_000) -> Iterator[Goal]:
    """From secrets to a masker that finds them, and one more."""
    secrets = secretset.encoded(most)
    start = process_time()
    masker = secrets.masker()
    yield Goal(f"register {most:,} secrets", 1, 0.3, process_time() - start, " s", most=True)
    for secret in secrets.secrets[:: most // 20]:
        assert masker.mask(b"<" + secret + b">") == b"<" + secretset.MARKER + b">"
    for count, there in ((fewer, secretset.encoded(fewer).masker()), (most, masker)):
        draw = Draw("one more")
        added = [draw.string("abcdefghijkmnpqrstuvwxyz23456789", 30).encode() for _ in range(100)]
        start = process_time()
        for one in added:
            there.register_secret(one)
        took = (process_time() - start) / len(added) * 1e3
        assert all(there.mask(one) == secretset.MARKER for one in added)
        yield Goal(f"register one more, at {count:,}", 2, 0.5, took, " ms", most=True)


def worst_cases(rounds: int) -> Iterator[Goal]:
    """A value of many short lines, printed; nested secrets in the folded view."""
    draw = Draw("lines")
    words = b"\n".join(draw.string("abcdefghij", draw.between(4, 10)).encode() for _ in range(20_000))
    many = secretset.SecretSet("many lines", (words,), encoded=True)
    nested = secretset.SecretSet("nested", secretset.nested().secrets, encoded=True)
    for name, secrets, text, limits in (
        ("a value of 20,000 lines, printed", many, Text(words), (20.0, 100.0)),
        ("folded view, nested secrets", nested, Text((b"a" * 70 + b"\n") * 15_000), (100.0, 300.0)),
    ):
        one = engine.RunnerlibFolded(secrets)
        assert sum(map(len, one.masked(text))) <= len(secretset.MARKER) + 1
        seconds = _fastest({"it": _seconds(one, text)}, rounds)["it"]
        yield Goal(name, *limits, len(text.whole) / seconds / 1e6, " MB/s")


def rows(size: int, rounds: int) -> Iterator[Goal]:
    """Measure every goal."""
    yield from throughput(size, rounds)
    yield from registration()
    yield from worst_cases(max(rounds // 2, 1))


def formatted(goal: Goal) -> str:
    """A row of the table."""
    measured = f"{goal.measured:.2f}{goal.unit}"
    if not goal.must:
        return f"| {goal.name} | | | {measured} | |"
    return f"| {goal.name} | {goal.must:g}{goal.unit} | {goal.aim:g}{goal.unit} | {measured} | {goal.verdict} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.goals", description=__doc__)
    parser.add_argument("--mib", type=int, default=8, help="MiB of logs (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=9, help="rounds, the fastest of which counts (default: %(default)s)"
    )
    options = parser.parse_args()
    here = machine.describe()
    lines = [
        f"{here['cpu']}, Python {here['python']}, {here['date']}",
        "",
        "| goal | must | aim | measured | |",
        "|---|---|---|---|---|",
    ]
    for line in lines:
        sys.stdout.write(f"{line}\n")
    for goal in rows(options.mib << 20, options.rounds):
        sys.stdout.write(f"{formatted(goal)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
