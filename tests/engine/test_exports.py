"""Exports of steps: files, their format, who sees what, and files that are traps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.engine import step_outputs as exports
from runnerlib.engine.step_outputs import ExportError
from runnerlib.pipeline.job import Job, Retry, Step
from tests.engine.harness import NewLoop, run_job

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def written(tmp_path: Path, name: str, text: str | bytes) -> dict[str, str]:
    files = exports.files(f"{tmp_path}/1")
    Path(files[name]).write_bytes(text.encode() if isinstance(text, str) else text)
    return files


@given(st.dictionaries(NAMES, VALUES.map(lambda v: v.replace("\r", ""))))
def test_values_survive_the_block_form(tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]) -> None:
    text = "".join(f"{name}<<E~N~D\n{value}\nE~N~D\n" for name, value in values.items())
    found = exports.read(written(tmp_path_factory.mktemp("x"), "RUNNERLIB_OUTPUT", text))
    assert dict(found.outputs) == values


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    files = written(tmp_path_factory.mktemp("x"), "RUNNERLIB_OUTPUT", data)
    try:
        exports.read(files)
    except ExportError as error:
        assert "RUNNERLIB_OUTPUT" in str(error)


def test_the_forms(tmp_path: Path) -> None:
    text = "a=1\n\nb = 2\r\nc=x=y\nd<<EOF\nline 1\n\nline 2\nEOF\ne=\n"
    with pytest.raises(ExportError, match="line 3 of RUNNERLIB_OUTPUT is not NAME=value"):
        exports.read(written(tmp_path, "RUNNERLIB_OUTPUT", text))
    found = exports.read(written(tmp_path, "RUNNERLIB_OUTPUT", text.replace("b = 2", "b= 2")))
    assert found.outputs == {"a": "1", "b": " 2", "c": "x=y", "d": "line 1\n\nline 2", "e": ""}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("RUNNERLIB_OUTPUT", "hunter2-hunter2\n", "line 1 of RUNNERLIB_OUTPUT is not NAME=value"),
        ("RUNNERLIB_OUTPUT", "a<<EOF\nb\n", "line 1 of RUNNERLIB_OUTPUT begins a value that does not end"),
        ("RUNNERLIB_ENV", "A-B=1\n", "RUNNERLIB_ENV: 'A-B' is no name of a variable"),
        ("RUNNERLIB_ENV", "RUNNERLIB_OUTPUT=/etc/passwd\n", "'RUNNERLIB_OUTPUT' belongs to the runner"),
        ("RUNNERLIB_ENV", "REACTORCIDE_SECRETS_SOCKET=/tmp/x\n", "belongs to the runner"),
        ("RUNNERLIB_OUTPUT", b"a=\0", "RUNNERLIB_OUTPUT holds a NUL byte"),
        ("RUNNERLIB_OUTPUT", "a" * 101 + "=1", "line 1 of RUNNERLIB_OUTPUT is not NAME=value"),
        (
            "RUNNERLIB_OUTPUT",
            "".join(f"a{number}=\n" for number in range(exports.MOST + 1)),
            "RUNNERLIB_OUTPUT has 1001 values; a step hands on 1000 at most",
        ),
        (
            "RUNNERLIB_ENV",
            "".join(f"a{number}=\n" for number in range(exports.MOST + 1)),
            "RUNNERLIB_ENV has 1001 values",
        ),
        ("RUNNERLIB_PATH", "x" * (exports.LONGEST_PATH + 1), "RUNNERLIB_PATH is larger than 32768 bytes"),
        ("RUNNERLIB_OUTPUT", b"a=" + b"x" * exports.LARGEST, "RUNNERLIB_OUTPUT is larger than 1048576 bytes"),
    ],
)
def test_what_is_wrong_is_said_and_no_value_told(tmp_path: Path, name: str, text: str | bytes, why: str) -> None:
    with pytest.raises(ExportError, match=why) as caught:
        exports.read(written(tmp_path, name, text))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("trap", "why"),
    [
        ("ln -s /etc/passwd $RUNNERLIB_OUTPUT", "RUNNERLIB_OUTPUT cannot be read: it is a symbolic link"),
        ("mkfifo $RUNNERLIB_OUTPUT", "RUNNERLIB_OUTPUT is no regular file"),
        ("mkdir $RUNNERLIB_OUTPUT", "RUNNERLIB_OUTPUT is no regular file"),
    ],
)
def test_traps_are_failures(new_loop: NewLoop, trap: str, why: str) -> None:
    result, _ = run_job(new_loop, Job("job", [Step("a", trap)]))
    assert (result.exit_code, result.steps[0].reason, result.steps[0].cause) == (125, why, "outputs")
    failing, _ = run_job(new_loop, Job("job", [Step("a", f"{trap}; exit 9")]))
    assert (failing.exit_code, failing.steps[0].reason) == (9, "exit code 9")


def test_those_who_wait_for_a_step_get_what_it_hands_on(new_loop: NewLoop, tmp_path: Path) -> None:
    tool = tmp_path / "bin"
    tool.mkdir()
    (tool / "tool").write_text("#!/bin/sh\necho from the tool")
    (tool / "tool").chmod(0o755)
    give = f"echo digest=abc > $RUNNERLIB_OUTPUT; echo COLOUR=red >> $RUNNERLIB_ENV; echo {tool} >> $RUNNERLIB_PATH"
    show = 'echo "$RUNNERLIB_OUTPUT_BUILD_IT_DIGEST/$COLOUR"; tool 2>/dev/null || echo no tool'
    job = Job(
        "job",
        [
            Step("build-it", give, outputs=["digest"], parallel=True),
            Step("beside", f"{show}; echo COLOUR=blue >> $RUNNERLIB_ENV", parallel=True),
            Step("after", show, depends_on=["build-it"]),
            Step("own", show, depends_on=["after"], env={"COLOUR": "green"}),
            Step("both", show, depends_on=["build-it", "beside"]),
            Step("alone", show, depends_on=[]),
        ],
        max_parallel=1,
    )
    env = {name: value for name, value in os.environ.items() if name != "COLOUR"}
    result, recorder = run_job(new_loop, job, env=env)
    assert result.success
    assert dict(result.step("build-it").outputs) == {"digest": "abc"}
    assert {step.name: recorder.output_of(step.name) for step in job.steps[1:]} == {
        "beside": b"/\nno tool\n",
        "after": b"abc/red\nfrom the tool\n",
        "own": b"abc/green\nfrom the tool\n",
        "both": b"abc/blue\nfrom the tool\n",  # in written order, whichever ended first
        "alone": b"/\nno tool\n",
    }


def test_a_promise_that_is_not_kept_is_a_failure(new_loop: NewLoop) -> None:
    job = Job("job", [Step("a", "echo b=1 > $RUNNERLIB_OUTPUT", outputs=["b", "c"]), Step("after", "true")])
    result, _ = run_job(new_loop, job)
    assert result.exit_code == 1
    assert result.reason == "step 'a': it did not write its output 'c' to RUNNERLIB_OUTPUT"
    assert result.step("after").outcome == "skipped"


def test_outputs_are_masked_when_told_and_whole_in_the_result(new_loop: NewLoop) -> None:
    job = Job("job", [Step("a", "echo b=hunter2-hunter2 > $RUNNERLIB_OUTPUT")])
    result, recorder = run_job(new_loop, job)
    assert dict(result.steps[0].outputs) == {"b": "hunter2-hunter2"}
    assert [dict(told.outputs) for told in recorder.finished] == [{"b": "[REDACTED]"}]
    assert "hunter2-hunter2" not in repr(recorder.events)


def test_only_the_last_attempt_counts(new_loop: NewLoop) -> None:

    command = (
        "echo n=$RUNNERLIB_ATTEMPT > $RUNNERLIB_OUTPUT; test $RUNNERLIB_ATTEMPT = 1 && echo m=1 >> $RUNNERLIB_OUTPUT"
    )
    job = Job("job", [Step("a", f"{command}; test $RUNNERLIB_ATTEMPT = 3", retry=Retry(max=5, backoff=0))])
    result, _ = run_job(new_loop, job)
    assert (result.steps[0].attempts, dict(result.steps[0].outputs)) == (3, {"n": "3"})
