"""The fixed benchmarks of the regression gate, and the answers that are recorded for them.

python -m benchmarks.gate_case      # records the answers anew, after a benchmark was added or changed
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import engine, secretset
from benchmarks.rivals import Pyahocorasick
from benchmarks.workload import Cell, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.secretset import SecretSet

EXPECTED = Path(__file__).with_name("expected.json")
MIB = 1 << 20


@dataclass(frozen=True)
class GateCase:
    """A benchmark: `kind` names the function of `probe.py` that runs it."""

    name: str
    kind: str
    secrets: SecretSet
    text: str
    size: int = 16 * MIB

    def bytes(self) -> bytes:
        """Make the text that is masked, wholly of lines."""
        whole = Cell(self.secrets, self.text).text(self.size).whole
        return whole[: whole.rfind(b"\n") + 1] or whole

    def answer(self) -> str:
        """Digest the masked text, as an engine that shares no code with ours masks it."""
        if self.kind == "start":
            return hashlib.blake2b(b"started\n", digest_size=16).hexdigest()
        return engine.digest(Pyahocorasick(self.secrets), Text(self.bytes()))


CASES = (
    *(GateCase(f"mask {n} clean", "stream", secretset.raw(n), "clean") for n in (1, 10, 100, 1_000, 10_000)),
    *(GateCase(f"mask {n} hits", "stream", secretset.raw(n), "hits") for n in (1, 100, 10_000)),
    *(GateCase(f"mask {n} adversarial", "stream", secretset.raw(n), "adversarial") for n in (10, 1_000)),
    # No longer: later one spelling goes on in the next line by chance, as if wrapped, which pyahocorasick is blind to.
    GateCase("mask 100 encoded hits", "stream", secretset.encoded(100), "hits", 3 * MIB),
    GateCase("mask nested", "stream", secretset.nested(), "aaaa", MIB // 4),
    GateCase("feed lines", "lines", secretset.raw(100), "hits", MIB),
    GateCase("compile 10000", "compile", secretset.raw(10_000), "hits", MIB // 4),
    GateCase("compile 100 encoded", "compile", secretset.encoded(100), "hits", MIB // 4),
    GateCase("add to 10000", "add", secretset.raw(10_000), "hits", MIB // 4),
    GateCase("start", "start", secretset.raw(1), "clean", 0),
    GateCase("pipe", "pipe", secretset.raw(10), "hits", 64 * MIB),
)


def write_inputs(directory: Path) -> None:
    """Write what `probe.py` needs, which knows the standard library and runnerlib only."""
    listed = []
    for number, case in enumerate(CASES):
        (directory / f"text{number}").write_bytes(case.bytes())
        secrets = [secret.decode() for secret in case.secrets.secrets]
        listed.append(
            {
                "name": case.name,
                "kind": case.kind,
                "text": f"text{number}",
                "secrets": secrets,
                "encoded": case.secrets.encoded,
            }
        )
    (directory / "cases.json").write_text(json.dumps(listed))


def expected() -> Mapping[str, str]:
    """Read the recorded answers by the names of their benchmarks."""
    answers: dict[str, str] = json.loads(EXPECTED.read_text())
    return answers


def main() -> None:
    """Record the answers."""
    EXPECTED.write_text(json.dumps({case.name: case.answer() for case in CASES}, indent=1) + "\n")


if __name__ == "__main__":
    main()
