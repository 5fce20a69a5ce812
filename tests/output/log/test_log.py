"""Lines of a log: exact fields, one line each, and what the environment may say of them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.log import LogLevel, StructuredLogger, log_line, log_stderr, log_stdout, logger
from runnerlib.output import chosen_format
from runnerlib.output.log.format import streamed, structured, timestamp
from runnerlib.output.log.level import chosen_level
from runnerlib.output.log.trace_context import context, trace_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
NOW = "2026-01-02T03:04:05.000006+00:00"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOG_FORMAT", "LOG_LEVEL", "TRACEPARENT"):
        monkeypatch.delenv(name, raising=False)


def test_a_time_is_utc_with_six_digits() -> None:
    assert timestamp(0) == "1970-01-01T00:00:00.000000+00:00"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", timestamp())
    assert datetime.fromisoformat(timestamp()).tzinfo


class TestForms:
    """The forms of Reactorcide's runner."""

    def test_text(self) -> None:
        said = structured(
            NOW, LogLevel.WARNING, "git", "slow", {"a": 1, "b": "x y"}, ("ValueError", "no"), as_json=False
        )
        assert said == f"{NOW} [WARNING] [git] slow a=1 b=x y error=ValueError: no"
        assert structured(NOW, LogLevel.INFO, "c", "m", as_json=False) == f"{NOW} [INFO] [c] m"

    def test_json(self) -> None:
        said = structured(NOW, LogLevel.ERROR, "git", "slow", {"a": 1}, ("ValueError", "no"), as_json=True)
        assert list(json.loads(said).items()) == [
            ("timestamp", NOW),
            ("level", "error"),
            ("component", "git"),
            ("message", "slow"),
            ("fields", {"a": 1}),
            ("error", {"type": "ValueError", "message": "no"}),
        ]
        assert list(json.loads(structured(NOW, LogLevel.INFO, "c", "m", as_json=True))) == [
            "timestamp",
            "level",
            "component",
            "message",
        ]

    def test_output(self) -> None:
        assert streamed(NOW, "stdout", "m", as_json=False) == f"{NOW} m"
        assert json.loads(streamed(NOW, "stderr", "m", as_json=True)) == {
            "timestamp": NOW,
            "stream": "stderr",
            "message": "m",
        }

    @given(
        message=st.text(),
        fields=st.dictionaries(st.text(), st.text() | st.integers() | st.none()),
        as_json=st.booleans(),
    )
    def test_a_line_is_one_line(self, message: str, fields: dict[str, Any], as_json: bool) -> None:
        said = structured(NOW, LogLevel.INFO, "c", message, fields, ("E", message), as_json=as_json)
        assert len(said.encode("utf-8", "surrogateescape").split(b"\n")) == 1
        if as_json:
            assert json.loads(said)["message"] == message

    def test_a_huge_message_stays_below_what_readers_take(self) -> None:
        huge = "\U0001f600" * 100_000
        assert len(structured(NOW, LogLevel.INFO, "c", huge, None, ("E", huge), as_json=True)) < 1 << 17
        said = structured(NOW, LogLevel.INFO, "c", "\x01" * 100_000, as_json=True)
        assert len(said) < 1 << 16


class TestChoices:
    """LOG_FORMAT and LOG_LEVEL may be meant for the job: nonsense is not complained of."""

    @pytest.mark.parametrize(
        ("environ", "setting", "expected"),
        [
            ({}, None, "text"),
            ({"LOG_FORMAT": "json"}, None, "json"),
            ({"LOG_FORMAT": "JSON"}, None, "json"),
            ({"LOG_FORMAT": "logfmt"}, None, "text"),
            ({"LOG_FORMAT": "json"}, "text", "text"),
        ],
    )
    def test_format(self, environ: dict[str, str], setting: str | None, expected: str) -> None:
        assert chosen_format(environ, setting) == expected

    @pytest.mark.parametrize(
        ("environ", "setting", "expected"),
        [
            ({}, None, LogLevel.INFO),
            ({"LOG_LEVEL": "WARNING"}, None, LogLevel.WARNING),
            ({"LOG_LEVEL": "trace"}, None, LogLevel.INFO),
            ({"LOG_LEVEL": "debug"}, "error", LogLevel.ERROR),
        ],
    )
    def test_level(self, environ: dict[str, str], setting: str | None, expected: LogLevel) -> None:
        assert chosen_level(environ, setting) is expected


class TestContext:
    """Facts about the run in the environment."""

    def test_fields(self) -> None:
        assert context({"REACTORCIDE_JOB_ID": "7", "TRACEPARENT": PARENT}) == {"job_id": "7", "trace_id": TRACE}
        assert context({"REACTORCIDE_JOB_ID": "", "TRACEPARENT": "nonsense"}) == {}

    @pytest.mark.parametrize(
        "parent",
        [
            "",
            "x",
            PARENT[:-1],
            f"ff{PARENT[2:]}",
            f"00-{'0' * 32}-00f067aa0ba902b7-01",
            f"00-{TRACE}-{'0' * 16}-01",
            f"{PARENT}-more",
            PARENT.replace("-", "_"),
            f"{PARENT}\n{PARENT}",
            f"00-{TRACE[:-1]}g-00f067aa0ba902b7-01",
        ],
    )
    def test_what_is_no_trace(self, parent: str) -> None:
        assert trace_id({"TRACEPARENT": parent}) == ""

    @pytest.mark.parametrize("parent", [PARENT, PARENT.upper(), f" {PARENT} ", f"01{PARENT[2:]}-more"])
    def test_what_is_one(self, parent: str) -> None:
        assert trace_id({"TRACEPARENT": parent}) == TRACE


class TestLogger:
    """The logger that job scripts and plugins call."""

    def test_text(self, capsys: pytest.CaptureFixture[str]) -> None:
        logger.info("hello", {"a": 1})
        logger.with_component("git").error("bad", ValueError("no"))
        out, err = capsys.readouterr()
        assert out == ""
        assert re.sub(r"^\S+ ", "", err, flags=re.MULTILINE) == (
            "[INFO] [runnerlib] hello a=1\n[ERROR] [git] bad error=ValueError: no\n"
        )

    def test_json_says_which_job_and_trace(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in (("LOG_FORMAT", "json"), ("REACTORCIDE_JOB_ID", "7"), ("TRACEPARENT", PARENT)):
            monkeypatch.setenv(name, value)
        StructuredLogger("x").warning("hello", {"a": 1})
        said = json.loads(capsys.readouterr().err)
        assert (said["level"], said["component"], said["message"]) == ("warning", "x", "hello")
        assert said["fields"] == {"job_id": "7", "trace_id": TRACE, "a": 1}

    def test_levels(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        logger.debug("1")
        monkeypatch.setenv("LOG_LEVEL", "ERROR")
        logger.warning("2")
        logger.error("3")
        monkeypatch.setenv("LOG_LEVEL", "DEBUG")
        logger.debug("4")
        assert [line[-1] for line in capsys.readouterr().err.splitlines()] == ["3", "4"]

    def test_fatal_leaves(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            logger.fatal("over")
        assert caught.value.code == 1
        assert "[FATAL] [runnerlib] over" in capsys.readouterr().err

    def test_lines_of_output(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        log_stdout("a")
        log_stderr("b")
        log_line("c")
        out, err = capsys.readouterr()
        assert [line.split()[1] for line in out.splitlines()] == ["a", "c"]
        assert err.split()[1:] == ["b"]
        monkeypatch.setenv("LOG_FORMAT", "json")
        log_stderr("b")
        assert json.loads(capsys.readouterr().err)["stream"] == "stderr"
