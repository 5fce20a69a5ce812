"""Grouped: one block a step, the oldest as it runs, and no step speaks to the CI service."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runnerlib.errors import OutputError
from runnerlib.events import (
    Event,
    JobStarted,
    Notice,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Warned,
)
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.modes.ci_services import DIALECTS, Dialect, GitHub
from runnerlib.output.modes.grouped import Grouped, console
from runnerlib.output.streams import Streams, streams
from runnerlib.output.text.columns import columns
from tests.output.show import EPOCH, cut, cuts, one_step, outputs, result, shown

TWO: list[Event] = [
    JobStarted("ci", {"a": (), "b": (), "c": ("a",)}),
    StepStarted("a", "make a"),
    StepStarted("b", "make b"),
    StepOutput("a", b"a1\n"),
    StepOutput("b", b"b1\n"),
    StepOutput("a", b"a2\n"),
    Warned("beware", "b"),
    StepFinished(result("b", "failure", 3, "exit code 3")),
    StepFinished(result("c", "skipped", 0, "'b' did not succeed", attempts=0)),
    StepOutput("a", b"a3"),
    StepFinished(result("a")),
]

PLAIN = TerminalCapabilities()


def lines(dialect: str | Dialect, events: Iterable[Event], look: TerminalCapabilities = PLAIN) -> list[str]:
    made = DIALECTS[dialect]() if isinstance(dialect, str) else dialect
    clock = count(int(EPOCH))

    def make(streams: Streams) -> Grouped:
        return Grouped(streams, look, made, lambda: float(next(clock)))

    out, err = shown(make, events)
    assert err == b""
    return out.decode(errors="replace").split("\n")[:-1]


def test_plain() -> None:
    assert lines("plain", TWO) == [
        "=== a",
        "$ make a",
        "a1",
        "a2",
        "runnerlib: b: failed after 1.0 s: exit code 3; its output follows",
        "a3",
        "✓ a: succeeded in 1.0 s",
        "· c: skipped: 'b' did not succeed",
        "=== b",
        "$ make b",
        "b1",
        "warning: beware",
        "✗ b: failed after 1.0 s: exit code 3",
    ]


def test_github() -> None:
    assert lines(GitHub(iter(["token1", "token2"]).__next__), TWO)[-9:] == [
        "· c: skipped: 'b' did not succeed",
        "::group::b",
        "::stop-commands::token2",
        "$ make b",
        "b1",
        "warning: beware",
        "::token2::",
        "::endgroup::",
        "::error::b: failed after 1.0 s: exit code 3",
    ]


def test_gitlab() -> None:
    got = lines("gitlab", TWO)
    began = int(EPOCH)
    assert got[0] == f"\x1b[0Ksection_start:{began}:runnerlib_step_1[collapsed=true]\r\x1b[0Ka"
    assert got[6] == f"\x1b[0Ksection_end:{began + 1}:runnerlib_step_1\r\x1b[0K✓ a: succeeded in 1.0 s"
    assert got[8] == f"\x1b[0Ksection_start:{began + 1}:runnerlib_step_2\r\x1b[0Kb"
    assert got[-1].endswith("runnerlib_step_2\r\x1b[0K✗ b: failed after 1.0 s: exit code 3")


def test_buildkite() -> None:
    got = lines("buildkite", TWO)
    assert [line for line in got if line.startswith(("---", "+++", "^^^"))] == ["--- a", "+++ b", "^^^ +++"]


def test_azure() -> None:
    got = lines("azure", TWO)
    assert [line for line in got if line.startswith("##[")] == [
        "##[group]a",
        "##[endgroup]",
        "##[group]b",
        "##[endgroup]",
        "##[error]b: failed after 1.0 s: exit code 3",
    ]


# What each service obeys. GitHub: a line that begins, after white space, with `::`, unless commands are
# stopped; `##[`, and Azure's `##vso[`, anywhere.
COMMANDS = {
    "github": re.compile(r"##\["),
    "azure": re.compile(r"##(vso)?\[", re.IGNORECASE),
    "gitlab": re.compile(r"section_(start|end):[^\r\n]*\r\x1b\[0K"),
    "buildkite": re.compile(r"(\x1b\[[0-9;]*m)*(---|\+\+\+|~~~|\^\^\^ \+\+\+)"),
}


@pytest.mark.parametrize("dialect", sorted(COMMANDS))
@given(data=outputs, places=cuts, name=st.sampled_from(["x", "::endgroup::", "%0A::x", "##[endgroup]", "--- x"]))
@example(data=b"::add-path::/x\n ::endgroup::\n##vSo[x]\n###[x\n--- a\n\x1b[31m+++ b\n", places=[], name="x")
def test_nothing_a_step_writes_is_a_command(dialect: str, data: bytes, places: list[int], name: str) -> None:
    made = GitHub(lambda: "token") if dialect == "github" else DIALECTS[dialect]()
    got = lines(made, one_step(cut(data, places), name))
    if dialect == "github":
        assert [line for line in got if line.lstrip().startswith("::")][:2] == [
            f"::group::{name.replace('%', '%25').replace('##', '## ')}",
            "::stop-commands::token",
        ]
        end = got.index("::token::")
        assert got[end + 1] == "::endgroup::"
        assert "::stop-commands::token" not in got[2:]
    inside = {"github": got[2:-3], "azure": got[1:-2]}.get(dialect, got[1:-1])
    find = COMMANDS[dialect].match if dialect == "buildkite" else COMMANDS[dialect].search
    assert not [line for line in inside if find(line)]
    assert inside[0] == "$ make"


def test_each_block_has_a_token_of_its_own() -> None:
    tokens = re.findall(r"::stop-commands::([0-9a-f]{32})", "\n".join(lines("github", TWO)))
    assert len(set(tokens)) == 2


def test_a_long_line_is_not_cut_into_a_command_that_counts() -> None:
    got = lines(GitHub(lambda: "token"), one_step([b"x" * 65023 + b"::add-path::/evil\n"]))
    assert got.index("::add-path::/evil") < got.index("::token::")


def test_colours_end_with_what_is_shown() -> None:
    got = lines("plain", one_step([b"\x1b[31mred\n", b"more\n"]))
    assert got[2:4] == ["\x1b[31mred\x1b[0m", "\x1b[31mmore\x1b[0m"]


def test_the_next_oldest_step_takes_over() -> None:
    events: list[Event] = [
        JobStarted("ci", {"a": (), "b": (), "c": ()}),
        StepStarted("a", "a"),
        StepStarted("b", "b"),
        StepStarted("c", "c"),
        StepOutput("b", b"b1\n"),
        StepFinished(result("c")),
        StepFinished(result("a")),
        Notice("cleaning up"),
        StepOutput("b", b"b2\n"),
        StepRetrying("b", 1, "exit code 1", 1),
        StepStarted("b", "b", 2),
    ]
    assert lines("plain", events)[2:] == [
        "✓ a: succeeded in 1.0 s",
        "=== c",
        "$ c",
        "✓ c: succeeded in 1.0 s",
        "=== b",
        "$ b",
        "b1",
        "runnerlib: cleaning up",
        "b2",
        "attempt 1 failed: exit code 1; the next one follows in 1.0 s",
        "$ b  (attempt 2)",
    ]


def test_a_block_that_waited_goes_out_at_the_pace_of_the_reader(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    reader, writer = os.pipe()
    big = b"0123456789abcde\n" * 200_000

    async def main() -> bytes:
        shown = console(streams(writer, writer), TerminalCapabilities())
        shown.observe(JobStarted("ci", {"a": (), "b": ()}))
        shown.observe(StepStarted("a", "a"))
        shown.observe(StepStarted("b", "b"))
        shown.observe(StepOutput("b", big))
        assert not shown.congested
        shown.observe(StepFinished(result("b")))
        shown.observe(StepFinished(result("a")))
        shown.say(b"the end\n")
        assert shown.congested
        got = b""
        while not got.endswith(b"the end\n"):
            got += await asyncio.to_thread(os.read, reader, 1 << 20)
        await shown.drain()
        shown.close()
        return got

    with asyncio.Runner(loop_factory=new_loop) as loop:
        got = loop.run(main())
    assert big in got
    assert got.endswith(b"b: succeeded in 1.0 s\nthe end\n")
    os.close(reader)
    os.close(writer)


def test_closing_and_giving_up_forget_what_waits() -> None:
    for end in (Grouped.close, Grouped.give_up):
        fd = os.memfd_create("out")
        shown = console(streams(fd, fd), TerminalCapabilities())
        for event in TWO[:6]:
            shown.observe(event)
        end(shown)
        os.close(fd)


def test_a_reader_that_is_gone() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    shown = console(streams(writer, writer), TerminalCapabilities())
    with pytest.raises(OutputError, match="its reader has closed it"):
        shown.observe(StepStarted("a", "a"))
    shown.close()
    os.close(writer)


@pytest.mark.parametrize("width", [20, 40])
def test_on_a_terminal_what_the_runner_says_fits(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TerminalCapabilities, "width", lambda _look: width)
    name, long = "a name that is longer than a line of the terminal", "many words " * 9
    ended = result(name, "failure", 1, long, cause="exit")
    found = lines("plain", [StepStarted(name, f"echo {long}"), Notice(long), StepFinished(ended)])
    assert all(columns(line) <= width for line in found), found
    assert (found[0][:8], found[0][-1], found[1][:8], found[2][:2]) == ("=== a na", "…", "$ echo m", "  ")
