"""Fuzz with atheris: `python -m tests.fuzz [--folded] [libFuzzer options] [corpus]`; see README.md here."""

from __future__ import annotations

import sys

import atheris

from tests.fuzz import case, folded

if __name__ == "__main__":
    is_folded = "--folded" in sys.argv
    # The first word is what libFuzzer gives to a shell when it starts itself again, as for a merge.
    itself = f"'{sys.executable}' -m tests.fuzz" + is_folded * " --folded"
    atheris.Setup(
        [itself, *(word for word in sys.argv[1:] if word != "--folded")], folded.check if is_folded else case.check
    )
    atheris.Fuzz()
