"""Scripts too long for an argument: the program that runs them from a file, which a variable names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST_WORD = (1 << 17) - 1
"""Bytes of a word, or of a variable with its name, that the kernel takes (MAX_ARG_STRLEN, less the NUL)."""

SCRIPT = "RUNNERLIB_SCRIPT"
"""The variable that names the file."""

_PYTHON = f"import os; exec(compile(open(os.environ['{SCRIPT}'], 'rb').read(), '<string>', 'exec'))"
_READERS: Mapping[str, str] = {
    **dict.fromkeys(("sh", "dash", "bash", "zsh", "ksh", "ash"), f'. "${SCRIPT}"'),
    **dict.fromkeys(("python", "python3"), _PYTHON),
    "node": f'require("vm").runInThisContext(require("fs").readFileSync(process.env.{SCRIPT}, "utf8"))',
    "perl": f'open my $f, "<", $ENV{{{SCRIPT}}} or die; my $t = join "", <$f>; close $f; eval $t; die $@ if $@',
    "ruby": f'eval File.read(ENV["{SCRIPT}"]), TOPLEVEL_BINDING',
}


def reader(shell: Sequence[str]) -> str | None:
    """Return the text that makes `shell` run the file; None for an unknown shell.

    `shell` are the words that are followed by a text.
    """
    if not (shell[-1].startswith("-") and shell[-1].endswith(("c", "e"))):
        return None
    names = (word.rpartition("/")[2] for word in reversed(shell[:-1]))
    return next((_READERS[name] for name in names if name in _READERS), None)
