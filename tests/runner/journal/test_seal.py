"""A journal is believed only as the runner wrote it, whatever a step does to its file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.events.result import NO_EXPORTS, StepResult
from runnerlib.runner.journal import Entry, Journal, seal_of

NAMES = ("build", "scan", "test", "deploy")


def entry(name: str, *, success: bool = True) -> Entry:
    return Entry("signed", StepResult(name, "success" if success else "failure", 0 if success else 1), NO_EXPORTS)


def written(base: Path, names: tuple[str, ...] = NAMES, *, fresh: bool = True) -> Path:
    """A journal as a run leaves it in which `scan` failed."""
    journal = Journal(base / ".runnerlib/journal.ndjson", base / "state/journals/seal", fresh=fresh)
    if fresh:
        journal.record_prepared()
    for name in names:
        journal.record(entry(name, success=name != "scan"))
    journal.close()
    return base / ".runnerlib/journal.ndjson"


def read(base: Path) -> tuple[set[str], bool, str]:
    """Return the steps that the next run believes to have succeeded, whether the sources are there, and its doubt."""
    journal = Journal(base / ".runnerlib/journal.ndjson", base / "state/journals/seal", fresh=False)
    journal.close()
    return {name for name, one in journal.entries.items() if one.result.success}, journal.prepared, journal.doubt


def test_what_a_runner_wrote_is_believed(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert read(tmp_path) == ({"build", "test", "deploy"}, True, "")
    assert [line.keys() - {"code"} for line in map(json.loads, path.read_text().splitlines())][:2] == [
        {"journal"},
        {"prepared"},
    ]


def test_later_runs_go_on_writing(tmp_path: Path) -> None:
    written(tmp_path, ("build",))
    written(tmp_path, ("test",), fresh=False)
    written(tmp_path, ("deploy",), fresh=False)
    assert read(tmp_path) == ({"build", "test", "deploy"}, True, "")


def rewritten(path: Path, data: bytes) -> None:
    """Write a file anew: what overwrites one is brought to the disk at once by ext4, and takes its time."""
    path.unlink()
    path.write_bytes(data)
    path.chmod(0o600)


def test_a_runner_that_is_killed_leaves_what_it_had_written(tmp_path: Path) -> None:
    """A line is written before the seal knows of it: there may be one more, or a part of one, than it knows."""
    path, key = tmp_path / ".runnerlib/journal.ndjson", tmp_path / "state/journals/seal"
    written(tmp_path, ("build",))
    known, size = key.read_bytes(), path.stat().st_size
    written(tmp_path, ("test",), fresh=False)
    whole = path.read_bytes()
    last = len(whole)
    for end in sorted({*range(size, last, 9), *range(size, size + 4), *range(last - 4, last + 1)}):
        rewritten(path, whole[:end])
        rewritten(key, known)
        assert read(tmp_path) == ({"build", "test"} if end == last else {"build"}, True, "")


def _edited(data: bytes) -> bytes:
    return data.replace(b'"failure"', b'"success"').replace(b'"exit_code":1', b'"exit_code":0')


def _without_codes(data: bytes) -> bytes:
    lines = [json.loads(line) for line in _edited(data).splitlines()]
    return b"".join(json.dumps({k: v for k, v in line.items() if k != "code"}).encode() + b"\n" for line in lines)


ATTACKS: dict[str, Callable[[bytes], bytes]] = {
    "a failure made a success": _edited,
    "and its code taken away": _without_codes,
    "a line appended": lambda data: data + data.splitlines(keepends=True)[-1].replace(b"deploy", b"scan"),
    "a line repeated": lambda data: data + data.splitlines(keepends=True)[2],
    "lines in another order": lambda data: b"".join(sorted(data.splitlines(keepends=True))),
    "a line left out": lambda data: b"".join(line for line in data.splitlines(keepends=True) if b"scan" not in line),
    "the end cut off": lambda data: b"".join(data.splitlines(keepends=True)[:3]),
    "only the first line": lambda data: data.splitlines(keepends=True)[0],
    "no JSON at all": lambda data: b"\0" + data,
    "a code that is none": lambda data: data.replace(b'"code":"', b'"code":"\xff'),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_step_changed_is_not_believed(tmp_path: Path, attack: str) -> None:
    path = written(tmp_path)
    path.write_bytes(ATTACKS[attack](path.read_bytes()))
    successes, prepared, doubt = read(tmp_path)
    assert (successes, prepared) == (set(), False)
    assert doubt.startswith(f"the journal '{path}' is not used: line")
    assert doubt.endswith("; everything runs again")


def no_change_of_bytes_is_believed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    base = tmp_path_factory.mktemp("journal")
    path = written(base)
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start, min(start + 300, len(whole))))
    changed = whole[:start] + data.draw(st.binary(max_size=20)) + whole[end:]
    rewritten(path, changed)
    believed, _, doubt = read(base)
    lines = changed[: changed.rfind(b"\n") + 1]
    assert "scan" not in believed
    assert (doubt == "" and believed == {"build", "test", "deploy"}) == (lines == whole) or not lines


@settings(max_examples=60)
@given(st.data())
def test_no_change_of_bytes_is_believed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    no_change_of_bytes_is_believed(tmp_path_factory, data)


@pytest.mark.slow
@settings(max_examples=1000)
@given(st.data())
def test_no_change_of_bytes_is_believed_whatever_it_is(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    no_change_of_bytes_is_believed(tmp_path_factory, data)


def test_an_older_journal_is_of_no_use(tmp_path: Path) -> None:
    older = written(tmp_path).read_bytes().replace(b"scan", b"skan")
    path = written(tmp_path, ("scan",))
    path.write_bytes(older)
    assert read(tmp_path)[:2] == (set(), False)


def test_what_is_doubted_stays_until_a_run_writes(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(_edited(path.read_bytes()))
    before = path.read_bytes()
    assert read(tmp_path)[2]
    assert path.read_bytes() == before
    written(tmp_path, ("build",), fresh=False)
    assert read(tmp_path) == ({"build"}, False, "")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o4600])
def test_a_key_that_others_can_read_proves_nothing(tmp_path: Path, mode: int) -> None:
    written(tmp_path)
    (tmp_path / "state/journals/seal").chmod(mode)
    assert "its key in" in read(tmp_path)[2]


def test_the_half_outside_of_the_workspace_is_not_the_key(tmp_path: Path) -> None:
    written(tmp_path)
    half = next(tmp_path.rglob("journal.key"))
    assert (half.stat().st_mode & 0o777, len(half.read_bytes())) == (0o600, 32)
    half.write_bytes(bytes(32))
    assert "was not written by the runner" in read(tmp_path)[2]
    half.unlink()
    assert "the half of its key" in read(tmp_path)[2]


def test_without_a_place_for_the_key_nothing_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    written(tmp_path)
    assert read(tmp_path)[0] == set()
    assert "its key" in read(tmp_path)[2]


def test_a_link_in_place_of_the_keys_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "state/journals").symlink_to(tmp_path / "theirs")
    written(tmp_path)
    assert not list((tmp_path / "theirs").iterdir())


def test_seals_of_workspaces_that_are_gone_do_not_pile_up(tmp_path: Path) -> None:
    keys = tmp_path / "state/journals"
    keys.mkdir(parents=True)
    for number in range(300):
        (keys / str(number)).touch()
        os.utime(keys / str(number), (0, 0) if number % 2 else None)
    written(tmp_path)
    assert len(list(keys.iterdir())) == 151


def test_where_a_seal_is(tmp_path: Path) -> None:
    journal = Path("/w/.runnerlib/journal.ndjson")
    usual = seal_of(journal, None, {"HOME": str(tmp_path)})
    assert usual is not None
    assert usual.parent == tmp_path / ".local/state/runnerlib/journals"
    state = {"HOME": "/nowhere", "XDG_STATE_HOME": str(tmp_path)}
    assert seal_of(journal, None, state) == tmp_path / "runnerlib/journals" / usual.name
    assert seal_of(journal, "/given", {}) == Path("/given/journals") / usual.name
    assert seal_of(Path("/v/.runnerlib/journal.ndjson"), "/given", {}) != seal_of(journal, "/given", {})
    for nobody in ({"HOME": "/nowhere"}, {}):
        assert seal_of(journal, None, nobody) is None


def test_a_user_without_a_home_gets_none(tmp_path: Path) -> None:
    path = tmp_path / ".runnerlib/journal.ndjson"
    Journal(path, None, fresh=True).close()
    journal = Journal(path, None, fresh=False)
    journal.close()
    assert "the user has no home directory" in journal.doubt
