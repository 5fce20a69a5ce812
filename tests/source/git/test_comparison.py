"""Comparisons in a checkout: on random histories, git says in it what it says in a full clone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runnerlib.source import Cache, SourceSpec, prepare
from tests.source.histories import History, histories, import_history
from tests.source.repository import ENV, git
from tests.source.smart_http import Server, serving


@contextmanager
def described(**told: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(f"REACTORCIDE_{name}", value)
        yield


def clone(url: str, ref: str, target: Path, *options: tuple[str, str], cache: Path | None = None) -> list[str]:
    lines: list[str] = []
    prepare(SourceSpec("git", url, ref, options, Cache(cache) if cache else None), target, lines.append)
    assert git(target, "fsck", "--connectivity-only", "--no-dangling") == ""
    assert "runnerlib" not in git(target, "for-each-ref")
    return lines


def says(where: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=where, env=ENV, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else f"{done.returncode}"


def compared(where: Path, base: str) -> list[str]:
    """Return the answers of git to what checks ask for."""
    return [
        says(where, "merge-base", "--all", "HEAD", base),
        says(where, "log", "--format=%H", f"{base}..HEAD"),
        says(where, "log", "--format=%H", f"HEAD..{base}"),
        says(where, "diff", "--name-only", f"{base}...HEAD"),
    ]


WAYS = pytest.mark.parametrize("way", ["http", "file", "cached"])
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@WAYS
@settings(UNTIMED, max_examples=3, derandomize=True)
@given(history=histories(), data=st.data())
def test_as_a_full_clone_says(
    way: str, engine: str, history: History, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check(way, history, data, tmp_path_factory)


@pytest.mark.slow
@WAYS
@settings(UNTIMED, max_examples=60)
@given(history=histories(), data=st.data())
def test_on_many_more_histories_as_a_full_clone_says(
    way: str, engine: str, history: History, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check(way, history, data, tmp_path_factory)


def check(way: str, history: History, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    top = tmp_path_factory.mktemp("root")
    nodes = st.sampled_from(range(len(history)))
    base, head = data.draw(nodes), data.draw(nodes)
    tags = {f"v{number}": node for number, node in enumerate(data.draw(st.lists(nodes, max_size=3, unique=True)))}
    import_history(top / "origin", history, {"refs/heads/main": base, "refs/pull/7/head": head}, tags)
    commit = git(top / "origin", "rev-parse", "refs/pull/7/head")
    git(top, "clone", "-q", "origin", "full")
    git(top / "full", "fetch", "-q", "origin", "refs/pull/7/head")
    git(top / "full", "checkout", "-q", commit)
    with serving(top) as server:
        url = f"file://{top}/origin" if way == "file" else server.url("git/origin")
        ref = data.draw(st.sampled_from(["refs/pull/7/head", commit]))
        wish = data.draw(st.sampled_from([(), (("depth", "3"),), (("tags", "yes"),), (("depth", "0"),)]))
        with described(PR_NUMBER="7", PR_BASE_REF="main"):
            cache = top / "cache" if way == "cached" else None
            for _ in range(2 if cache else 1):
                lines = clone(url, ref, top / "src", *wish, cache=cache)
    assert any(line.startswith("fetched 'main' and ") for line in lines), lines
    assert compared(top / "src", "origin/main") == compared(top / "full", "origin/main")
    if wish in {(("tags", "yes"),), (("depth", "0"),)}:
        for words in (["describe"], ["describe", "--tags", "--long"], ["tag", "--merged"]):
            assert says(top / "src", *words) == says(top / "full", *words)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """main with 700 commits, the last ten since a topic left it; the topic has three, a release is tagged far below."""
    history = [(600, []), (90, [0]), (10, [1]), (3, [1])]
    refs = {"refs/heads/main": 2, "refs/pull/7/head": 3, "refs/heads/topic": 3}
    (tmp_path / "root").mkdir()
    import_history(tmp_path / "root/origin", history, refs, {"v1": 0, "other": 2})
    return tmp_path / "root/origin"


@pytest.fixture
def server(origin: Path) -> Iterator[Server]:
    with serving(origin.parent) as running:
        yield running


def count(where: Path, what: str = "HEAD") -> int:
    return int(git(where, "rev-list", "--count", what))


def test_a_pull_request_has_no_more_than_it_needs(server: Server, tmp_path: Path, engine: str) -> None:
    with described(PR_BASE_REF="main", EVENT_TYPE="pull_request_opened"):
        lines = clone(server.url("git/origin"), "topic", tmp_path / "src")
    assert "fetched 'main' and the history that it takes: a pull request is compared with it" in lines
    assert count(tmp_path / "src", "origin/main..HEAD") == 3
    assert count(tmp_path / "src") < 120
    assert git(tmp_path / "src", "tag") == ""


def test_a_tag_event_has_the_tags(server: Server, tmp_path: Path, engine: str, origin: Path) -> None:
    with described(EVENT_TYPE="tag_created"):
        lines = clone(server.url("git/origin"), "refs/tags/other", tmp_path / "src")
        clone(server.url("git/origin"), "refs/tags/other", tmp_path / "without", ("tags", "no"))
    assert "fetched all tags and the whole history: a tag was made" in lines
    assert (
        git(tmp_path / "src", "describe", "HEAD^")
        == git(origin, "describe", "other^")
        == "v1-99-g" + git(origin, "rev-parse", "other^")[:7]
    )
    assert git(tmp_path / "without", "tag") == "other"


def test_the_commit_that_stood_there_before(server: Server, tmp_path: Path, engine: str, origin: Path) -> None:
    before = git(origin, "rev-parse", "main~80")
    with described(EVENT_TYPE="push", DIFF_BASE=before):
        lines = clone(server.url("git/origin"), "main", tmp_path / "src")
    assert [line for line in lines if line.startswith(f"fetched {before[:12]} and ")], lines
    assert count(tmp_path / "src", f"{before}..HEAD") == 80


def test_a_push_without_one_has_the_parent(server: Server, tmp_path: Path, engine: str) -> None:
    with described(EVENT_TYPE="push", DIFF_BASE="0" * 40):
        clone(server.url("git/origin"), "main", tmp_path / "src")
    assert count(tmp_path / "src") == 2


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"PR_BASE_REF": "gone"}, "going on without the base 'gone': cannot clone '"),
        ({"PR_BASE_REF": "a..b"}, "going on without the base 'a..b': source ref 'a..b' holds '..'"),
        ({"DIFF_BASE": "1" * 40}, "going on without the commit 111111111111 that stood there before: "),
    ],
)
def test_what_cannot_be_had_is_told(
    told: dict[str, str], said: str, server: Server, tmp_path: Path, engine: str
) -> None:
    with described(**told):
        lines = clone(server.url("git/origin"), "topic", tmp_path / "src", ("retries", "0"))
    assert any(line.startswith(said) for line in lines), lines
    assert count(tmp_path / "src") < 700  # not everything is fetched in search of what is gone


def test_a_trusted_source_is_compared_with_nothing(server: Server, tmp_path: Path) -> None:
    with described(PR_BASE_REF="main", EVENT_TYPE="tag_created", DIFF_BASE="1" * 40):
        prepare(SourceSpec("git", server.url("git/origin"), "main", for_change=False), tmp_path / "src")
    assert count(tmp_path / "src") == 1
    assert git(tmp_path / "src", "for-each-ref", "--format=%(refname)") == "refs/remotes/origin/main"
