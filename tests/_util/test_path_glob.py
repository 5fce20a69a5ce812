"""Globs of paths against a matcher that tries everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib._util.path_glob import any_matches, matches

SEGMENTS = st.text("ab.", min_size=1, max_size=4)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=5).map("/".join)
PARTS = st.lists(st.sampled_from([*"ab.*?", "**", "[ab]", "[!a]"]), min_size=1, max_size=4).map("".join)
GLOBS = st.lists(st.one_of(st.just("**"), PARTS), min_size=1, max_size=5).map("/".join)


def naive_segment(text: str, glob: str) -> bool:
    if not glob:
        return not text
    if glob[0] == "*":
        return any(naive_segment(text[i:], glob[1:]) for i in range(len(text) + 1))
    if glob[0] == "[":
        inside, _, rest = glob[1:].partition("]")
        wanted = text[:1] != "" and ((text[0] not in inside[1:]) if inside[0] == "!" else text[0] in inside)
        return wanted and naive_segment(text[1:], rest)
    return bool(text) and glob[0] in {"?", text[0]} and naive_segment(text[1:], glob[1:])


def naive(path: list[str], glob: list[str]) -> bool:
    if not glob:
        return not path
    if glob[0] == "**":
        return any(naive(path[i:], glob[1:]) for i in range(len(path) + 1))
    return bool(path) and naive_segment(path[0], glob[0]) and naive(path[1:], glob[1:])


@given(PATHS, GLOBS.filter(lambda glob: "." not in glob.split("/")))
def test_as_a_naive_matcher_says(path: str, glob: str) -> None:
    assert matches(path, glob) == naive(path.split("/"), glob.split("/"))


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_a_glob_and_a_path(path: str, glob: str) -> None:
    assert matches(path, glob) in {True, False}
    assert any_matches([path], glob) == matches(path, glob)


@given(PATHS)
def test_a_path_matches_itself_everything_and_what_it_lies_below(path: str) -> None:
    assert matches(path, path) or set(path.split("/")) & {"."}
    assert matches(path, "**")
    first = path.partition("/")[0]
    if first != ".":
        assert matches(path, f"{first}/**")
        assert matches(path, f"{first}/")
        assert matches(path, f"./{first}/")


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("src/**", "src", True),
        ("src/**", "src/a/b.c", True),
        ("src/**", "srcs/a", False),
        ("*.md", "README.md", True),
        ("*.md", "docs/README.md", False),
        ("**/*.md", "README.md", True),
        ("**/test_*.py", "a/b/test_c.py", True),
        ("a/**/b/**/c", "a/b/x/b/y/c", True),
        ("a**b", "a/b", False),
        (".*", ".gitignore", True),
        ("*", ".gitignore", True),
        ("*.MD", "a.md", False),
        ("[", "[", True),
        ("", "a", False),
    ],
)
def test_examples(glob: str, path: str, expected: bool) -> None:
    assert matches(path, glob) is expected


def test_many_stars_do_not_explode() -> None:
    """Backtracking over all of them would take longer than the universe is old."""
    assert not matches("/".join("a" * 200), "**/a/" * 50 + "b")
    assert not matches("a" * 5000, "*a" * 100 + "b")
