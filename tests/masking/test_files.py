"""Secrets in files: found, masked in place, moved away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runnerlib.errors import RunnerError
from runnerlib.masking import SecretMasker
from runnerlib.masking.files import find_secrets, mask_file, quarantine, regular_files

SECRET = b"correct-horse"


@pytest.fixture
def masker() -> SecretMasker:
    made = SecretMasker()
    made.register_secret(SECRET)
    return made


def test_files_below_directories_but_not_behind_links(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/secret").write_bytes(SECRET)
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    for name in ("b", "a", "deep/c"):
        (tree / name).write_text("")
    (tree / "link").symlink_to(tmp_path / "out")
    (tree / "file-link").symlink_to(tmp_path / "out/secret")
    os.mkfifo(tree / "fifo")
    assert list(regular_files([tree])) == [tree / "a", tree / "b", tree / "deep/c"]
    assert list(regular_files([tree / "file-link"])) == [tree / "file-link"]  # named by the user


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match=r"cannot check '.*/none': No such file or directory"):
        list(regular_files([tmp_path / "none"]))


@pytest.mark.parametrize("padding", [0, 65530, 200_000])
def test_marks_are_counted_across_reads(tmp_path: Path, masker: SecretMasker, padding: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * padding + SECRET + b"\0\xff" + SECRET + SECRET + b" " + SECRET)
    assert find_secrets(file, masker).marks == 3


def test_masking_in_place_keeps_the_mode(tmp_path: Path, masker: SecretMasker) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xff" + SECRET + b"\0")
    file.chmod(0o751)
    assert mask_file(file, masker).marks == 1
    assert file.read_bytes() == b"\xff[REDACTED]\0"
    assert file.stat().st_mode & 0o777 == 0o751
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failure_leaves_the_file(tmp_path: Path, masker: SecretMasker, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(SECRET)

    def fail(*paths: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(RunnerError, match=r"cannot mask '.*/file': No space left on device"):
        mask_file(file, masker)
    assert file.read_bytes() == SECRET
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_quarantine_never_overwrites(tmp_path: Path) -> None:
    places = []
    for text in ("one", "two", "three"):
        (tmp_path / "file").write_text(text)
        places.append(quarantine(tmp_path / "file", tmp_path / "away"))
    assert [(place.name, place.read_text()) for place in places] == [
        ("file", "one"),
        ("file.1", "two"),
        ("file.2", "three"),
    ]
    assert (tmp_path / "away").stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "file").exists()
