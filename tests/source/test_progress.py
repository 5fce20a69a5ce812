"""Progress: lines now and then, or a bar."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from runnerlib.cli._progress import Lines
from runnerlib.source import SourceSpec, prepare, progress
from runnerlib.source.progress import EVERY, Meter, without_progress

SAID = (
    b"remote: Enumerating objects: 9, done.\nremote: Counting objects:  50% (5/10)\r"
    b"remote: Counting objects: 100% (10/10), done.\n"
    b"Receiving objects:   1% (1/100)\rReceiving objects:  50% (50/100), 1.20 MiB | 3.00 MiB/s\r"
    b"Receiving objects: 100% (100/100), 2.40 MiB | 3.00 MiB/s, done.\nfatal: the end\n"
)


def test_a_line_every_few_seconds_whatever_the_cuts() -> None:
    for size in (1, 7, len(SAID)):
        now = [0.0]
        lines: list[str] = []
        meter = Meter(lines.append, lambda now=now: now[0])
        for start in range(0, len(SAID), size):
            meter.hear(SAID[start : start + size])
            now[0] += 0.001
        assert lines == []
        meter.sum_up()
        assert lines == ["received 100 objects, 2.40 MiB"]
        now[0] += EVERY
        meter.hear(b"Receiving objects:  50% (50/100), 1.20 MiB | 3.00 MiB/s\r")
        meter.hear(b"Receiving objects:  60% (60/100), 1.20 MiB | 3.00 MiB/s\r")
        assert lines[1:] == ["receiving objects: 50 % of 100, 1.20 MiB"]


def test_what_is_no_progress_is_left() -> None:
    assert without_progress(SAID) == ["fatal: the end"]


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal_only() -> None:
    for stream in (io.StringIO(), Terminal()):
        lines = Lines(stream, lambda text: text.replace("secret", "***"), lambda: None)
        meter = Meter(lines)
        lines("cloning 'secret'")
        meter.hear(b"Receiving objects:  50% (50/100), 1.20 MiB | 3.00 MiB/s\r" * 3)
        lines("done")
        drawn = f"\r\x1b[K{'█' * 15}{'░' * 15}  50% receiving objects, 1.20 MiB\r\x1b[K"
        bar = drawn if stream.isatty() else ""
        assert stream.getvalue() == f"runnerlib: cloning '***'\n{bar}runnerlib: done\n"


def test_what_is_watched_is_measured_when_it_is_time() -> None:
    now, measured, lines = [0.0], [], list[str]()
    meter = Meter(lines.append, lambda: now[0])

    def measure() -> tuple[int, int, str]:
        measured.append(now[0])
        return 1, 4, "1 MB"

    for _ in range(70):
        meter.watch("unpacking", measure)
        now[0] += 0.1
    assert len(measured) == 2
    assert lines == ["unpacking: 25 %, 1 MB"] * 2
    for _ in range(70):
        meter.count(lambda: "copied 7 files")
        now[0] += 0.1
    assert lines[2:] == ["copied 7 files"] * 2


def test_a_copy_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", -1.0)
    (tmp_path / "code").mkdir()
    (tmp_path / "code/file").write_bytes(bytes(100_000))
    lines: list[str] = []
    prepare(SourceSpec("copy", str(tmp_path / "code")), tmp_path / "job/src", lines.append)
    assert "copied 0 files, 0.0 MB" in lines
