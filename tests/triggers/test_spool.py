"""The spool: what steps in any language trigger, and plugins, until the job has ended."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runnerlib._util.locked_file import FileError
from runnerlib.triggers.job_trigger import JobTrigger
from runnerlib.triggers.spool import SPOOL, VARIABLE, append, collect, spool_of


def test_what_is_appended_is_collected_in_order(tmp_path: Path) -> None:
    spool = tmp_path / "not" / "yet" / "there"
    append(spool, [JobTrigger("a", env={"X": "1\n2"}), JobTrigger("b")])
    append(spool, [JobTrigger("c")])
    found = collect(spool)
    assert found == ((JobTrigger("a", env={"X": "1\n2"}), JobTrigger("b"), JobTrigger("c")), False, ())
    assert spool.stat().st_mode & 0o777 == 0o600
    assert collect(tmp_path / "none") == ((), False, ())


def test_the_permission_to_go_over_plain_http_travels_along(tmp_path: Path) -> None:
    append(tmp_path / "spool", [JobTrigger("a")])
    assert not collect(tmp_path / "spool").insecure
    append(tmp_path / "spool", [JobTrigger("b")], insecure=True)
    assert collect(tmp_path / "spool") == ((JobTrigger("a"), JobTrigger("b")), True, ())
    (tmp_path / "shell").write_text('{"job_name": "a", "allow_insecure_transport": "yes"}\n')
    assert not collect(tmp_path / "shell").insecure


def test_a_shell_can_trigger(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    script = """printf '{"job_name": "a"}' >> "$S"; """  # without the end of the line
    subprocess.run(["sh", "-c", script], env={"S": str(spool)}, check=True)
    append(spool, [JobTrigger("b")])
    script = """echo >> "$S"; echo '{"job_name": "c", "priority": "3"}' >> "$S" """
    subprocess.run(["sh", "-c", script], env={"S": str(spool)}, check=True)
    assert collect(spool).triggers == (JobTrigger("a"), JobTrigger("b"), JobTrigger("c", priority=3))


def test_every_wrong_line_is_told(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.write_text('{"job_name": "a"}\nhunter2\n[]\n{"job_name": "b", "env": {"X": ["hunter2"]}}\n')
    found = collect(spool)
    assert found.triggers == (JobTrigger("a"),)
    assert found.problems == (
        "line 2 of RUNNERLIB_TRIGGERS is not valid JSON",
        "line 3 of RUNNERLIB_TRIGGERS: a job to trigger is a mapping of fields, got a list",
        "line 4 of RUNNERLIB_TRIGGERS: trigger 'b': env: X: a text is expected, got a list",
    )


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "spool").symlink_to(tmp_path / "victim")
    (tmp_path / "victim").write_text("")
    for use in (lambda: append(tmp_path / "spool", [JobTrigger("a")]), lambda: collect(tmp_path / "spool")):
        with pytest.raises(FileError, match="symbolic link"):
            use()


def test_no_room_leaves_whole_lines() -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from runnerlib._util.locked_file import FileError
from runnerlib.triggers.job_trigger import JobTrigger
from runnerlib.triggers.spool import append, collect
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Path(sys.argv[1])
append(spool, [JobTrigger("a")])
resource.setrlimit(resource.RLIMIT_FSIZE, (60, 60))
try:
    append(spool, [JobTrigger("long" * 10)])
except FileError as error:
    print(error)
print([one.job_name for one in collect(spool).triggers])
"""
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        argv = [sys.executable, "-c", code, f"{directory}/spool"]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"cannot write '{directory}/spool': there is no room", "['a']"]


def test_threads_share_it(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    threads = [
        threading.Thread(target=lambda k=k: [append(spool, [JobTrigger(f"{k}-{n}")]) for n in range(20)])
        for k in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [one.job_name for one in collect(spool).triggers]
    assert sorted(found) == sorted(f"{k}-{n}" for k in range(5) for n in range(20))


def test_who_is_a_part_of_a_run(tmp_path: Path) -> None:
    assert spool_of({}) is None
    assert spool_of({VARIABLE: "/a/b"}) == Path("/a/b")
    token = SPOOL.set(tmp_path)
    try:
        assert spool_of({VARIABLE: "/a/b"}) == tmp_path
    finally:
        SPOOL.reset(token)
