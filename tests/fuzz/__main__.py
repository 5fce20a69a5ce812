"""Fuzz with atheris: `python -m tests.fuzz [--folded] [libFuzzer options] [corpus]`; see README.md here."""

from __future__ import annotations

import sys

import atheris

from tests.fuzz import case, folded

if __name__ == "__main__":
    check = folded.check if "--folded" in sys.argv else case.check
    atheris.Setup([word for word in sys.argv if word != "--folded"], check)
    atheris.Fuzz()
