"""Variables from files: read when a step starts, below what is said of the step, and masked where they look secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runnerlib._util.paths import Workspace
from runnerlib.errors import ConfigError, PathError
from runnerlib.pipeline import job_file
from runnerlib.runner.env_files import _lines
from tests.integration.cli import runnerlib

JOB = """
job:
  env: {SET: job}
  env_file: base.env
  steps:
    - {name: one, run: 'echo "$A|$SET|$TOKEN"; echo "A=made" > made.env; echo "C=given" >> "$RUNNERLIB_ENV"'}
    - {name: two, run: 'echo "$A|$B|$SET|$C"', env: {B: step}, env_file: made.env}
    - {name: three, run: 'echo "${TOKEN-none}"', secrets: []}
"""


def run(tmp_path: Path, text: str, **env: str) -> tuple[int, str, str]:
    (tmp_path / "j.yaml").write_text(text)
    done = runnerlib("run", "--here", "--output", "raw", "--job-file", "j.yaml", cwd=tmp_path, **env)
    return done.code, done.out.decode(), done.err


def test_files_are_below_what_is_said_of_step_and_job(tmp_path: Path) -> None:
    (tmp_path / "base.env").write_text("A=base\nB=base\nSET=base\nC=base\nTOKEN=hunter2-hunter2\n")
    code, out, err = run(tmp_path, JOB, A="of the runner")
    assert (code, out) == (0, "base|job|[REDACTED]\nmade|step|job|given\nnone\n"), err


def test_what_the_job_lists_as_secret_is_secret_in_files_too(tmp_path: Path) -> None:
    (tmp_path / "base.env").write_text("DBURL=sekretvalue12345\n")
    text = """
job:
  env_file: base.env
  steps:
    - {name: a, run: 'echo "a=${DBURL-none}"', secrets: []}
    - {name: b, run: 'echo "b=$DBURL"', secrets: [DBURL]}
"""
    code, out, err = run(tmp_path, text)
    assert (code, out) == (0, "a=none\nb=[REDACTED]\n")
    assert "warning" not in err


def test_a_link_that_takes_the_place_of_a_directory_leads_nowhere(tmp_path: Path) -> None:
    """The link comes between the look and the reading."""
    (tmp_path / "job/d").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    for place in ("job/d", "outside"):
        (tmp_path / place / "e").write_text("A=x\n")
    workspace = Workspace(tmp_path / "job")
    real = workspace.resolve(f"{workspace.base}/d/e", "env_file")
    os.close(workspace.opened_directory(real.parent))
    (tmp_path / "job/d").rename(tmp_path / "job/was")
    (tmp_path / "job/d").symlink_to("../outside")
    with pytest.raises(PathError, match="a link stands"):
        workspace.opened_directory(real.parent)


def test_the_forms_of_a_line() -> None:
    text = '\n# c\nexport A=1 # c\nB=a#b\nC=\'x \\n $A\' # c\nD="a\\nb\\"\\\\"\r\n E = e \nF=\n'
    assert dict(_lines(text, "f")) == {
        "A": "1",
        "B": "a#b",
        "C": "x \\n $A",
        "D": 'a\nb"\\',
        "E": "e",
        "F": "",
    }
    for wrong in ("A", "1A=x", "A='x", 'A="x"y', "=x", "A=\0"):
        with pytest.raises(ConfigError, match=r"^f: line 1 "):
            dict(_lines(wrong, "f"))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "cannot read 'base.env': no such file or directory"),
        (lambda path: path.symlink_to("/etc/passwd"), "outside the workspace"),
        (os.mkfifo, "cannot read 'base.env': it is no regular file"),
        (lambda path: path.write_bytes(b"A=\xff"), "cannot read 'base.env': it is no utf-8 text"),
        (lambda path: path.write_text("what"), "'base.env': line 1 is not NAME=VALUE"),
    ],
)
def test_a_file_that_cannot_be_used_fails_the_step(tmp_path: Path, make: object, told: str) -> None:
    make(tmp_path / "base.env")  # type: ignore[operator]
    code, out, err = run(tmp_path, JOB)
    assert (code != 0, out) == (True, ""), err
    assert told in err


def test_names_of_files_are_checked() -> None:
    with pytest.raises(ConfigError) as caught:
        job_file.parse("job: {env_file: '', steps: [{name: a, run: x, env_file: [b, {}]}]}", "j")
    assert [line.partition(": ")[2] for line in str(caught.value).splitlines()] == [
        "env_file: the path of a file is expected",
        "a text is expected, got a mapping",
    ]
