"""Fuzz with atheris: `python -m tests.fuzz [libFuzzer options] [corpus]`; see README.md here."""

from __future__ import annotations

import sys

import atheris

from tests.fuzz.case import check

if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
