"""The refusals of .ci/release; the gate builds a whole release with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runnerlib import __version__

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree that can be released, as far as it is looked at before something is built."""
    for name in (".ci/release", "runnerlib/__init__.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## {__version__} (2027-01-31)\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        named = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *named, *words], cwd=tmp_path, check=True)
    return tmp_path


def refused(tree: Path, *words: str, **env: str) -> str:
    command = ["bash", tree / ".ci/release", *words]
    done = subprocess.run(command, env={"PATH": "/usr/bin:/bin", **env}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("release: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("release: ").strip()


def test_a_version_is_needed(tree: Path) -> None:
    assert refused(tree) == "a version is expected: .ci/release VERSION [DIRECTORY]"


def test_the_version_is_that_of_the_tree(tree: Path) -> None:
    assert refused(tree, "99.0") == f"the tree has version {__version__}, not 99.0"


def test_the_changelog_has_it_with_a_date(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text(f"# Changelog\n\n## {__version__}\n")
    assert refused(tree, __version__) == f"the changelog has no heading '## {__version__} (YYYY-MM-DD)'"


def test_the_tree_has_no_changes(tree: Path) -> None:
    (tree / "new").touch()
    assert refused(tree, __version__) == "the tree has changes: ?? new"


def test_only_known_sets_of_wheels_are_built(tree: Path) -> None:
    assert refused(tree, __version__, WHEELS="some") == "WHEELS: 'all' or 'here' is expected, got 'some'"


def test_nothing_is_mixed_with_what_is_there(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("dist")
    (place / "old.whl").touch()
    assert refused(tree, __version__, str(place)) == f"'{place}' is not empty"
