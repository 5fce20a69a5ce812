"""Completion, asked for as the shells ask: each of them reads the code that `runnerlib completion` prints."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.integration.cli import RUNNERLIB, environment, runnerlib
from tests.tools import tool

JOB = "job: {steps: [{name: build, run: make}, {name: unit-tests, run: make, description: quick}]}\n"

BASH = """\
source <(runnerlib completion bash)
COMP_WORDS=(WORDS)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_runnerlib_completion runnerlib
printf '%s\\n' "${COMPREPLY[@]}"
"""
# Prints what zsh would show.
ZSH = """\
autoload -Uz compinit && compinit -D
source <(runnerlib completion zsh)
_describe() { local found=("${(@P)3}"); print -l -- "${(@)found%%:*}" }
compadd() { local name=${@[-1]}; print -l -- "${(@P)name}" }
words=(WORDS)
CURRENT=$#words
_runnerlib_completion
"""
FISH = """\
runnerlib completion fish | source
complete -C LINE | string split --fields 1 \\t
"""
CASES = {
    "": {"run", "list", "init", "completion", "secrets"},
    "run --only ": {"build", "unit-tests"},
    "run --only uni": {"unit-tests"},
    "run --output ": {"raw", "prefixed", "grouped", "json", "live"},
    "run --log-level w": {"warning"},
    "run ": {"build", "unit-tests"},
    "run --dry-": {"--dry-run"},
    "run --source-type g": {"git"},
    "completion ": {"bash", "zsh", "fish"},
}


def script_of(shell: str, line: str) -> str:
    if shell == "fish":
        return FISH.replace("LINE", shlex.quote(f"runnerlib {line}"))
    words = " ".join(map(shlex.quote, f"runnerlib {line}".split(" ")))
    return (BASH if shell == "bash" else ZSH).replace("WORDS)", f"{words})")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_values_are_completed(shell: str, tmp_path: Path) -> None:
    (tmp_path / "runnerlib.yaml").write_text(JOB)
    env = environment(HOME=str(tmp_path), PATH=f"{RUNNERLIB.parent}:/usr/bin:/bin", TERM="dumb")
    options = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    for line, expected in CASES.items():
        argv = [tool(shell), *options, "-c", script_of(shell, line)]
        done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        found = set(done.stdout.split())
        assert done.stderr == "", line
        assert found >= expected, line
        assert line in {"", "run "} or found == expected, line


def test_what_is_wrong_completes_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "runnerlib.yaml").write_text("job: [")
    for words in ("runnerlib run --only", "runnerlib nonsense --only", "runnerlib run --job-file nowhere --only"):
        done = runnerlib(
            cwd=tmp_path,
            _RUNNERLIB_COMPLETE="bash_complete",
            COMP_WORDS=f"{words} ",
            COMP_CWORD=str(len(words.split())),
        )
        assert (done.code, done.err) == (0, ""), words
        assert "nonsense" in words or done.out.strip() == b"", words


def test_an_unknown_shell_is_refused(tmp_path: Path) -> None:
    done = runnerlib("completion", "tcsh", cwd=tmp_path)
    assert (done.code, done.out) == (2, b"")
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in done.err
