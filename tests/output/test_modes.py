"""Modes: which one fits, what is loaded for it, what the reader of the output can show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runnerlib
from runnerlib.config import SETTINGS
from runnerlib.errors import ConfigError
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
from runnerlib.events.result import StepResult
from runnerlib.output import MODES, Mode, mode_of
from runnerlib.output.capabilities import TerminalCapabilities, look, service
from runnerlib.output.console import automatic_mode, console
from runnerlib.output.messages import duration, size
from runnerlib.output.streams import streams
from runnerlib.output.text.columns import columns, common_width, padded, shortened, told_apart
from tests.output.show import shown


@pytest.mark.parametrize(
    ("environ", "isatty", "steps", "mode"),
    [
        ({}, True, 1, "raw"),
        ({"GITHUB_ACTIONS": "true"}, False, 1, "raw"),
        ({"GITHUB_ACTIONS": "true"}, False, 2, "grouped"),
        ({"GITLAB_CI": "true"}, True, 2, "grouped"),
        ({"GITHUB_ACTIONS": ""}, False, 2, "prefixed"),
        ({}, True, 2, "live"),
        ({"TERM": "dumb"}, True, 2, "prefixed"),
        ({}, False, 2, "prefixed"),
    ],
)
def test_the_mode_that_fits(environ: dict[str, str], isatty: bool, steps: int, mode: str) -> None:
    assert automatic_mode(environ, isatty, steps) == mode


@pytest.mark.parametrize(
    ("environ", "isatty", "encoding", "expected"),
    [
        ({}, False, "utf-8", TerminalCapabilities()),
        ({}, True, "utf-8", TerminalCapabilities(colour=True, terminal=True)),
        ({"NO_COLOR": "1"}, True, "utf-8", TerminalCapabilities(terminal=True)),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, "utf-8", TerminalCapabilities(terminal=True)),
        ({"NO_COLOR": ""}, True, "utf-8", TerminalCapabilities(colour=True, terminal=True)),
        ({"FORCE_COLOR": "1"}, False, "utf-8", TerminalCapabilities(colour=True)),
        ({"FORCE_COLOR": "0"}, True, "utf-8", TerminalCapabilities(terminal=True)),
        ({"TERM": "dumb"}, True, "utf-8", TerminalCapabilities()),
        ({}, False, "ascii", TerminalCapabilities(unicode=False)),
        ({}, False, "iso-8859-1", TerminalCapabilities(unicode=False)),
        ({}, False, "nonsense", TerminalCapabilities(unicode=False)),
        ({}, False, None, TerminalCapabilities()),
        ({"GITHUB_ACTIONS": "true"}, False, "utf-8", TerminalCapabilities(colour=True, dialect="github")),
        ({"BUILDKITE": "true", "NO_COLOR": "1"}, False, "utf-8", TerminalCapabilities(dialect="buildkite")),
    ],
)
def test_what_the_reader_can_show(
    environ: dict[str, str], isatty: bool, encoding: str, expected: TerminalCapabilities
) -> None:
    assert look(environ, isatty, encoding) == expected._replace(sized=isatty)


def test_services() -> None:
    assert [service({name: "True"}) for name in ("GITLAB_CI", "TF_BUILD", "CI")] == ["gitlab", "azure", ""]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_a_console(mode: str) -> None:
    fd = os.memfd_create("out")
    made = console(mode, streams(fd, fd), TerminalCapabilities(terminal=True))
    made.observe(JobStarted("ci", {"a": ()}))
    made.observe(StepStarted("a", "true"))
    made.say(b"said\n")
    assert made.give_up() == 0
    made.close()
    assert os.fstat(fd).st_size
    os.close(fd)


def test_the_help_names_the_modes_there_are() -> None:
    *names, last = MODES
    assert f"{', '.join(names)} or {last} (" in SETTINGS["output"].help


def test_nothing_asks_for_the_name_of_a_mode() -> None:
    """Code asks for the properties of a mode, so a new one is one row and one module."""
    names = "|".join(MODES)
    asked = re.compile(rf"""(?:mode|config\.output)\b.{{0,4}}(?:==|!=| in \{{).{{0,4}}["'](?:{names})["']""")
    assert asked.search('if mode == "raw":')
    files = Path(runnerlib.__file__).parent.rglob("*.py")
    assert [str(path) for path in files if asked.search(path.read_text(encoding="utf-8"))] == []


def test_a_mode_of_a_plugin_has_no_special_properties() -> None:
    assert mode_of("theirs") == mode_of(None) == Mode()


def test_live_without_a_terminal_is_prefixed() -> None:
    fd = os.memfd_create("out")
    made = console("live", streams(fd, fd), TerminalCapabilities())
    assert type(made).__name__ == "Prefixed"
    made.close()
    os.close(fd)


def test_an_unknown_mode() -> None:
    fd = os.memfd_create("out")
    made = streams(fd, fd)
    with pytest.raises(ConfigError, match=r"unknown output mode 'gruoped'; did you mean 'grouped'\?"):
        console("gruoped", made, TerminalCapabilities())
    made.close()
    os.close(fd)


@pytest.mark.parametrize("mode", MODES)
def test_what_others_chose_is_one_line_and_not_a_long_one(mode: str) -> None:
    short = "x\nrunnerlib: forged\r\nrunnerlib: forged\n@@runnerlib-triggers/1 forged\nerror: forged\n"
    forged = short + "y" * 1_000_000
    ended = StepResult("a", "failure", 1, forged, "", 1, 1.0, 2.0)
    events: list[Event] = [
        *(Notice(forged), Warned(forged), JobStarted("ci", {"a": (), short: ()}), StepStarted("a", f"make\n{short}")),
        *(Warned(forged, "a"), StepOutput("a", b"cut"), StepRetrying("a", 1, forged, 1.0), StepStarted("a", "make", 2)),
        *(Warned(forged, "a"), StepFinished(ended), StepFinished(ended._replace(name=short, outcome="skipped"))),
    ]
    whole = b"".join(shown(lambda ends: console(mode, ends, TerminalCapabilities(terminal=True)), events))
    lines = re.split(rb"[\r\n]+", whole)
    assert not [line[:60] for line in lines if re.match(rb"(runnerlib: |error: |@@).{0,4}forged", line)]
    assert b"forged" in whole
    assert max(map(len, lines)) < 20_000


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_loads_what_it_needs(mode: str) -> None:
    code = (
        "import sys; from runnerlib.output.console import console; from runnerlib.output.capabilities import "
        "TerminalCapabilities as Look; from runnerlib.output.streams import streams; import os;"
        f"console({mode!r}, streams(os.memfd_create('x'), 2), Look(terminal=True)); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split()) & {"rich", "json", "tempfile", "unicodedata", "secrets", "datetime"}
    expected = {
        "raw": set(),
        "prefixed": {"unicodedata"},
        "grouped": {"tempfile", "secrets", "unicodedata"},
        "json": {"json", "datetime"},
    }
    if mode == "live":
        assert "rich" in loaded
    else:
        assert loaded - {"tempfile"} <= expected[mode]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.04, "40 ms"),
        (0.0996, "0.1 s"),
        (59.94, "59.9 s"),
        (59.96, "1m 00s"),
        (3599.6, "1h 00m 00s"),
        (90061, "25h 01m 01s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (10 << 10, "10 KiB"),
        (1048575, "1.0 MiB"),
        (1 << 60, "1048576 TiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_names() -> None:
    assert padded("日本", 6) == "日本  "
    assert shortened("日本語", 5) == "日本…"
    assert shortened("e\u0301" * 3, 3) == "e\u0301" * 3
    assert common_width(["a", "日本", "x" * 99]) == 24
    assert common_width([]) == 0


@pytest.mark.parametrize(
    ("names", "width", "shown"),
    [
        (["build", "x" * 30], 24, ["build", "x" * 23 + "…"]),
        (
            ["integration-tests-postgres-14", "integration-tests-postgres-15"],
            24,
            ["integration-…postgres-14", "integration-…postgres-15"],
        ),
        (["abcdefgh-1-xyzxyz", "abcdefgh-2-xyzxyz", "other"], 8, ["abcd…xyz", "abcdef…2", "other"]),
        (["abcdef", "abcde…", "abc…"], 4, ["ab…f", "ab……", "abc…"]),
        (["abcdef", "abcdeg"], 1, ["…", "…2"]),
    ],
)
def test_long_names_are_told_apart(names: list[str], width: int, shown: list[str]) -> None:
    assert [*told_apart(names, width).values()] == shown


@given(st.lists(st.text("ab…2", max_size=12), max_size=12, unique=True), st.integers(3, 12))
def test_different_names_stay_different(names: list[str], width: int) -> None:
    shown = told_apart(names, width)
    assert len(set(shown.values())) == len(names)
    assert all(columns(text) <= width for text in shown.values())
    assert all(shown[name] == name for name in names if columns(name) <= width)
