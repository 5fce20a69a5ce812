"""One round of the gate in one build: times every benchmark, prints seconds and digests as JSON.

    PYTHON -I probe.py DIRECTORY [NAME…]

It is run by the Python of the build that is measured, so it imports nothing of this directory.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import runnerlib
from runnerlib.masking import SecretMasker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Listed = dict[str, Any]

CHUNK = 1 << 16
# The fastest of some repetitions: whatever disturbs a run makes it slower.
REPEATS = 5
RUN = [sys.executable, "-I", "-m", "runnerlib", "run"]
# Nothing that makes the runner mask or do more than the benchmark says.
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "REACTORCIDE_IN_CONTAINER": "false"}


class Case:
    """A benchmark as the gate wrote it down."""

    def __init__(self, directory: Path, listed: Listed) -> None:
        """Load the text of a benchmark."""
        self.directory = directory
        self.file = directory / listed["text"]
        self.text = self.file.read_bytes()
        self.secrets: list[str] = listed["secrets"]
        self.encoded: bool = listed["encoded"]

    def masker(self) -> SecretMasker:
        """Compile the secrets."""
        masker = SecretMasker(encodings=self.encoded)
        masker.register_secrets(self.secrets)
        return masker


def stream(case: Case) -> tuple[float, str]:
    """Feed a text as it comes from a pipe."""
    return _feed(case, [case.text[at : at + CHUNK] for at in range(0, len(case.text), CHUNK)])


def lines(case: Case) -> tuple[float, str]:
    """Feed a text line by line."""
    return _feed(case, case.text.splitlines(keepends=True))


def _feed(case: Case, pieces: list[bytes]) -> tuple[float, str]:
    masker = case.masker()

    def run() -> None:
        feed = masker.stream().feed
        for piece in pieces:
            feed(piece)

    seconds = _fastest(run)
    answering = masker.stream()
    return seconds, _digest([*map(answering.feed, pieces), answering.flush()])


def compiling(case: Case) -> tuple[float, str]:
    """Make secrets searchable."""
    return _fastest(case.masker), _digest([case.masker().mask(case.text)])


def add(case: Case) -> tuple[float, str]:
    """Register one more secret after the other."""
    masker = case.masker()
    added = iter(range(REPEATS * 20))

    def run() -> None:
        for _ in range(20):
            masker.register_secret(f"\0 this secret does not occur {next(added)} \0")

    return _fastest(run), _digest([masker.mask(case.text)])


def start(case: Case) -> tuple[float, str]:
    """Run a job that does nothing."""
    return _run(case, ["--job-command", "echo started"])


def pipe(case: Case) -> tuple[float, str]:
    """Run a job that prints a long log."""
    return _run(case, ["--secrets-list", ",".join(case.secrets), "--job-command", f"cat '{case.file}'"])


def _run(case: Case, options: list[str]) -> tuple[float, str]:
    argv = [*RUN, "--work-dir", str(case.directory), *options]
    shown: list[bytes] = []

    def run() -> None:
        done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"exit code {done.returncode}: {done.stderr.decode().strip()}")
        shown[:] = [done.stdout]

    return _fastest(run), _digest(shown)


KINDS: dict[str, Callable[[Case], tuple[float, str]]] = {
    "stream": stream,
    "lines": lines,
    "compile": compiling,
    "add": add,
    "start": start,
    "pipe": pipe,
}


def _fastest(run: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        began = perf_counter()
        run()
        best = min(best, perf_counter() - began)
    return best


def _digest(pieces: Iterable[bytes]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        state.update(piece)
    return state.hexdigest()


def measure(directory: Path, listed: Listed) -> dict[str, object]:
    """Run one benchmark; one that this build cannot run says why."""
    try:
        seconds, digest = KINDS[listed["kind"]](Case(directory, listed))
    except Exception as error:  # an older build may lack anything
        return {"error": f"{type(error).__name__}: {error}"}
    return {"seconds": seconds, "digest": digest}


def main() -> None:
    """Run the benchmarks that are named, or all."""
    directory, *names = sys.argv[1:]
    cases = json.loads(Path(directory, "cases.json").read_text())
    chosen = [listed for listed in cases if not names or listed["name"] in names]
    results = {listed["name"]: measure(Path(directory), listed) for listed in chosen}
    json.dump({"version": runnerlib.__version__, "home": runnerlib.__file__, "results": results}, sys.stdout)


if __name__ == "__main__":
    main()
