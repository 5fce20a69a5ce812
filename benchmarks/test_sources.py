"""From a URL to a checked-out commit: runnerlib beside git's own recipes, in the same rounds.

`cold` has nothing on this machine, `new` a mirror that lacks the wanted commit, `again` a commit that was checked
out before. Every result is compared: HEAD, a clean status, and the work tree file by file.
"""

from __future__ import annotations

import os
import shutil
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from benchmarks.repository import GIT, Repository, git, serving
from benchmarks.timing import note_ratios, take_turns
from runnerlib.source import Cache, SourceSpec, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture


@pytest.fixture(scope="module")
def repository(memory_dir: Path, pytestconfig: pytest.Config) -> Repository:
    """The repository, in memory."""
    (memory_dir / "sources").mkdir()
    files, commits = (int(pytestconfig.getoption(name)) for name in ("source_files", "source_commits"))
    return Repository(memory_dir / "sources/repository", files, commits)


@pytest.fixture(scope="module", params=["file", "http"])
def url(request: pytest.FixtureRequest, repository: Repository) -> Iterator[str]:
    """Yield the address that the repository is fetched from."""
    with serving(repository.path.parent) as served:
        if request.param == "http" and served is None:
            pytest.skip("lighttpd is missing: apt-get install lighttpd")
        yield f"{served}/repository" if request.param == "http" else f"file://{repository.path}"


@pytest.fixture(autouse=True)
def only_our_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's git configuration counts, for nobody."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"):
        monkeypatch.setenv(name, GIT[name])


class Contest:
    """Ways to a checkout of `main`; each run is timed, looked at and removed."""

    def __init__(self, repository: Repository, url: str, directory: Path) -> None:
        self.repository = repository
        self.url = url
        self.directory = directory
        self.wanted = ""
        self.compared: set[str] = set()

    def timed(self, name: str, run: Callable[[Path], object]) -> Callable[[], float]:
        """A call that makes one checkout and returns how many seconds that took."""

        def once() -> float:
            target = self.directory / name.replace(" ", "-").replace("/", "-")
            began = perf_counter()
            run(target)
            took = perf_counter() - began
            self.check(name, target)
            shutil.rmtree(target)
            return took

        return once

    def check(self, name: str, target: Path) -> None:
        """Look whether the checkout is what was wanted."""
        assert git(target, "rev-parse", "HEAD") == self.wanted
        assert git(target, "status", "--porcelain") == ""
        if name not in self.compared:  # status may trust the index; once, every file is hashed
            (target / ".git/index").unlink()
            git(target, "read-tree", "HEAD")
            assert git(target, "status", "--porcelain") == ""
            self.compared.add(name)

    def ours(self, engine: str, cache: str = "") -> Callable[[Path], object]:
        """Our way, by the git program or without one."""
        kept = Cache(self.directory / f"cache-{cache}-{engine}") if cache else None

        def run(target: Path) -> None:
            spec = SourceSpec("git", self.url, self.wanted if cache == "again" else "main", cache=kept)
            path = os.environ["PATH"]
            if engine == "libgit2":
                os.environ["PATH"] = "/nonexistent"
            try:
                prepare(spec, target)
            finally:
                os.environ["PATH"] = path

        return run

    def clone(self, *words: str) -> Callable[[Path], object]:
        """`git clone` with some options."""
        return lambda target: git(self.directory, "clone", "-q", *words, self.url, str(target))

    def recipe(self, target: Path) -> None:
        """Do what actions/checkout does."""
        git(self.directory, "init", "-q", str(target))
        git(target, "remote", "add", "origin", self.url)
        refspec = f"+{self.wanted}:refs/remotes/origin/main"
        options = ("-c", "protocol.version=2", "fetch", "-q", "--no-tags", "--prune", "--no-recurse-submodules")
        git(target, *options, "--depth=1", "origin", refspec)
        git(target, "checkout", "-q", "--force", "-B", "main", "refs/remotes/origin/main")


