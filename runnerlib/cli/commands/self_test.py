"""`runnerlib self-test`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import click

from runnerlib.cli._self_test import run_checks
from runnerlib.output.capabilities import look
from runnerlib.output.text.outcomes import FAILED, PASSED, SKIPPED

_EPILOG = """\b
Examples:
  runnerlib self-test
  docker run --rm registry.example.org/runner:1 runnerlib self-test

\b
Exit codes:
  0    everything that can work here does
  1    something does not do what it should
"""
_STYLES = {"ok": PASSED, "skipped": SKIPPED, "failed": FAILED}


@click.command("self-test", epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def command(as_json: bool) -> int:
    """Check that this installation works: mask, steps, git, archives, the socket for secrets, the sandbox.

    Small jobs run in a temporary directory, and what comes of them is compared with what has to. For an image after
    it was built, or a machine before it gets jobs; `runnerlib doctor` tells what a machine has.
    """
    with tempfile.TemporaryDirectory(prefix="runnerlib-self-test-") as directory:
        results = run_checks(Path(directory))
    failed = [result.name for result in results if result.state == "failed"]
    if as_json:
        report = {"works": not failed, "results": [result._asdict() for result in results]}
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return int(bool(failed))
    seen = look(os.environ, sys.stdout.isatty(), sys.stdout.encoding)
    for name, state, said in results:
        style = _STYLES[state]
        click.echo(f"{seen.paint(seen.plain(style.mark), style.sgr)} {name:8} {said}")
    click.echo(f"does not work here: {', '.join(failed)}" if failed else "the runner works here")
    return int(bool(failed))
