"""No step speaks to the CI service, in raw mode neither: whatever it writes, in whatever pieces."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runnerlib.events import JobFinished, JobStarted, StepFinished, StepOutput, StepRetrying, StepStarted
from runnerlib.output.annotations.guard import Guarded, StreamGuard
from runnerlib.output.modes.raw import Raw
from tests.integration.cli import Done, runnerlib
from tests.output.report import hostile
from tests.output.show import cut, cuts, job, result, shown

HASH = re.compile(rb"##(?:vso)?\[", re.IGNORECASE)
OBEYED = {
    "github": HASH,
    "azure": HASH,
    "gitlab": re.compile(rb"section_(?:start|end):"),
    "buildkite": re.compile(rb"^(?:\x1b\[[0-9;:]*m)*(?:---|\+\+\+|~~~|\^\^\^ \+\+\+)", re.MULTILINE),
}
PARTS = [
    *(b"#", b"##", b"###", b"##v", b"##VsO", b"[", b"vso[", b"\n", b"x", b" ", b"\x1b", b"\x1b[1m", b"\x1b[", b"31m"),
    *(
        b"section_",
        b"sect",
        b"ion_start",
        b"start:",
        b"end:",
        b"section_start:",
        b"-",
        b"--",
        b"---",
        b"+++",
        b"~",
        b"~~",
    ),
    *(b"^^^", b"^^^ ", b"+", b"++"),
]
texts = st.lists(st.sampled_from(PARTS), max_size=14).map(b"".join)


@pytest.mark.parametrize("dialect", OBEYED)
@settings(max_examples=150)
@given(steps=st.lists(st.tuples(texts, cuts), min_size=1, max_size=3))
@example(steps=[(b"##", []), (b"[error]x", [])])
@example(steps=[(b"x\n--", [1, 2, 3]), (b"-\n", [])])
def test_nothing_is_obeyed_in_any_pieces(dialect: str, steps: list[tuple[bytes, list[int]]]) -> None:
    """The output of one step follows that of another, maybe in the middle of a line."""
    written = b""
    for text, places in steps:
        guard = StreamGuard(dialect)
        if dialect == "buildkite" and written and not written.endswith(b"\n"):
            written += b"\n"  # a new step begins with a line of the runner
        written += b"".join(map(guard.feed, cut(text, places))) + guard.flush()
    assert OBEYED[dialect].search(written) is None, written
    assert written.replace(b" ", b"").replace(b"\n", b"") == b"".join(text for text, _ in steps).replace(
        b" ", b""
    ).replace(b"\n", b"")


@given(texts, cuts)
def test_other_output_passes_as_it_is(text: bytes, places: list[int]) -> None:
    plain = HASH.sub(b"", text.replace(b"#", b"%"))
    guard = StreamGuard("github")
    assert b"".join(map(guard.feed, cut(plain, places))) + guard.flush() == plain


def obeyed(log: bytes) -> list[str]:
    """The commands that GitHub obeys in a log: none after `::stop-commands::TOKEN` until `::TOKEN::`."""
    found, token = list[str](), ""
    for line in re.split(rb"\r\n|\r|\n", log):
        text = line.decode(errors="replace").lstrip()
        if HASH.search(line):
            found.append(text)
        if token:
            token = "" if text == f"::{token}::" else token
        elif text.startswith("::stop-commands::"):
            token = text.removeprefix("::stop-commands::")
        elif re.match(r"::[a-z-]+( [^:]*)?::", text):
            found.append(text)
    return found


def test_raw_output_of_a_hostile_job_holds_no_command() -> None:
    events = hostile.events()
    out, err = shown(lambda ends: Guarded(Raw(ends.out, ends.err), "github", stops=True), events)
    assert obeyed(out) == []
    assert obeyed(err) == []
    assert b"::error file=x::y\n" in out, "its bytes are there"
    plain, _ = shown(lambda ends: Raw(ends.out, ends.err), events)
    assert len(obeyed(plain)) > 10, "without the guard there were some"


def test_what_stays_open_in_a_line_is_closed() -> None:
    events = [JobStarted("ci", {"a": ()}), StepStarted("a", "echo '##[x]'"), StepOutput("a", b"no end ##")]
    events += [StepRetrying("a", 1, "##vso[x]", 0.0), StepStarted("a", "x", 2), StepOutput("a", b"[x]")]
    done = result("a", "failure", 1, "##[error]")
    make = lambda ends: Guarded(Raw(ends.out, ends.err), "github", stops=True, token=lambda: "T")  # noqa: E731
    out, err = shown(make, [*events, StepFinished(done), JobFinished(job(done))])
    assert out == b"::stop-commands::T\nno end ## [x]\n::T::\n"
    assert HASH.search(err) is None


JOB = """
job:
  name: ci
  steps:
    - {name: evil, untrusted: true, run: "echo '::set-env name=X::y'; printf '##[group]x'"}
"""


def run_raw(path: Path, job_file: str, **env: str) -> Done:
    (path / "job.yaml").write_text(job_file)
    return runnerlib("run", "--job-file", "job.yaml", "--output", "raw", cwd=path, **env)


def test_an_untrusted_step_is_no_master_of_the_service_in_raw_mode(tmp_path: Path) -> None:
    for service in ("GITHUB_ACTIONS", "TF_BUILD"):
        done = run_raw(tmp_path, JOB, **{service: "true"})
        assert HASH.search(done.out + done.err.encode()) is None, service
        assert b"## [group]x" in done.out
        if service == "GITHUB_ACTIONS":
            assert obeyed(done.out) == []


def test_a_trusted_step_in_raw_mode_and_any_without_a_service_have_their_bytes(tmp_path: Path) -> None:
    expected = b"::set-env name=X::y\n##[group]x"
    trusted = JOB.replace("untrusted: true, ", "")
    assert run_raw(tmp_path, trusted, GITHUB_ACTIONS="true").out.startswith(expected)
    assert run_raw(tmp_path, trusted).out == expected
    assert run_raw(tmp_path, JOB).out == expected


def test_json_is_spelled_so_that_nothing_is_obeyed(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    done = runnerlib("run", "--job-file", "job.yaml", "--output", "json", cwd=tmp_path, TF_BUILD="true")
    assert HASH.search(done.out) is None
    assert rb'"text":"#\u0023[group]x"' in done.out