@pytest.fixture
def contest(repository: Repository, url: str, memory_dir: Path) -> Iterator[Contest]:
    """A contest in a directory of its own."""
    directory = memory_dir / "contest"
    directory.mkdir()
    found = Contest(repository, url, directory)
    found.wanted = git(repository.path, "rev-parse", "main")
    yield found
    shutil.rmtree(directory)


def rounds(pytestconfig: pytest.Config) -> int:
    """Return how often each runs."""
    return int(pytestconfig.getoption("source_rounds"))


def test_cold(benchmark: BenchmarkFixture, contest: Contest, pytestconfig: pytest.Config) -> None:
    """Nothing is on this machine yet."""
    benchmark.group = f"cold {contest.url.partition(':')[0]}"
    runs = {
        "git clone": contest.clone(),
        "git clone --depth 1": contest.clone("--depth=1"),
        "actions/checkout": contest.recipe,
        "ours": contest.ours("git"),
        "ours libgit2": contest.ours("libgit2"),
        "ours into a cache": lambda target: into_a_new_cache(contest, target),
    }
    timed = {name: contest.timed(name, run) for name, run in runs.items()}
    seconds = benchmark.pedantic(take_turns, (timed, rounds(pytestconfig)), rounds=1)
    record(benchmark, seconds, "ours", "ours libgit2", "ours into a cache")
    best = min(median(took) for name, took in seconds.items() if not name.startswith("ours"))
    for name in ("ours", "ours libgit2", "ours into a cache"):
        benchmark.extra_info[f"{name} / best recipe"] = round(median(seconds[name]) / best, 3)


def into_a_new_cache(contest: Contest, target: Path) -> None:
    """The first checkout that a cache sees; removing it is not what is measured, but little."""
    contest.ours("git", "first")(target)
    (contest.directory / "cache-first-git").rename(contest.directory / f"gone-{os.urandom(4).hex()}")


def test_new(benchmark: BenchmarkFixture, contest: Contest, pytestconfig: pytest.Config) -> None:
    """A commit that the mirror of this machine lacks."""
    benchmark.group = f"new {contest.url.partition(':')[0]}"
    git(contest.directory, "clone", "-q", "--mirror", contest.url, "reference")
    runs = {
        "git clone --depth 1": contest.clone("--depth=1"),
        "git clone --reference": contest.clone("--reference", str(contest.directory / "reference")),
        "ours": contest.ours("git", "new"),
        "ours libgit2": contest.ours("libgit2", "new"),
    }
    timed = {name: contest.timed(name, run) for name, run in runs.items()}

    def one_round() -> dict[str, list[float]]:
        contest.wanted = contest.repository.commit()
        return take_turns(timed, 1)

    one_round()  # which fills the mirrors
    results = benchmark.pedantic(lambda: [one_round() for _ in range(rounds(pytestconfig))], rounds=1)
    seconds = {name: [found[name][0] for found in results] for name in timed}
    record(benchmark, seconds, "ours", "ours libgit2")


def test_again(benchmark: BenchmarkFixture, contest: Contest, pytestconfig: pytest.Config) -> None:
    """A commit that was checked out on this machine before, named by its id."""
    benchmark.group = f"again {contest.url.partition(':')[0]}"
    runs = {
        "git clone --depth 1": contest.clone("--depth=1"),
        "ours": contest.ours("git", "again"),
        "ours libgit2": contest.ours("libgit2", "again"),
    }
    timed = {name: contest.timed(name, run) for name, run in runs.items()}
    take_turns(timed, 1)
    seconds = benchmark.pedantic(take_turns, (timed, rounds(pytestconfig)), rounds=1)
    record(benchmark, seconds, "ours", "ours libgit2")


def record(benchmark: BenchmarkFixture, seconds: dict[str, list[float]], *ours: str) -> None:
    """Put the medians and the ratios into the benchmark's record."""
    for name in ours:
        note_ratios(benchmark, name, seconds)
    benchmark.extra_info["seconds"] = {name: round(median(took), 3) for name, took in seconds.items()}
    benchmark.extra_info["fastest"] = {name: round(min(took), 3) for name, took in seconds.items()}
