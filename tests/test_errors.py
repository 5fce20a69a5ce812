"""Messages that users get about errors."""

from __future__ import annotations

import pytest

from runnerlib.errors import (
    ConfigError,
    Interrupted,
    OutputError,
    PathError,
    RunnerError,
    SourceError,
    one_line,
    printable,
    unknown,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [(RunnerError, 125), (SourceError, 125), (OutputError, 125), (ConfigError, 78), (PathError, 78)],
)
def test_exit_codes(error: type[RunnerError], code: int) -> None:
    assert error("x").exit_code == code


def test_the_code_of_an_interrupt_is_that_of_its_signal() -> None:
    assert (Interrupted(15, "SIGTERM").exit_code, str(Interrupted(15, "SIGTERM"))) == (143, "stopped by SIGTERM")


def test_unknown_names_are_corrected() -> None:
    assert unknown("fruit", "aple", ["apple", "pear"]) == "unknown fruit 'aple'; did you mean 'apple'?"
    assert unknown("fruit", "zzz", ["apple", "pear"]) == "unknown fruit 'zzz' (apple, pear)"


def test_printable() -> None:
    assert printable("plain é text") == "plain é text"
    assert printable("a\nb\tc\x1b[0m\r\udcff\x00") == "a\nb\tc\\x1b[0m\\r\\udcff\\x00"


def test_one_line() -> None:
    assert one_line("a\nb\tc\x1b\r\u2028") == "a b c\\x1b\\r\\u2028"
    assert one_line("y" * 3000) == "y" * 2000 + "…"
