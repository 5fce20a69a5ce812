"""Files that are there whole or not at all, and files in whose place a job may have put anything."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runnerlib._util.files import explain, open_regular, read_regular, whole_file, write_whole


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def test_it_is_written_whole(old: Path) -> None:
    for options in ({}, {"durable": True}, {"aside": "file.new"}):
        write_whole(old, b"new", **options)
        assert (old.read_bytes(), names(old.parent)) == (b"new", ["file"])
        assert stat.S_IMODE(old.stat().st_mode) == 0o600
        old.write_bytes(b"old")
    write_whole(old, b"", 0o644)
    assert stat.S_IMODE(old.stat().st_mode) == 0o644


def test_readers_see_the_old_content_until_the_block_ends(old: Path) -> None:
    with whole_file(old) as file:
        file.write(b"new")
        file.flush()
        assert old.read_bytes() == b"old"
    assert old.read_bytes() == b"new"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_everything_as_it_was(old: Path, failure: type[BaseException]) -> None:
    for options in ({}, {"aside": "aside", "durable": True}):
        with pytest.raises(failure), whole_file(old, **options) as file:
            raise failure(file.write(b"new"))
        assert (old.read_bytes(), names(old.parent)) == (b"old", ["file"])


def test_a_full_disk_leaves_everything_as_it_was(old: Path) -> None:
    """A limit of the size of files fails as a full disk does: in the middle of a file."""
    program = (
        "import resource, signal, sys; from runnerlib._util.files import write_whole;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "write_whole(sys.argv[1], bytes(8192), durable=True)"
    )
    done = subprocess.run([sys.executable, "-c", program, old], capture_output=True, text=True, check=False)
    assert "File too large" in done.stderr
    assert (old.read_bytes(), names(old.parent)) == (b"old", ["file"])


def test_what_a_killed_process_has_left_is_in_nobodys_way(old: Path) -> None:
    program = (
        "import os, signal, sys; from runnerlib._util.files import whole_file\n"
        "with whole_file(sys.argv[1], aside='file.new') as file: os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, old], check=False)
    assert (done.returncode, names(old.parent)) == (-signal.SIGKILL, ["file", "file.new"])
    write_whole(old, b"new", aside="file.new")
    assert (old.read_bytes(), names(old.parent)) == (b"new", ["file"])


def test_links_are_replaced_and_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for name in ("file", "file.new"):
        (tmp_path / name).symlink_to(precious)
    write_whole(tmp_path / "file", b"new", aside="file.new")
    assert (precious.read_text(), (tmp_path / "file").read_bytes()) == ("precious", b"new")
    assert not (tmp_path / "file").is_symlink()
    assert names(tmp_path) == ["file", "precious"]


def test_without_overwriting_the_first_counts(tmp_path: Path) -> None:
    path, start = tmp_path / "salt", threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        write_whole(path, b"%d" % number * 1000, durable=True, overwrite=False)
        seen.append(path.read_bytes())

    seen: list[bytes] = []
    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(seen) == 8
    assert set(seen) == {path.read_bytes()}
    assert names(tmp_path) == ["salt"]


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    write_whole(tmp_path / ("x" * 255), b"new")
    assert names(tmp_path) == ["x" * 255]


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = os.listdir("/proc/self/fd")
    for name, said in {
        "link": "it is a symbolic link",
        "pipe": "it is no regular file",
        "directory": "it is no regular file",
        "nothing": "No such file or directory",
    }.items():
        with pytest.raises(OSError, match=r".") as caught:
            open_regular(tmp_path / name)
        assert explain(caught.value) == said
    assert os.listdir("/proc/self/fd") == before


def test_a_terminal_does_not_become_ours(tmp_path: Path) -> None:
    """A job puts the name of a terminal, which one without a terminal would get as its own by opening it."""
    main, side = os.openpty()
    program = (
        "import os, sys; from runnerlib._util.files import open_regular; os.setsid()\n"
        "try: open_regular(sys.argv[1])\n"
        "except OSError as error: print(error.strerror)\n"
        "try: os.open('/dev/tty', os.O_RDONLY)\n"
        "except OSError: print('none')"
    )
    done = subprocess.run([sys.executable, "-c", program, os.ttyname(side)], capture_output=True, text=True, check=True)
    os.close(main)
    os.close(side)
    assert done.stdout == "it is no regular file\nnone\n"


def test_no_more_is_read_than_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(OSError, match="it is larger than 4 bytes") as caught:
        read_regular(path, 4)
    assert caught.value.errno == errno.EFBIG
    above = os.open(tmp_path, os.O_RDONLY)
    assert read_regular("file", 5, dir_fd=above) == b"12345"
    os.close(above)
