"""Errors on a terminal: wrapped, with the line of the file and a caret; elsewhere one line each."""

from __future__ import annotations

import os
import pty
import termios
from itertools import pairwise
from pathlib import Path

import pytest

from runnerlib.cli import _error_text
from runnerlib.errors import ConfigError
from runnerlib.output.text.columns import columns
from runnerlib.pipeline import job_file, workflow

JOB = "job:\n  steps:\n    - name: a\n      run: make\n      when: alwys\n"
LINE = "error: job.yaml:5:13: when: unknown value 'alwys'; did you mean 'always'?\n"


def on_terminal(width: int, error: ConfigError, secret: str = "\0") -> str:
    """The text of an error on a terminal that is so wide, with `secret` masked."""
    reader, writer = pty.openpty()
    kept = os.dup(2)
    try:
        termios.tcsetwinsize(writer, (24, width))
        os.dup2(writer, 2)
        return _error_text.error_text(str(error), error.texts, lambda text: text.replace(secret, "***"))
    finally:
        os.dup2(kept, 2)
        for fd in (kept, reader, writer):
            os.close(fd)


def error_of(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        job_file.parse(text, "job.yaml")
    return caught.value


def test_the_line_and_a_caret_below_the_column() -> None:
    assert on_terminal(80, error_of(JOB)) == f"{LINE}     5 │       when: alwys\n       │             ^\n"


def test_elsewhere_only_the_place() -> None:
    error = error_of(JOB)
    assert _error_text.error_text(str(error), error.texts, str) == LINE


def test_a_list_is_wrapped_behind_its_beginning() -> None:
    shown = on_terminal(40, ConfigError("unknown fruit 'x' (apple, apricot, banana, cherry, damson)"))
    assert shown == "error: unknown fruit 'x' (apple, apricot,\n       banana, cherry, damson)\n".replace(
        "(apple, apricot,\n       banana", "(apple,\n       apricot, banana"
    )


@pytest.mark.parametrize("width", [40, 80])
def test_a_long_line_is_cut_around_its_place(width: int) -> None:
    text = "job: {steps: [" + ", ".join(f"{{name: 步{n}, run: 'true'}}" for n in range(9)) + ", {name: z, rum: x}]}\n"
    lines = on_terminal(width, error_of(text)).splitlines()
    excerpts = [(line, below) for line, below in pairwise(lines) if line.startswith("     1 │")]
    assert all(columns(line) <= width for line in lines)
    line, below = excerpts[-1]
    assert line[9] == "…"
    cells = [char for char in line for _ in range(columns(char))]
    assert "".join(cells[below.index("^") :]).startswith("rum: x")


def test_a_secret_is_masked_and_moves_the_caret() -> None:
    text = "job: {env: {A: hunter22, B: [x]}, steps: [{name: a, run: x}]}\n"
    shown = on_terminal(80, error_of(text), "hunter22").splitlines()
    assert "hunter22" not in "".join(shown)
    assert shown[1][shown[2].index("^") :].startswith("[x]")
    across = on_terminal(80, error_of(text), "hunter22, B: [x]").splitlines()  # it begins before the column
    assert across[2].index("^") == 9


def test_no_escape_sequence_of_a_file_moves_the_cursor() -> None:
    error = error_of('job: {steps: [{name: a, run: x, when: "\x7f"}]}\n'.replace("\x7f", "\\e[2J") + "# \u202e\n")
    error.texts = {"job.yaml": error.texts["job.yaml"].replace("\\e", "\x1b")}
    assert "\x1b" not in on_terminal(80, error)


def test_a_place_that_no_text_has_is_left_alone() -> None:
    other = ConfigError("other.yaml:1:1: wrong\njob.yaml:9:1: wrong\njob.yaml:1:1: wrong")
    other.texts = {"job.yaml": "\nfirst\n"}
    assert on_terminal(80, other) == "".join(f"error: {line}\n" for line in str(other).splitlines())


def test_the_files_of_a_workflow_are_quoted_too(tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text("command: x\nimgae: y\n")
    with pytest.raises(ConfigError) as caught:
        workflow.parse("jobs: [{name: a, job_file: part.yaml}]\n", "w.yaml", tmp_path)
    assert "     2 │ imgae: y\n       │ ^\n" in on_terminal(120, caught.value)


class TestExitCode:
    """The code of configuration errors, while the configuration itself is what is wrong."""

    def test_the_layers(self, tmp_path: Path) -> None:
        file = tmp_path / "c.yaml"
        file.write_text("config_exit_code: 4\nnot_one: 1\n")
        name = "REACTORCIDE_CONFIG_EXIT_CODE"
        of = _error_text.config_exit_code
        assert of([], {}) == ConfigError.exit_code == 78
        assert of(["run", "--config", str(file)], {}) == 4
        assert of(["run", "--config", str(file)], {name: "3"}) == 3
        assert of(["run", "--config-exit-code=2"], {name: "3"}) == 2
        assert of(["run", "--config-exit-code", "300"], {name: "3"}) == 3
        assert of(["run", "--", "tool", "--config-exit-code", "5"], {}) == 78
