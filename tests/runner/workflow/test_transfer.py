"""Trees of files that a job made, copied: nothing leads out of the copy, whatever the links are."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from runnerlib.errors import RunnerError
from runnerlib.runner.workflow.artifact_copy import find, transfer
from tests.looped import assert_each

OUTSIDE = "not of the job"


def tree(base: Path, chance: random.Random) -> None:
    """Directories, files, and links to anything: up, down, through each other, out, nowhere."""
    directories = [base]
    for number in range(chance.randrange(1, 6)):
        directories.append(chance.choice(directories) / f"d{number}")
        directories[-1].mkdir()
    for number in range(chance.randrange(1, 6)):
        (chance.choice(directories) / f"f{number}").write_text(str(number))
    names = [f"{kind}{number}" for kind in "dfl" for number in range(6)]
    for number in range(chance.randrange(1, 8)):
        parts = [chance.choice([*names, "..", "..", "."]) for _ in range(chance.randrange(1, 6))]
        text = "/".join(parts) if chance.random() < 0.9 else f"{base}/{parts[0]}"
        (chance.choice(directories) / f"l{number}").symlink_to(text)


def test_nothing_leads_out_of_a_copy(tmp_path: Path) -> None:
    assert_each(lambda seed: check_a_copy(seed, tmp_path / str(seed)), ((seed,) for seed in range(150)))


def check_a_copy(seed: int, room: Path) -> None:
    chance = random.Random(seed)
    base, copy, moved = room / "outside/base", room / "copy", room / "moved"
    base.mkdir(parents=True)
    (base.parent / "f0").write_text(OUTSIDE)
    tree(base, chance)
    (base / "out").symlink_to("../f0")
    files = list(find(base, ["**"]))
    left = {one.name for one in transfer(files, base, copy)}
    assert "out" in left
    assert transfer(list(find(copy, ["**"])), copy, moved) == [], "what was taken once goes on as it is"
    base.rename(room / "gone")
    for place in (copy, moved):
        made = {file.name: file for file in find(place, ["**"])}
        assert made.keys() == {file.name for file in files} - left
        for file in files:
            if file.name in left:
                continue
            real = os.path.realpath(place / file.name)
            assert os.path.commonpath([real, place]) == str(place)
            assert os.path.exists(real), "a link leads to nothing"
            assert not os.path.isfile(real) or Path(real).read_text() != OUTSIDE
            source = room / "gone" / file.name
            if source.is_file():
                assert (place / file.name).read_text() == source.read_text()
    assert all(file.name not in left for file in files if file.is_file)


def test_a_link_is_a_file_where_its_own_does_not_go_along(tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "lib").mkdir(parents=True)
    (base / "lib/x.so.1").write_text("x")
    (base / "lib/x.so").symlink_to("x.so.1")
    for patterns, is_link in ((["lib/x.so"], False), (["lib/*"], True)):
        copy = tmp_path / str(is_link)
        assert transfer(list(find(base, patterns)), base, copy) == []
        assert (copy / "lib/x.so").is_symlink() is is_link
        assert (copy / "lib/x.so").read_text() == "x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_no_file_that_is_left_out(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "f").touch(mode=0)
    with pytest.raises(RunnerError, match="artifacts: cannot copy 'f': Permission denied"):
        transfer(list(find(base, ["**"])), base, tmp_path / "copy")
