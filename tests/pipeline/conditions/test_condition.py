"""Conditions against a naive evaluator, on any text at all, and what is said of mistakes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.events.result import StepResult
from runnerlib.pipeline.conditions import JOBS, LONGEST, VARIABLES, ConditionError, Facts, parse
from runnerlib.pipeline.conditions.terms import FUNCTIONS
from tests.pipeline.conditions import trees

PIECES = ["branch", "env", "steps", ".", "[", "]", "(", ")", "'a'", '"', "'", "\\", "1", "-", "==", "=", "!", "!=", "<"]
PIECES += [
    "&&",
    "|",
    "or",
    "not",
    "in",
    ",",
    "success",
    "changed",
    "number",
    "null",
    "true",
    " ",
    "\n",
    "${{",
    "}}",
    "é",
]


@given(st.data(), trees.trees(), trees.facts())
def test_as_a_naive_evaluator_says(data: st.DataObject, tree: trees.Tree, facts: Facts) -> None:
    text = trees.Printer(data.draw)(tree)
    wrapped = data.draw(st.sampled_from(["{}", " {} ", "${{{{ {} }}}}", " ${{{{{}}}}}\n"])).format(text)
    assert parse(wrapped).evaluate(facts) is trees.value(tree, facts)


@given(st.data(), trees.trees())
def test_what_a_condition_reads_is_known(data: st.DataObject, tree: trees.Tree) -> None:
    text = trees.Printer(data.draw)(tree)
    condition = parse(text)
    read = {part[1] for part in parts(tree) if part[0] in {"reason", "exit_code", "outcome", "output"}}
    called = {part[1] for part in parts(tree) if part[0] == "flag"}
    assert condition.steps == read
    assert called <= condition.functions <= set(FUNCTIONS)
    assert condition.decides == bool(read or called)
    assert condition.text == text


def parts(tree: object) -> Iterator[trees.Tree]:
    if isinstance(tree, tuple):
        yield tree
    if isinstance(tree, (tuple, list)):
        for part in tree:
            yield from parts(part)


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
def test_any_text_is_a_condition_or_a_condition_error(text: str) -> None:
    try:
        condition = parse(text)
    except ConditionError as error:
        assert 1 <= error.column <= len(text) + 1
        assert str(error) == f"column {error.column}: {error.text}"
    else:
        assert condition.evaluate(Facts()) in {True, False}


@pytest.mark.parametrize(
    "piece", ["(", "!", "not ", "'", '"', "\\", " ", "steps.", "a", "1", "1.", "branch", "[", "${{", "}}"]
)
def test_a_megabyte_is_refused_at_once_and_the_longest_is_read(piece: str) -> None:
    for size in (1_000_000, LONGEST):
        with pytest.raises(ConditionError):
            parse((piece * size)[:size])


def test_a_long_condition_is_not_a_deep_one() -> None:
    text = " || ".join(["branch == 'a'"] * 500)
    assert not parse(text).evaluate(Facts(branch="b"))
    assert parse(text + " || true").evaluate(Facts(branch="b"))


@pytest.mark.parametrize(("before", "after"), [("(", ")"), ("!", ""), ("not ", ""), ("!(", ")"), ("true && (", ")")])
def test_nesting_has_a_limit_that_the_interpreter_does_not_reach(before: str, after: str) -> None:
    deep = 49 if before == "!(" else 99
    parse(before * deep + "true" + after * deep).evaluate(Facts())
    with pytest.raises(ConditionError, match="more than 100 levels of nesting"):
        parse(before * 101 + "true" + after * 101)


def test_what_decides_is_evaluated_no_further() -> None:
    def never(_glob: str) -> bool:
        raise AssertionError

    assert not parse("branch == 'main' && changed('**')").evaluate(Facts(changed=never))
    assert parse("branch == '' or changed('**')").evaluate(Facts(changed=never))


def test_where_nobody_knows_what_changed_everything_has() -> None:
    assert parse("changed('src/**')").evaluate(Facts())


BUILD = StepResult("build", "failure", 3, "exit code 3", "exit", outputs={"image": "app:1"})
LINT = StepResult("lint all", "skipped", 0, "its condition", "condition")
FACTS = Facts("main", {"DEPLOY": "true", "WORKERS": "12"}, {"build": BUILD, "lint all": LINT}, failed=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("branch == 'main'", True),
        ("branch == 'Main'", False),
        ("matches(branch, 'release/*') or branch in ['main', 'dev']", True),
        ("env.DEPLOY == 'true'", True),
        ("env.NOTHING == ''", True),
        ("number(env.WORKERS) > 4", True),
        ("env.WORKERS > '4'", False),
        ("number(env.DEPLOY) > 0 or number(env.DEPLOY) <= 0", False),
        ("number(env.DEPLOY) == null", True),
        ("steps.build.outcome == 'failure' and steps.build.exit_code == 3", True),
        ("steps.build.cause != 'timeout'", True),
        ("startswith(steps.build.outputs.image, 'app:')", True),
        ("steps['lint all'].exit_code == 0", False),
        ("steps['lint all'].exit_code == null", True),
        ("failure() && !cancelled()", True),
        ("success()", False),
        ("not branch == 'dev'", True),
        ("true or false and false", True),
        ("not true or true", True),
        ("'ai' in branch", True),
        ("'main' in []", False),
        ("\"it's\" == 'it\\'s'", True),
    ],
)
def test_examples(text: str, expected: bool) -> None:
    assert parse(text).evaluate(FACTS) is expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("branch == 'a' && sucess()", "column 18: unknown function 'sucess'; did you mean 'success'?"),
        ("${{ brunch == 'a' }}", "column 5: unknown name 'brunch'; did you mean 'branch'?"),
        ("brunch == ''", "; did you mean 'branch'?"),
        ("success", "column 1: 'success' is a function: write success()"),
        ("branch = 'a'", "column 8: unknown sign '='; did you mean '=='?"),
        ("branch == main", "column 11: unknown name 'main'"),
        ("branch == 'main", "column 11: the quote that ends this text is missing"),
        (r"branch == '\d'", r"column 12: of escapes there are \\, \', \", \n and \t"),
        ("env", "column 4: '.' and the name of a variable is expected, got the end"),
        ("steps.a == 'x'", "column 9: '.' and one of outcome, exit_code, cause, reason, outputs is expected"),
        ("steps.a.status == 'x'", "column 9: unknown property of a step 'status' ("),
        (
            "steps.a.outcome == 'failed'",
            "column 20: unknown value 'failed'; did you mean 'failure'?",
        ),
        ("steps.a.outcome in ['skiped']", "column 21: unknown value 'skiped'"),
        ("env.DEPLOY", "column 1: a text is neither true nor false; compare it, as in … == 'true'"),
        ("!branch == 'a'", "column 2: a text is neither true nor false"),
        ("true && steps.a.exit_code", "column 9: a number is neither true nor false"),
        ("null", "column 1: null is neither true nor false"),
        ("env.N == 3", "column 10: a text and a number are never equal; number(…) makes a number of a text"),
        ("env.N > 3", "column 1: '>' compares two numbers or two texts; number(…)"),
        ("env.N == null", "are never equal; what is missing is the empty text, ''"),
        ("env.N == true", "are never equal; put 'true' or 'false' in quotes"),
        ("true < false", "column 1: '<' compares two numbers or two texts"),
        ("1 < 2 < 3", "column 7: comparisons do not chain; put one of them in parentheses"),
        ("changed()", "column 1: changed takes at least 1 text, got 0"),
        ("contains('a')", "column 1: contains takes 2 texts, got 1"),
        ("always(branch)", "column 1: always takes no texts, got 1"),
        ("matches(1, 'a')", "column 9: matches takes texts, this is a number"),
        ("(true", "column 6: ')' is expected, got the end"),
        ("true)", "column 5: the end, 'and' or 'or' is expected, got ')'"),
        ("1.5.2 == 1", "column 1: a number is written as 3, -3 or 3.5"),
        ("1234567890123456 == 1", "column 1: a number has at most 15 characters"),
        ("a" * 101, "column 1: a name has at most 100 characters"),
        (" ", "column 2: a condition is expected"),
    ],
)
def test_mistakes_are_located_and_explained(text: str, complaint: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_is_a_text_and_may_be_missing(name: str) -> None:
    assert parse(f"{name} == ''").evaluate(Facts())
    assert parse(f"{name} == 'x'").evaluate(Facts(branch="x", variables={name: "x"}))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("branch == 'main'", "branch is 'dev'"),
        ("'main' == branch", "branch is 'dev'"),
        ("tag != ''", "tag is not known"),
        ("branch in ['a', 'b'] and event == 'push'", "branch is 'dev', event is not known"),
        ("startswith(branch, 'release/')", "branch is 'dev'"),
        ("not (branch == 'dev')", "branch is 'dev'"),
        ("env.A == 'x'", "env.A is 'a b'"),
        ("env['A'] == 'x' or env.B == 'x'", "env.A is 'a b', env.B is empty"),
        ("number(env.C) > 3", "env.C is '2'"),
        ("env.LONG == 'x'", "env.LONG is a text of 101 characters"),
        ("env.LINES == 'x'", "env.LINES is a text of 3 characters"),
        ("steps.a.exit_code == 3", "steps.a.exit_code is 7"),
        ("steps.b.exit_code == 3", "steps.b.exit_code is null"),
        ("steps.a.outcome == 'success' and always()", "steps.a.outcome is 'failure'"),
        ("steps['a'].outputs['k'] == 'x'", "steps.a.outputs.k is 'v'"),
        ("job == '' and sha == '' and event == '' and actor == '1' and fork == '' and repo == ''", "repo"),
    ],
)
def test_a_reason_shows_the_values_that_were_compared(text: str, values: str) -> None:
    facts = Facts(
        branch="dev",
        env={"A": "a b", "C": "2", "LONG": "x" * 101, "LINES": "a\nb"},
        steps={"a": StepResult("a", "failure", 7, outputs={"k": "v"})},
    )
    condition = parse(text)
    assert not condition.evaluate(facts)
    shown = condition.why_false(facts)
    if values == "repo":
        assert shown.endswith(
            "(job is not known, sha is not known, event is not known, actor is not known, fork is not known, …)"
        )
    else:
        assert shown == f"its condition is false: {text} ({values})"


def test_a_reason_without_a_value() -> None:
    assert parse("false").why_false(Facts()) == "its condition is false: false"
    jobs = parse("needs.a.outcome == 'failure' and vars.x == '1'", JOBS)
    assert jobs.why_false(Facts()).endswith("(needs.a.outcome is empty, vars.x is empty)")
