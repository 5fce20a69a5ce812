"""Ways and mounts: which directories lead to a special path, and where else it can be reached."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from runnerlib._util.proc import Mount
from runnerlib.executor.local.landlock import Ruleset
from runnerlib.runner.sandbox.grants import Grants, Treatment, ways
from runnerlib.runner.sandbox.mounts import other_paths

LISTED, CLOSED = Treatment(7, listed=True), Treatment(0)


def test_ways_lead_to_special_paths_from_a_listed_one_on() -> None:
    special = {"/": LISTED, "/w/.runnerlib": CLOSED, "/w/.runnerlib/scratch": Treatment(7), "/w/jobs": CLOSED}
    special |= {"/w/jobs/a": LISTED, "/w/jobs/a/x/ci": Treatment(1)}
    assert ways(special) == {"/w", "/w/jobs/a/x"}


class Recorded:
    """A ruleset that writes down what it is given."""

    def __init__(self) -> None:
        self.given: dict[str, int] = {}

    def grant(self, path: str, rights: int) -> None:
        self.given[path] = rights


def test_everything_beside_the_way_is_granted_and_what_comes_later_too(tmp_path: Path) -> None:
    for name in ("w/ci", "w/src", "other"):
        (tmp_path / name).mkdir(parents=True)
    ruleset, base = Recorded(), str(tmp_path)
    grants = Grants(cast("Ruleset", ruleset), {base: LISTED, f"{base}/w/ci": Treatment(1)})
    assert ruleset.given == {f"{base}/w/ci": 1, f"{base}/w/src": 7, f"{base}/other": 7}
    assert grants.closed == {base, f"{base}/w"}
    ruleset.given.clear()
    grants.refresh()
    assert ruleset.given == {}
    (tmp_path / "w/new").touch()
    grants.refresh()
    assert ruleset.given == {f"{base}/w/new": 7}


def test_a_tree_is_found_at_every_mount_of_its_file_system() -> None:
    known = [
        Mount("8:1", "/", "/"),
        Mount("8:2", "/volumes/a", "/job"),
        Mount("8:2", "/volumes", "/backup"),
        Mount("8:2", "/volumes/a/ci/lib", "/opt/lib"),
        Mount("8:2", "/volumes/b", "/other"),
        Mount("8:3", "/volumes/a", "/strange"),
    ]
    assert list(other_paths("/job/ci", known)) == ["/backup/a/ci", "/opt/lib"]
    assert list(other_paths("/job", known)) == ["/backup/a", "/opt/lib"]
    assert list(other_paths("/etc", known)) == []
