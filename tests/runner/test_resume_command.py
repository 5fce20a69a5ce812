"""The command that goes on: the one that was given, as a shell reads it, and never with a secret."""

from __future__ import annotations

import shlex

from hypothesis import given
from hypothesis import strategies as st

from runnerlib.output.text.columns import columns
from runnerlib.runner.resume_command import resume_command
from runnerlib.runner.services import Invocation


def told(*words: str, width: int = 0, secret: str = "\0") -> list[str]:
    return resume_command(Invocation(words, "/"), lambda text: text.replace(secret, "[MASKED]"), width)


def test_what_has_to_be_said_again_is() -> None:
    assert told("run") == ["runnerlib run --resume"]
    assert told("run", "--job-file", "a b.yaml", "--skip", "x") == [
        "runnerlib run --job-file 'a b.yaml' --skip x --resume"
    ]
    assert told("run-job", "job.yaml") == ["runnerlib run-job job.yaml --resume"]


def test_where_it_began_is_left_out() -> None:
    """Steps that have succeeded since would run again."""
    assert told("run", "--from", "test", "--resume", "--from=build", "--only", "x") == [
        "runnerlib run --only x --resume"
    ]


def test_words_of_a_command_stay_behind_it() -> None:
    assert told("run", "--", "make", "--from", "x") == ["runnerlib run --resume -- make --from x"]


def test_a_secret_is_not_repeated() -> None:
    assert told("run", "--job-env", "TOKEN=hunter22", secret="hunter22") == ["the same command with --resume"]
    assert told("run", "--job-env", "A=\x1b[2J") == ["the same command with --resume"]


words = st.lists(st.text(st.sampled_from("ab -'\"日é$\\"), max_size=12), max_size=8)


@given(words, st.integers(1, 60))
def test_it_fits_and_a_shell_reads_the_same(given_words: list[str], width: int) -> None:
    given_words = [word for word in given_words if not word.startswith("--")]
    lines = told("run", *given_words, width=width)
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == ["runnerlib", "run", *given_words, "--resume"]
    for line in lines:
        assert columns(line) <= width or len(shlex.split(line.removesuffix(" \\"))) == 1
