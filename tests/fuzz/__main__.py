"""Fuzz with atheris: `python -m tests.fuzz [--folded|--shaped] [libFuzzer options] [corpus]`; see README.md here."""

from __future__ import annotations

import sys

import atheris

from tests.fuzz import case, folded, shaped

TARGETS = {"--folded": folded.check, "--shaped": shaped.check}

if __name__ == "__main__":
    chosen = [word for word in sys.argv[1:] if word in TARGETS]
    # The first word is what libFuzzer gives to a shell when it starts itself again, as for a merge.
    itself = " ".join([f"'{sys.executable}' -m tests.fuzz", *chosen])
    check = TARGETS[chosen[0]] if chosen else case.check
    atheris.Setup([itself, *(word for word in sys.argv[1:] if word not in TARGETS)], check)
    atheris.Fuzz()
