"""Matrices with `include` and `exclude`: as the manual of GitHub Actions has them, and nothing meant so left unseen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runnerlib import ConfigError, Workflow
from runnerlib.pipeline.workflow import expand, load, parse
from runnerlib.pipeline.workflow.matrix import combination_count, combinations, problems
from tests.pipeline.workflow.reference import combinations as reference

VALUES = st.sampled_from(["a", "b", 1, True, None, 3.5, {"x": 1}])
KEYS = st.sampled_from(["os", "py", "x", "y"])
RULES = st.lists(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3), max_size=4).map(tuple)


@st.composite
def matrices(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(["os", "py", "x"]), unique=True, max_size=3))
    matrix: dict[str, Any] = {name: tuple(draw(st.lists(VALUES, min_size=1, max_size=3))) for name in names}
    if draw(st.booleans()):
        matrix["include"] = draw(RULES)
    if draw(st.booleans()):
        matrix["exclude"] = draw(RULES)
    return matrix


@given(matrices())
def test_combinations_are_those_of_the_manual(matrix: dict[str, Any]) -> None:
    assert repr(combinations(matrix)) == repr(reference(matrix))
    assert combination_count(matrix) == len(reference(matrix))


@given(matrices())
def test_what_is_valid_excludes_what_it_says_and_leaves_something(matrix: dict[str, Any]) -> None:
    assume(not list(problems(matrix)))
    assert reference(matrix)
    whole = {key: values for key, values in matrix.items() if key != "exclude"}
    for rule in matrix.get("exclude", ()):
        assert len(reference({**whole, "include": (), "exclude": (rule,)})) < len(reference({**whole, "include": ()}))


def test_the_example_of_the_manual() -> None:
    matrix = {
        "fruit": ("apple", "pear"),
        "animal": ("cat", "dog"),
        "include": (
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ),
    }
    assert combinations(matrix) == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


ALONE = [{"site": "production"}, {"site": "staging", "x": 1}]
OS = ["linux", "mac"]
CASES = [
    ({"target": ["staging", "production"], "exclude": [{"target": "production"}]}, [{"TARGET": "staging"}]),
    ({"include": ALONE}, [{"SITE": "production"}, {"SITE": "staging", "X": "1"}]),
    ({"os": OS, "exclude": [{"os": "mac"}], "include": [{"os": "mac"}]}, [{"OS": "linux"}, {"OS": "mac"}]),
    ({"py": [3.11], "include": [{"py": "3.11", "x": 1}]}, [{"PY": "3.11", "X": "1"}]),  # one value of a variable
    ({"os": OS, "include": {"os": "linux", "x": 1}}, [{"OS": "linux", "X": "1"}, {"OS": "mac"}]),
    ({"os": "linux"}, [{"OS": "linux"}]),
    ({"os": OS, "include": [], "exclude": []}, [{"OS": "linux"}, {"OS": "mac"}]),
]


@pytest.mark.parametrize(("matrix", "envs"), CASES)
def test_from_python_as_from_a_file(matrix: dict[str, Any], envs: list[dict[str, str]]) -> None:
    import json

    workflow = Workflow("w")
    workflow.add_job("a", "true", matrix=matrix)
    workflow.check()
    text = json.dumps({"jobs": [{"name": "a", "command": "true", "matrix": matrix}]})
    for job in (workflow.jobs[0], parse(text, "w.json").jobs[0]):
        found = expand(job)
        assert [one.env for one in found] == [{f"MATRIX_{key}": value for key, value in env.items()} for env in envs]
        assert [one.name for one in found] == [f"a[{number}]" for number in range(len(envs))]


WRONG = [
    ("{os: [a], exclude: [{os: b}]}", "exclude: entry 1 matches no combination"),
    ("{os: [a, b], py: [1], exclude: [{os: a}, {os: b, py: 2}]}", "exclude: entry 2 matches no combination"),
    ("{os: [a], exclude: [{oss: a}]}", "exclude: entry 1: unknown key 'oss'; did you mean 'os'?"),
    ("{os: [a], exclude: [{os: a}]}", "exclude leaves nothing to run"),
    ("{os: [a], exclude: [os]}", "exclude: a list of mappings of keys to values is expected"),
    ("{os: [a], include: [{}]}", "include: a list of mappings of keys to values is expected"),
    ("{os: [a], include: a}", "include: a list of mappings of keys to values is expected"),
    ("{include: []}", "at least one combination is expected"),
    ("{os: [a], include: [{x-y: 1, x_y: 2}]}", "two keys are the same as parts of the name of a variable"),
    ("{os: [a], excludes: [{os: a}]}", "'excludes' would be one more dimension; did you mean 'exclude'?"),
]


@pytest.mark.parametrize(("matrix", "said"), WRONG)
def test_mistakes(matrix: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(f"jobs: {{a: {{command: x, matrix: {matrix}}}}}", "w.yaml")
    assert f"matrix: {said}" in str(error.value)


LIKE_INCLUDE = ["includes", "Include", "INCLUDE", "inculde", "included", "incl"]
LIKE_EXCLUDE = ["exclud", "excl", "Exclude", "exlcude", " exclude"]


@pytest.mark.parametrize("key", [*LIKE_INCLUDE, *LIKE_EXCLUDE])
def test_no_dimension_looks_like_one_of_the_words(key: str) -> None:
    meant = "include" if key in LIKE_INCLUDE else "exclude"
    [said] = problems({"os": ("a",), key: ({"os": "a"},)})
    assert said == f"'{key}' would be one more dimension; did you mean '{meant}'?"


@pytest.mark.parametrize("key", ["module", "exchange", "inc", "in", "ex", "closure", "exact", "includes_database"])
def test_other_dimensions_are_dimensions(key: str) -> None:
    assert not list(problems({key: ("a",)}))


def test_no_more_is_looked_at_than_can_run() -> None:
    huge = {name: tuple(range(100)) for name in "abcdefgh"} | {"exclude": ({"a": 1},)}
    assert "at most 10,000 combinations are looked at, not 10,000,000,000,000,000" in list(problems(huge))
    many = {"a": tuple(range(10_000)), "exclude": tuple({"a": number} for number in range(1000))}
    assert next(iter(problems(many))) == "exclude: at most 256 entries are expected, not 1,000"
    assert not list(problems({"a": tuple(range(300)), "exclude": tuple({"a": number} for number in range(256))}))


def test_an_inline_matrix_replaces_that_of_the_job_file(tmp_path: Any) -> None:
    (tmp_path / "job.yaml").write_text("name: a\ncommand: x\nmatrix: {os: [a, b], exclude: [{os: a}]}\n")
    (tmp_path / "w.yaml").write_text(
        "jobs: [{job_file: job.yaml, matrix: {os: [a, b]}}, {job_file: job.yaml, name: c}]\n"
    )
    first, second = load(tmp_path / "w.yaml").jobs
    assert [len(expand(first)), len(expand(second))] == [2, 1]
