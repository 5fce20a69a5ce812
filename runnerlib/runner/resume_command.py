"""The command that goes on where a run ended: the one that was given, with `--resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.output.text.columns import columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runnerlib.runner.services import Invocation

_PROGRAM = "runnerlib"
_OTHER_WORDS = "the same command with --resume"
_INDENT = "  "
_CONTINUED = " \\"


def resume_command(invocation: Invocation, mask: Callable[[str], str], width: int = 0) -> list[str]:
    """Return the command in lines of at most `width` columns, as a shell reads them, unless a word is longer.

    A command that holds a secret, variables of the job, or what a terminal cannot show, is not repeated but described.
    """
    import shlex  # only a run that has not succeeded needs it

    if not is_repeatable(invocation, mask):
        return [_OTHER_WORDS]
    return _in_lines([shlex.quote(word) for word in (_PROGRAM, *_resuming(invocation.words))], width)


def is_repeatable(invocation: Invocation, mask: Callable[[str], str]) -> bool:
    """Return whether the command can be shown and written down."""
    import shlex  # as above

    line = shlex.join(invocation.words)
    variables = any(word.startswith("--job-env") for word in invocation.words)  # those may be secret unrecognised
    return not variables and mask(line) == line and line.isprintable()


def _resuming(given: Sequence[str]) -> list[str]:
    """Return the words with `--resume`, without `--pick`, and without `--from`, which would repeat what succeeded."""
    end = given.index("--") if "--" in given else len(given)
    words: list[str] = []
    rest = iter(given[:end])
    for word in rest:
        if word == "--from":
            next(rest, None)
        elif word not in {"--resume", "--pick"} and not word.startswith("--from="):
            words.append(word)
    return [*words, "--resume", *given[end:]]


def _in_lines(words: Sequence[str], width: int) -> list[str]:
    """Return `words` in lines that end with a backslash where the command goes on."""
    lines = [""]
    for number, word in enumerate(words):
        longer = f"{lines[-1]} {word}" if lines[-1].strip() else lines[-1] + word
        room = width - (len(_CONTINUED) if number + 1 < len(words) else 0)
        if width and columns(longer) > room and lines[-1].strip():
            lines[-1] += _CONTINUED
            longer = _INDENT + word
            lines.append("")
        lines[-1] = longer
    return lines
