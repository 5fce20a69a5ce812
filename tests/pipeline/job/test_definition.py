"""Everything that is wrong with a job is found before anything runs."""

from __future__ import annotations

import pytest

from runnerlib.errors import ConfigError
from runnerlib.pipeline.job import Job, Problem, Retry, Step


def problems(*steps: Step, **keys: object) -> list[tuple[object, ...]]:
    return [(*problem.place, problem.text) for problem in Job("job", steps, **keys).problems()]  # type: ignore[arg-type]


def test_a_job_as_the_readme_has_it() -> None:
    job = Job("test-and-build")
    step = job.add_step("checkout", "git clone x")
    job.add_step("test", "pytest", depends_on=["checkout"])
    assert job.steps[0] is step
    assert list(job.problems()) == []
    job.check()


@pytest.mark.parametrize(
    ("step", "place", "text"),
    [
        (Step("", "x"), "name", "a name has 1 to 100 characters"),
        (Step("a/b", "x"), "name", "a name has 1 to 100 characters"),
        (Step("a\n", "x"), "name", "a name has 1 to 100 characters"),
        (Step("a" * 101, "x"), "name", "a name has 1 to 100 characters"),
        (Step("a", " \n"), "run", "there is nothing to run"),
        (Step("a", ()), "run", "there is nothing to run"),
        (Step("a", ["x", "\0"]), "run", "it holds a NUL byte"),
        (Step("a", ["x"], shell="bash"), "shell", "words run without a shell"),
        (Step("a", "x", shell=""), "shell", "the name of a shell"),
        (Step("a", "x", shell="bash 'c"), "shell", "the name of a shell"),
        (Step("a", "x", working_dir="\0"), "working_dir", "it holds a NUL byte"),
        (Step("a", ["x", "y" * 131072]), "run", "a word of it has 131072 bytes; the system takes 131071 at most"),
        (Step("a", "x" * 131072, shell="awk"), "run", "its 131072 bytes need a file, which 'awk' is not known to run"),
        (Step("a", "x", env={"A-B": "x"}), "env", "A-B"),
        (Step("a", "x", when="sometimes"), "when", "unknown value 'sometimes'"),  # type: ignore[arg-type]
        (Step("a", "x", timeout=0), "timeout", "more than 0 seconds"),
        (Step("a", "x", no_output_timeout=-1), "no_output_timeout", "more than 0 seconds"),
        (Step("a", "x", weight=0), "weight", "a whole number, 1 or more"),
        (Step("a", "x", image="--privileged"), "image", "the name of an image is expected"),
        (Step("a", "x", tty=True, stdin="y"), "stdin", "a step with a tty reads its terminal"),
        (Step("a", "x", retry=Retry(max=101)), "retry", "max is from 0 to 100"),
        (Step("a", "x", retry=Retry(backoff=-1)), "retry", "backoff and limit are seconds"),
        (Step("a", "x", retry=Retry(jitter=2)), "retry", "jitter is a share from 0 to 1"),
        (Step("a", "x", retry=Retry(exit_codes=(0,))), "retry", "exit codes that can be retried"),
        (Step("a", "x", retry=Retry(pattern="(")), "retry", "pattern is no regular expression"),
        (Step("a", "x", outputs=["a b"]), "outputs", "'a b' is no name of an output"),
        (Step("a", "x", secrets="A-B"), "secrets", "'A-B' is no name of a variable"),
        (Step("a", "x", secrets=["A"], untrusted=True), "untrusted", "an untrusted step gets no secrets; give one of"),
        (Step("a", "x", env={"A": "-${secret:b:c}"}, untrusted=True), "untrusted", "but 'A' in its env refers to one"),
        (Step("a", "x", depends_on=["b"]), "depends_on", "unknown step 'b' (a)"),
        (Step("a", "x", depends_on=["a"]), "depends_on", "the steps wait for each other: a -> a"),
        (Step("a", "x", condition="sucess()"), "condition", "unknown function 'sucess'"),
        (Step("a", "x", condition="steps.a.outcome == 'success'"), "condition", "a step cannot look at itself"),
        (Step("a", "x", condition="steps.b.outcome == 'success'"), "condition", "unknown step 'b' (a)"),
    ],
)
def test_a_wrong_step(step: Step, place: str, text: str) -> None:
    (found,) = problems(step)
    assert found[:3] == ("steps", 0, place)
    assert text in " ".join(map(str, found[3:]))
    with pytest.raises(ConfigError, match=r"^job 'job': step '"):
        Job("job", [step]).check()


def test_a_wrong_job() -> None:
    assert problems() == [("steps", "a job needs at least one step")]
    keys = {"env": {"1": "x", "A": "\0"}, "timeout": 0, "max_parallel": 0, "secrets": ["A", "B C"]}
    found = [found[0] for found in problems(Step("a", "x"), **keys)]
    assert found == ["env", "env", "timeout", "max_parallel", "secrets"]
    assert Job("", [Step("a", "x")]).problems


def test_names_that_meet_in_variables() -> None:
    found = problems(Step("a-b", "x"), Step("a b", "x"), Step("a-b", "x"))
    assert found == [
        ("steps", 1, "name", "the name 'a b' is too much like 'a-b': both are A_B in variables"),
        ("steps", 2, "name", "the name 'a-b' is there twice"),
    ]


def test_all_that_is_wrong_with_the_graph_and_its_conditions_is_told_at_once() -> None:
    """A mistake hides no other; what depends on who waits for whom is judged when that is known."""
    steps = [
        Step("a", "x", depends_on=["nobody", "b"]),
        Step("b", "x", depends_on=["a"], condition="steps.c.outcome =="),
        Step("c", "x", depends_on=[], condition="steps.b.outcome == 'success' && steps.zz.exit_code == 0"),
        Step("c", "x"),
    ]
    assert [(number, place, text) for _, number, place, text in problems(*steps)] == [
        (3, "name", "the name 'c' is there twice"),
        (0, "depends_on", "unknown step 'nobody' (a, b, c)"),
        (0, "depends_on", "the steps wait for each other: a -> b -> a"),
        (1, "condition", "a value is expected, got the end"),
        (2, "condition", "unknown step 'zz' (a, b, c)"),
    ]


def test_a_cycle_is_shown() -> None:
    steps = [Step("a", "x", depends_on=["c"]), Step("b", "x", depends_on=["a"]), Step("c", "x", depends_on=["b"])]
    assert problems(*steps) == [("steps", 0, "depends_on", "the steps wait for each other: a -> c -> b -> a")]


def test_a_condition_looks_only_at_what_its_step_waits_for() -> None:
    steps = [
        Step("a", "x"),
        Step("b", "x", depends_on=["a"]),
        Step("c", "x", depends_on=["b"], condition="steps.a.outcome == 'success'"),
        Step("d", "x", depends_on=[], condition="steps.a.outcome == 'success'"),
    ]
    text = "it looks at step 'a', which this step does not wait for; name it in depends_on"
    assert problems(*steps) == [("steps", 3, "condition", text)]


def test_the_column_of_a_wrong_condition() -> None:
    (problem,) = Job("job", [Step("a", "x", condition="env.A == ")]).problems()
    assert isinstance(problem, Problem)
    assert problem.column == 10


def test_thousands_of_wrong_names_are_told_in_time() -> None:
    steps = [Step(f"s{number}", "x", depends_on=[f"t{number}"]) for number in range(2000)]
    assert len(problems(*steps)) == 2000
