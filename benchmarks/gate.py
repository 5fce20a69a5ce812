"""The regression gate: is build B as fast as build A, on this machine, now?

    python -m benchmarks.gate --a old/bin/python --b new/bin/python

Each is the Python of an environment in which a build of runnerlib is installed. Both take turns, one
process a round; the medians are compared. The gate fails if B loses more than a tenth of its speed in any
benchmark, gives an answer other than the recorded one, or if a benchmark is missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import gate_case
from benchmarks.timing import take_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

PROBE = Path(__file__).with_name("probe.py")


class Result(NamedTuple):
    """The result of one benchmark in one round of one build."""

    seconds: float = 0.0
    digest: str = ""
    error: str = ""


# The rounds of a build: the results by the names of the benchmarks.
Rounds = list["Mapping[str, Result]"]


class Verdict(NamedTuple):
    """The verdict on one benchmark; `loss` marks what measuring again may prove wrong."""

    name: str
    text: str
    failed: bool
    loss: bool = False


def fault(name: str, rounds: Rounds, answer: str) -> str:
    """Return the fault of a benchmark in a build, or ''."""
    results = [results.get(name, Result(error="it did not run")) for results in rounds]
    for result in results:
        if result.error:
            return f"is missing: {result.error}"
        if result.digest != answer:
            return "gives a wrong answer"
    return ""


def judge(a: Rounds, b: Rounds, expected: Mapping[str, str], limit: float) -> list[Verdict]:
    """Compare two builds; `expected` has the answer of every benchmark there must be."""
    verdicts = []
    for name, answer in expected.items():
        if reason := fault(name, b, answer):
            verdicts.append(Verdict(name, f"{reason} in B", failed=True))
        elif reason := fault(name, a, answer):
            # B repairs or adds something: that must be able to pass.
            verdicts.append(Verdict(name, f"not compared, it {reason} in A", failed=False))
        else:
            verdicts.append(_speed(name, a, b, limit))
    for name in sorted({name for results in (*a, *b) for name in results} - expected.keys()):
        verdicts.append(Verdict(name, "has no recorded answer: it is new or renamed", failed=True))
    return verdicts


def _speed(name: str, a: Rounds, b: Rounds, limit: float) -> Verdict:
    seconds_a, seconds_b = (median(results[name].seconds for results in rounds) for rounds in (a, b))
    speed = seconds_a / seconds_b
    lost = speed < 1 - limit
    text = f"B has {speed:.1%} of A's speed ({seconds_a * 1e3:.3g} ms, {seconds_b * 1e3:.3g} ms)"
    return Verdict(name, text, failed=lost, loss=lost)


def decide(
    measure: Callable[[Collection[str], int], tuple[Rounds, Rounds]],
    expected: Mapping[str, str],
    rounds: int,
    limit: float,
) -> list[Verdict]:
    """Judge all benchmarks; what seems to be a loss is measured again, longer, and that counts."""
    verdicts = judge(*measure((), rounds), expected, limit)
    suspects = {verdict.name: expected[verdict.name] for verdict in verdicts if verdict.loss}
    if not suspects:
        return verdicts
    again = {verdict.name: verdict for verdict in judge(*measure(suspects, 2 * rounds), suspects, limit)}
    return [again.get(verdict.name, verdict) for verdict in verdicts]


def probe(python: str, directory: Path, names: Collection[str]) -> Mapping[str, Result]:
    """Run a round in a build. Isolated: neither this directory nor PYTHONPATH may stand in for the build."""
    argv = [python, "-I", str(PROBE), str(directory), *names]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise SystemExit(f"gate: '{python}' cannot be measured: {last}")
    return {name: Result(**result) for name, result in json.loads(done.stdout)["results"].items()}


def measure(pythons: Mapping[str, str], directory: Path, names: Collection[str], rounds: int) -> tuple[Rounds, Rounds]:
    """Let the builds take turns."""
    runs = {build: partial(probe, python, directory, names) for build, python in pythons.items()}
    results = take_turns(runs, rounds)
    return results["a"], results["b"]


def main() -> None:
    """Measure, print a line for each benchmark, exit with 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--a", required=True, metavar="PYTHON", help="Python with the build to compare with")
    parser.add_argument("--b", required=True, metavar="PYTHON", help="Python with the build to judge")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each build (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=0.1, help="share of speed that may be lost (default: 0.1)")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="runnerlib-gate-") as directory:
        gate_case.write_inputs(Path(directory))
        run = partial(measure, {"a": options.a, "b": options.b}, Path(directory))
        verdicts = decide(run, gate_case.expected(), options.rounds, options.limit)
    for verdict in verdicts:
        sys.stdout.write(f"{'FAIL' if verdict.failed else 'ok  '} {verdict.name}: {verdict.text}\n")
    sys.exit(any(verdict.failed for verdict in verdicts))


if __name__ == "__main__":
    main()
