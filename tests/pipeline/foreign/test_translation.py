"""Files of other systems as workflows: what is printed is valid, means the same, and tells what it lacks."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from runnerlib.errors import ConfigError
from runnerlib.pipeline import workflow
from runnerlib.pipeline.conditions import JOBS, STEPS, Facts, parse
from runnerlib.pipeline.foreign.github.expression import condition
from runnerlib.pipeline.foreign.github.names import Names
from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.foreign.source import Source
from runnerlib.pipeline.foreign.translation import translate
from runnerlib.pipeline.job.concurrency import Concurrency
from tests.looped import assert_each
from tests.pipeline.foreign.examples import EXAMPLES, GITHUB, GITLAB, WOODPECKER


def jobs_of(text: str, name: str) -> dict[str, Any]:
    return {job.name: job for job in workflow.parse(translate(text, name).text, name).jobs}


def left_out(text: str, name: str) -> str:
    return "\n".join(f"{one.place.line}: {one.text}" for one in translate(text, name).left_out)


def test_a_github_workflow() -> None:
    found = translate(GITHUB, ".github/workflows/ci.yml")
    made = workflow.parse(found.text, "x")
    unit, report = made.jobs
    assert made.on.events == ("push", "pull_request_opened", "pull_request_updated")
    assert (made.on.branches, made.on.exclude) == (("main",), ("docs/**",))
    assert (unit.description, unit.matrix) == ("Unit tests", {"os": ("ubuntu-latest",), "color": ("red", "dark green")})
    assert (unit.body.timeout, unit.max_runs, unit.fail_fast) == (1200, 2, False)
    assert (unit.upload, unit.if_no_files, unit.outputs) == (("out/*.txt",), "warn", {"made": "Make it.name"})
    assert unit.retention == 3 * 86400
    make, red, python = unit.body.steps
    assert 'export SHADE="very ${MATRIX_COLOR}"' in make.run
    assert '''echo 'single: '"${MATRIX_COLOR}"'' "double: ${SHADE}"''' in make.run
    assert "# '${MATRIX_COLOR}' isn't quoted here" in make.run
    assert ">> $RUNNERLIB_OUTPUT" in make.run
    assert (red.condition, red.required) == ("env.MATRIX_COLOR == 'red'", False)
    assert (python.condition, python.shell) == ("always()", "bash")
    assert report.depends_on == ("unit",)
    assert report.condition == "!cancelled() and (branch == 'main' and pr_number == '')"
    assert report.body.steps[0].working_dir == "sub"
    assert "TOKEN: a secret" in found.text
    assert [one.text for one in found.left_out] == ["matrix: 'windows-latest': jobs run on Linux only"]


def test_a_gitlab_file() -> None:
    found = jobs_of(GITLAB, ".gitlab-ci.yml")
    build, test, release = found["build"], found["test"], found["release"]
    assert (build.image, build.body.timeout, build.retry.max, build.upload) == ("alpine:3", 5400, 2, ("out/",))
    assert build.retention == 14 * 86400
    assert (build.body.env["PREFIX"], build.body.env["EXTRA"]) == ("/opt/app", "1")
    assert build.body.steps[0].run.split("\n")[:3] == [
        'export WHERE="${REACTORCIDE_CODE_DIR}/x"',
        "echo before",
        'echo "$PREFIX in $WHERE"',
    ]
    assert (test.for_each, test.item_var, test.allow_failure) == (("red", "green"), "COLOR", True)
    assert test.depends_on == ("build",)
    assert (test.download[0].job, test.download[0].to) == ("build", ".")
    assert [step.name for step in test.body.steps] == ["script", "after_script"]
    assert test.condition == (
        "(pr_number != '' and changed('src/**')) or ((branch == 'main' and pr_number == '') and env.EXTRA != '')"
    )
    # A job that GitLab leaves out of a pipeline holds up nothing; one that is skipped here would.
    assert release.image == "debian:12"
    assert release.condition.startswith("!failure() and !cancelled() and (tag != ''")
    assert left_out(GITLAB, ".gitlab-ci.yml") == "13: artifacts: exclude: not translated"


def test_a_woodpecker_workflow() -> None:
    found = jobs_of(WOODPECKER, ".woodpecker.yml")
    assert list(found) == ["woodpecker 1.22", "woodpecker 1.23"]
    test, publish = found["woodpecker 1.23"].body.steps
    assert (test.image, publish.image) == ("golang:1.23", "alpine")
    assert 'export TOKEN="${API_TOKEN}"' in test.run
    assert "echo ${HOME} ${GO} ${REACTORCIDE_SHA}" in test.run
    assert (publish.condition, publish.required) == ("tag != '' and always()", False)
    assert found["woodpecker 1.22"].condition == (
        "(event == 'push' and (branch == 'main' or matches(branch, 'release/*'))) or pr_number != ''"
    )


def test_a_job_of_which_nobody_can_say_when_it_runs_never_does() -> None:
    github = "on: push\njobs: {a: {runs-on: x, if: \"hashFiles('a')\", steps: [{run: rm -rf /}]}}"
    gitlab = "a: {script: deploy, rules: [{if: $CI_OPEN_MERGE_REQUESTS}]}\nb: {script: by hand, when: manual}"
    woodpecker = "steps: [{name: a, image: x, commands: [deploy], when: {evaluate: 'x'}}]"
    for text in (github, gitlab, woodpecker):
        assert "condition: not always()" in translate(text, "x.yml").text
        assert "does not run" in left_out(text, "x.yml")
    after = "on: push\njobs: {a: {uses: o/r/.github/x.yml@v1}, b: {needs: a, runs-on: x, steps: [{run: deploy}]}}"
    assert jobs_of(after, "x.yml")["b"].condition == "not always()"


def test_a_step_with_what_cannot_be_said_is_left_out_and_told() -> None:
    text = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: 'true'\n      - run: echo ${{ %s }}\n"

    def check(expression: str) -> None:
        assert len(jobs_of(text % expression, "x.yml")["a"].body.steps) == 1
        assert "7: the step" in left_out(text % expression, "x.yml")

    unsaid = ("toJSON(needs)", "github.event.head_commit.message", "env.A && 'b' || 'c'", "steps.none.outputs.x", "1 +")
    assert_each(check, ((one,) for one in unsaid))


TRUTHS = {
    "github.ref == 'refs/heads/main'": lambda f: f.branch == "main" and not f.variables["pr_number"],
    "github.event_name == 'pull_request'": lambda f: bool(f.variables["pr_number"]),
    "github.event_name == 'schedule' || env.A": lambda f: bool(f.env["A"]),
    "!(env.A == 'x') && !startsWith(github.ref, 'refs/tags/v')": lambda f: (
        f.env["A"] != "x" and not f.variables["tag"].startswith("v")
    ),
    "env.A != 'x' && (env.A == '' || contains(github.repository, 'b'))": lambda f: (
        f.env["A"] != "x" and (not f.env["A"] or "b" in f.variables["repo"])
    ),
    "matrix.c": lambda f: f.env["MATRIX_C"] not in {"", "false", "0"},
    "!matrix.c": lambda f: f.env["MATRIX_C"] in {"", "false", "0"},
    "matrix.c != true && runner.os == 'Linux'": lambda f: f.env["MATRIX_C"] != "true",
    "github.event.pull_request.head.repo.full_name != github.repository": lambda f: f.variables["fork"] == "true",
    "github.event.pull_request.head.repo.fork == false": lambda f: f.variables["fork"] != "true",
    "failure() || cancelled()": lambda f: f.failed or f.cancelled,
}


def facts() -> Iterator[Facts]:
    rng = random.Random(20)
    for _ in range(60):
        known = dict.fromkeys(("pr_number", "tag", "repo", "fork", "event"), "")
        known |= {"pr_number": rng.choice(["", "7"]), "tag": rng.choice(["", "v1", "x"])}
        known |= {"repo": rng.choice(["a/b", "c/d"]), "fork": rng.choice(["", "true", "false"])}
        env = {"A": rng.choice(["", "x", "y"]), "MATRIX_C": rng.choice(["", "true", "false", "text"])}
        branch = rng.choice(["main", "dev"])
        failed, stopped = rng.random() < 0.5, rng.random() < 0.5
        yield Facts(branch=branch, env=env, variables=known, failed=failed, cancelled=stopped)


def test_conditions_are_true_when_the_expressions_were() -> None:
    names = Names(Source("x"), "job", "workflow", {})

    def check(expression: str) -> None:
        for wrapped in (expression, f"${{{{ {expression} }}}}"):
            found = condition(wrapped, names.in_step)
            assert isinstance(found, str)
            parsed = parse(found, STEPS)
            assert [parsed.evaluate(one) for one in facts()] == [TRUTHS[expression](one) for one in facts()], found

    assert_each(check, ((one,) for one in TRUTHS))
    assert condition("runner.os == 'Windows' && success()", names.in_step) is False
    assert condition("runner.os != 'windows'", names.in_step) is True


def test_what_needs_tell_of_all_jobs() -> None:
    names = Names(Source("x"), "job", "workflow", {"a": ["a"], "b": ["b 1", "b 2"]})
    found = condition("always() && !contains(needs.*.result, 'failure')", names.in_job)
    assert parse(str(found), JOBS).steps == {"a", "b 1", "b 2"}
    with pytest.raises(Untranslatable):
        condition("needs.b.result == 'success'", names.in_job)


SHELL = {
    "echo ${{ env.V }}": "two words\n",
    "echo '${{ env.V }}'": "two  words\n",
    'echo "<${{ env.V }}>"': "<two  words>\n",
    "cat <<END\n${{ env.V }} it's\nEND\necho '${{ env.V }}'": "two  words it's\ntwo  words\n",
    "echo it\\'s '${{ env.V }}' # don't\necho \"${{ env.V }}\"": "it's two  words\ntwo  words\n",
    "echo ${{ 'known' }}": "known\n",
    """echo "$(echo '${{ env.V }}' "x")" '${{ env.V }}'""": "two  words x two  words\n",
    """echo "`echo '${{ env.V }}'`" '${{ env.V }}'""": "two  words two  words\n",
    """echo "$(echo "$(printf %s '${{ env.V }}')")" '${{ env.V }}'""": "two  words two  words\n",
    """cat <<<"${{ env.V }}"\necho '${{ env.V }}'""": "two  words\ntwo  words\n",
    """(echo $((1 + (2)))); echo '${{ env.V }}'""": "3\ntwo  words\n",
}


def test_variables_are_quoted_as_their_place_asks_for() -> None:
    """The value holds a command, which a pasted text would run."""
    form = "on: push\njobs: {a: {runs-on: x, steps: [{run: %s}]}}"

    def check(text: str, wanted: str) -> None:
        (step,) = jobs_of(form % yaml.safe_dump(text, default_style='"').strip(), "x.yml")["a"].body.steps
        for value in ("two  words", "$(touch pasted) `id`  '\"; exit 3 #"):
            done = subprocess.run(["bash", "-e", "-c", step.run], env={"V": value}, capture_output=True, check=True)
            if value == "two  words":
                assert done.stdout.decode() == wanted

    assert_each(check, SHELL.items())
    with pytest.raises(ConfigError, match="here-document with quotes"):
        jobs_of(form % "\"cat <<'E'\\n${{ env.V }}\\nE\"", "x.yml")
    with pytest.raises(ConfigError, match="two here-documents"):
        jobs_of(form % '"cat <<A <<B\\n${{ env.V }}\\nA\\nB"', "x.yml")


def test_commands_in_a_matrix_are_no_values_of_variables() -> None:
    form = (
        "on: push\njobs: {a: {runs-on: x, strategy: {matrix: {c: [%s]}}, steps: [{run: '${{ matrix.c }}'}, {run: x}]}}"
    )
    for command in ("echo one && echo two", 'x --y "a b"', "a; b", "$X"):
        text = form % yaml.safe_dump(command, default_style='"').strip()
        assert "whose values are commands or quoted words" in left_out(text, "x.yml")
    assert left_out(form % "--all --x=1", "x.yml") == ""


def parts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from parts(one, (*path, key))


REPLACEMENTS: list[Any] = [None, "", "x", "${{ a", "$X", 3, True, [], {}, ["a", None], {"a": 1}, [{"a": [1]}], "\x85\n"]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copied = value.copy()
    copied[path[0]] = changed(value[path[0]], path[1:], new)
    return copied


@pytest.mark.parametrize("name", EXAMPLES)
def test_whatever_a_file_holds_the_answer_is_a_valid_workflow_or_an_error(name: str) -> None:
    text = EXAMPLES[name].replace("!reference ", "")
    whole = yaml.load(text, yaml.BaseLoader)
    rng = random.Random(name)
    places = sorted(parts(whole), key=str)
    for _ in range(60):
        made = changed(whole, rng.choice(places), rng.choice(REPLACEMENTS))
        written = yaml.safe_dump(made, sort_keys=False)
        try:
            found = translate(written, name)
        except ConfigError as error:
            assert str(error).startswith(name)
        else:
            workflow.parse(found.text, name)


def test_what_is_kept_from_run_to_run() -> None:
    step = "{uses: actions/cache@v4, with: {path: .cache, key: %s, restore-keys: 'a-'}}"
    text = "on: push\njobs: {a: {runs-on: x, steps: [{run: 'true'}, " + step + "]}}"
    key = "\"${{ runner.os }}-${{ hashFiles('a.lock', 'b') }}-${{ github.ref_name }}\""
    (cache,) = jobs_of(text % key, "x.yml")["a"].body.cache
    assert (cache.key, cache.restore_keys) == ("Linux-${checksum('a.lock', 'b')}-${branch}", ("a-",))
    assert "cannot be translated" in left_out((text % key).replace(".cache", "~/.cargo"), "x.yml")
    text = "variables: {N: lint}\na: {script: x, cache: {key: $CI_COMMIT_REF_SLUG-$N, paths: [.npm/]}}"
    (cache,) = jobs_of(text, "x.yml")["a"].body.cache
    # An entry here never changes, one there always does.
    assert (cache.key, cache.restore_keys) == ("${branch}-lint-${sha}", ("${branch}-lint-",))
    text = "a: {script: x, cache: {key: {files: [go.sum], prefix: go}, paths: [.go]}}"
    assert jobs_of(text, "x.yml")["a"].body.cache[0].key == "go-${checksum('go.sum')}"


def test_what_a_run_is_told_and_asked() -> None:
    given = "{to: {type: choice, options: [a, b]}, dry: {type: boolean, default: true}, why: {required: true}}"
    steps = "[{run: 'echo ${{ inputs.to }}', if: \"!inputs.dry && github.event.inputs.to == 'b'\"}]"
    text = f"on: {{workflow_dispatch: {{inputs: {given}}}}}\njobs: {{a: {{runs-on: x, steps: {steps}}}}}"
    made = workflow.parse(translate(text, "x.yml").text, "x")
    assert {name: one.default for name, one in made.inputs.items()} == {"to": "a", "dry": "true", "why": None}
    (step,) = made.jobs[0].body.steps
    assert step.run == "echo ${INPUT_TO}"
    assert step.condition == "(inputs.dry in ['', 'false', '0']) and inputs.to == 'b'"
    text = "a: {script: x, rules: [{if: $CI_COMMIT_TAG, when: manual}]}"
    assert jobs_of(text, "x.yml")["a"].approve is not None


def test_images_that_a_matrix_chooses() -> None:
    steps = "[{uses: actions/setup-python@v5, with: {python-version: '${{ matrix.py }}'}}, {run: pytest}]"
    text = "on: push\njobs: {a: {runs-on: x, strategy: {matrix: {py: ['3.12', %s]}}, steps: " + steps + "}}"
    assert jobs_of(text % "'3.13'", "x.yml")["a"].image == "python:${matrix.py}"
    made = jobs_of(text % "pypy-3.11", "x.yml")
    assert {name: job.image for name, job in made.items()} == {"a 3.12": "python:3.12", "a pypy-3.11": "pypy:3.11"}
    text = "a: {image: 'x/$A:${B}', script: 'echo $A', parallel: {matrix: [{A: [p, q], B: ['1']}]}}"
    (job,) = jobs_of(text, "x.yml").values()
    assert (job.image, len(job.matrix["include"])) == ("x/${matrix.A}:${matrix.B}", 2)
    assert job.body.steps[0].run == 'export A="${MATRIX_A}"\nexport B="${MATRIX_B}"\necho $A\n'
    (job,) = jobs_of("a: {script: x, parallel: 3}", "x.yml").values()
    assert (job.for_each, job.item_var, job.body.env) == (("1", "2", "3"), "CI_NODE_INDEX", {"CI_NODE_TOTAL": "3"})


def test_groups_of_which_one_run_goes_on_at_a_time() -> None:
    group = "{group: '${{ github.workflow }}-${{ github.ref }}', cancel-in-progress: true}"
    text = f"name: w\non: push\nconcurrency: {group}\njobs: {{a: {{runs-on: x, concurrency: b, steps: [{{run: x}}]}}}}"
    made = workflow.parse(translate(text, "x.yml").text, "x")
    assert (made.concurrency, made.jobs[0].body.concurrency) == (
        Concurrency("w-${branch}${tag}${pr_number}", cancel=True),
        Concurrency("b"),
    )
    assert "cannot be translated" in left_out(text.replace("github.ref ", "github.head_ref || github.run_id "), "x.yml")
    (job,) = jobs_of("a: {script: x, resource_group: deploy}", "x.yml").values()
    assert job.body.concurrency == Concurrency("deploy")
