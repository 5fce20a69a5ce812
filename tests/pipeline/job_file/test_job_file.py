"""Files of jobs: what is written is what is read, and every mistake is told at its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.errors import ConfigError
from runnerlib.pipeline.job import Job, Retry
from runnerlib.pipeline.job_file import load, parse
from tests.pipeline.job_file import jobs

STEP = "job:\n  steps:\n    - name: a\n      run: make\n"


def fields(job: Job) -> tuple[object, ...]:
    return job.name, job.steps, job.env, job.timeout, job.max_parallel, job.description


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    return str(caught.value).splitlines()


@given(st.data(), jobs.jobs())
def test_a_job_that_is_written_is_read(data: st.DataObject, job: Job) -> None:
    text = jobs.Writer(data.draw)(job)
    assert not list(job.problems())
    assert fields(parse(text, "f").job) == fields(job)


WORDS = [
    "job:",
    "steps:",
    "name: a",
    "run: x",
    "- ",
    "\n",
    "  ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: ",
    "!",
    "!!str ",
]
WORDS += ["env:", "1", "null", "'", '"', "retry: ", "on: ", "timeout: 5m", "condition: ", ", ", ": ", "|\n", "source: "]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=25).map("".join)))
def test_any_text_is_a_job_or_a_config_error(text: str) -> None:
    try:
        parse(text, "f")
    except ConfigError as error:
        assert all(line.startswith("f:") for line in str(error).splitlines())


@settings(max_examples=30)
@given(st.data(), jobs.jobs())
def test_a_damaged_file_never_leads_to_anything_but_a_config_error(data: st.DataObject, job: Job) -> None:
    text = jobs.Writer(data.draw)(job)
    damages = st.tuples(st.integers(0, len(text)), st.sampled_from(["", "x", "'", "- ", "{", "&a ", "\0"]))
    for at, put in data.draw(st.lists(damages, min_size=4, max_size=8)):  # a job takes longer to draw than to read
        try:
            parse(text[:at] + put + text[at + 1 :], "f")
        except ConfigError as error:
            assert str(error)


class TestValues:
    """Spellings of single values."""

    @pytest.mark.parametrize("written", ["1.10", "yes", "0o17", "2024-01-01", "1_000", "true", "~x", "=", "a: b"])
    def test_variables_are_texts_as_they_are_written(self, written: str) -> None:
        quoted = written if ":" not in written else f'"{written}"'
        assert parse(f"{STEP}      env: {{V: {quoted}}}\n", "f").job.steps[0].env == {"V": written}

    @pytest.mark.parametrize(
        ("written", "seconds"),
        [
            ("1d", 86400),
            ("1.5d12h", 172800),
            ("90", 90),
            ("1.5", 1.5),
            ("90s", 90),
            ("5m", 300),
            ("1h30m", 5400),
            ("1h30m5.5s", 5405.5),
            ("250ms", 0.25),
        ],
    )
    def test_times(self, written: str, seconds: float) -> None:
        assert parse(f"{STEP}      timeout: {written}\n", "f").job.steps[0].timeout == seconds

    @pytest.mark.parametrize(
        ("written", "got"),
        [
            *(("1:30", "1:30"), ("-1", "-1"), ("soon", "a text"), ("''", "a text"), ("5m1h", "a text")),
            *(("5 m", "a text"), ("[]", "a list"), ("1e3", "a text"), (".inf", ".inf"), ("9" * 40, "a number")),
            ("1w", "a text"),
        ],
    )
    def test_no_times(self, written: str, got: str) -> None:
        expected = f"f:5:16: timeout: a time as 90 (seconds), 90s, 5m, 1h30m or 1d is expected, got {got}"
        assert complaints(f"{STEP}      timeout: {written}\n") == [expected]

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("2", Retry(2)),
            ("{max: 2, on: [1, 75, timeout]}", Retry(2, exit_codes=(1, 75), timeout=True)),
            ("{max: 2, on: timeout}", Retry(2, timeout=True)),
            ("{max: 2, on: 75}", Retry(2, exit_codes=(75,))),
            ("{max: 2, backoff: 500ms, limit: 5m}", Retry(2, 0.5, 300)),
            ("{max: 2, on: {pattern: reset, exit_codes: 7}}", Retry(2, exit_codes=(7,), pattern="reset")),
        ],
    )
    def test_retries(self, written: str, expected: Retry) -> None:
        assert parse(f"{STEP}      retry: {written}\n", "f").job.steps[0].retry == expected

    @pytest.mark.parametrize(
        "text", ["allow_failure: true", "required: false", "allow_failure: yes\n      required: no"]
    )
    def test_a_step_that_may_fail(self, text: str) -> None:
        assert not parse(f"{STEP}      {text}\n", "f").job.steps[0].required

    def test_merged_keys_stand_behind_written_ones(self) -> None:
        text = "x-env: &env {A: one, B: one}\njob:\n  env: {<<: *env, B: two}\n  steps: [{name: a, run: x}]\n"
        assert parse(text, "f").job.env == {"A": "one", "B": "two"}
        several = text.replace("<<: *env", "<<: [{A: first}, *env]")
        assert parse(several, "f").job.env == {"A": "first", "B": "two"}

    def test_sources_become_settings(self) -> None:
        text = f"{STEP}source: {{type: git, url: 'https://example.org/x.git', ref: v1}}\n"
        text += "ci_source: {type: local, path: /ci, options: {exclude: ['*.o', 1.10], depth: 1}}\n"
        assert parse(text, "f").settings == {
            "source_type": "git",
            "source_url": "https://example.org/x.git",
            "source_ref": "v1",
            "ci_source_type": "copy",
            "ci_source_url": "/ci",
            "ci_source_options": {"exclude": ("*.o", "1.10"), "depth": ("1",)},
        }


class TestTheFlatForm:
    """The files of Reactorcide's `run-job`."""

    def test_all_keys(self) -> None:
        text = """{"name": "hello", "image": "alpine:3", "command": "make test", "timeout_seconds": 60,
            "environment": {"A": "1", "B": 2, "C": "${secret:x:y}"}, "capabilities": ["docker"],
            "source": {"type": "git", "url": "u", "ref": "main"}, "code_dir": "/job/src"}"""
        job, settings, notices = parse(text, "f")
        assert fields(job)[0] == "hello"
        assert [(step.name, step.run) for step in job.steps] == [("job", "make test")]
        assert job.env == {"A": "1", "B": "2", "C": "${secret:x:y}"}
        assert job.timeout == 60
        assert settings == {
            "source_type": "git",
            "source_url": "u",
            "source_ref": "main",
            "code_dir": "/job/src",
            "runner_image": "alpine:3",
        }
        assert notices == ("'capabilities' is for Reactorcide's coordinator; this command does not act on it",)

    def test_a_local_source_is_copied(self) -> None:
        found = parse("command: [make, test]\nsource: {type: local, path: .}\n", "f")
        assert found.settings == {"source_type": "copy", "source_url": "."}
        assert found.job.steps[0].run == ("make", "test")

    def test_mistakes_stand_at_their_keys(self) -> None:
        text = "command: ' '\nenvironment: {A-B: hunter2}\ntimeout_seconds: 0\nimgae: x\n"
        assert complaints(text) == [
            "f:1:10: run: there is nothing to run",
            "f:2:15: env: 'A-B' is no name of a variable (letters, digits and '_', no digit first)",
            "f:3:18: timeout: more than 0 seconds are expected, got 0",
            complaints("command: x\nimgae: x\n")[0].replace("f:2", "f:4"),
        ]


class TestMistakes:
    """The sentence about each mistake, and its place."""

    def test_all_of_them_at_once_in_the_order_of_the_file(self) -> None:
        text = """\
job:
  name: build
  env: {V: hunter2, V: hunter2}
  timout: 5m
  steps:
    - name: a
      run: make
      retry: {backoff: 1}
    - name: b
      run: [echo, 1, {}]
      condition: "sucess()"
      weight: hunter2
    - run: x
    - name: d
      run: x
      condition: branch in ['x'] &
      allow_failure: true
      required: true
    - 5
"""
        assert [line.split("(")[0] for line in complaints(text)] == [
            "f:3:21: the key 'V' is there twice, first in line 3",
            "f:4:3: unknown key 'timout'; did you mean 'timeout'?",
            "f:8:14: retry: 'max' is missing, the number of further attempts",
            "f:10:22: a text is expected, got a mapping",
            "f:11:19: condition: unknown function 'sucess'; did you mean 'success'?",
            "f:12:15: weight: a whole number, 0 or more, is expected, got a text",
            "f:13:7: a step needs 'name'",
            "f:16:34: condition: unknown sign '&'; did you mean '&&'?",
            "f:17:7: allow_failure contradicts 'required'; give one of them",
            "f:19:7: a step is a mapping of keys to values, got a number",
        ]

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "f: the file is empty"),
            ("- a\n", "f:1:1: a job file is a mapping of keys to values, got a list"),
            ("a: 1\ncommand: x\n", "f:1:1: unknown key 'a' (name, image, command, environment, source, "),
            ("name: x\n", "f:1:1: a job file needs 'job' with its steps, or a 'command'"),
            ("steps: []\n", "f:1:1: 'steps' and what else describes the job stand below 'job:'"),
            ("job: 5\n", "f:1:6: a job is a mapping of keys to values, got a number"),
            ("job: {}\n", "f:1:6: a job needs at least one step"),
            ("job:\n  steps: []\n", "f:2:10: a job needs at least one step"),
            ("job:\n  steps: {a: x}\n", "f:2:10: steps: a list is expected, got a mapping"),
            (STEP + "commnd: x\n", "f:5:1: unknown key 'commnd' (job, source, ci_source)"),
            (STEP + "  timeout: 0\n", "f:5:12: timeout: more than 0 seconds are expected"),
            (
                STEP + "      when: on_failur\n",
                "f:5:13: when: unknown value 'on_failur'; did you mean 'on_failure'?",
            ),
            (STEP + "      parallel: 'true'\n", "f:5:17: parallel: true or false is expected, got a text"),
            (STEP + "      env: {A: [hunter2]}\n", "f:5:16: A: a text is expected, got a list"),
            (STEP + "      env: {A: }\n", "f:5:16: A: a text is expected, got nothing (write '' for an empty text)"),
            (STEP + "      depends_on: b\n", "f:5:19: depends_on: unknown step 'b' (a)"),
            (STEP + "      depends_on: a\n", "f:5:19: depends_on: the steps wait for each other: a -> a"),
            (STEP + "    - name: a\n      run: x\n", "f:5:13: name: the name 'a' is there twice"),
            (STEP + "      retry: {max: 1, on: [soon]}\n", "f:5:28: on: exit codes and 'timeout' are expected"),
            (STEP + "      retry: {max: 200}\n", "f:5:14: retry: max is from 0 to 100"),
            (STEP + "source: {url: x}\n", "f:5:9: source needs 'type', as git, copy, tarball, hg, svn or none"),
            (STEP + "source: {type: git, path: x}\n", "f:5:21: a path is for type 'copy'; "),
            (STEP + "source: {type: copy, url: y, path: x}\n", "f:5:30: path contradicts 'url'; give one of them"),
            (STEP + "      <<: 5\n", "f:5:11: '<<' takes a mapping or a list of mappings"),
            (STEP + "      [a]: 5\n", "f:5:7: a key is a text"),
        ],
    )
    def test_one(self, text: str, complaint: str) -> None:
        said = complaints(text)
        assert len(said) == 1
        assert said[0].startswith(complaint)

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("job: [hunter2\nb: c", "f:2:2: not valid YAML or JSON"),
            ("a: b: hunter2", "f:1:5: not valid YAML or JSON: a text with ': ' in it needs quotes"),
            ("a: *hunter2", "f:1:4: not valid YAML or JSON"),
            ("a: \0hunter2", "f: not valid YAML or JSON: a character that may not stand there"),
            ("a: hunter2\ud800", "f: not valid YAML or JSON: unpaired surrogates"),
            ("a: 1\n---\nb: hunter2\n", "f:2:1: not valid YAML or JSON"),
            ("a: !!python/object/apply:os.system [hunter2]", "f:1:4: tags are not allowed; "),
            (
                "a: !cancelled() && hunter2",
                "f:1:18: not valid YAML or JSON: tags are not allowed; put a text that begins ",
            ),
        ],
    )
    def test_what_is_no_yaml_is_located_and_not_quoted(self, text: str, complaint: str) -> None:
        (said,) = complaints(text)
        assert said.startswith(complaint)
        assert "hunter2" not in said

    @pytest.mark.parametrize(
        ("condition", "complaint"),
        [
            ("b || c", "f:9:18: condition: unknown name 'b'"),
            ("'true && x'", "f:9:27: condition: unknown name 'x'"),
            ("'branch == ''a'' && x'", "f:9:18: condition: column 18: unknown name 'x'"),
            ("é", "f:9:18: condition: unknown name 'é'"),
            ("branch == 'é😀' && x", "f:9:36: condition: unknown name 'x'"),
            (">-\n        true &&\n        x\n", "f:9:18: condition: column 9: unknown name 'x'"),
            ("steps.c.outcome == 'x'", "f:9:37: condition: unknown value 'x'"),
            ("steps.x.exit_code == 0", "f:9:18: condition: unknown step 'x' (a, b, c)"),
            ("steps.b.exit_code == 0", "f:9:18: condition: a step cannot look at itself"),
            (
                "steps.c.exit_code == 0",
                "f:9:18: condition: it looks at step 'c', which this step does not wait for; name it in depends_on",
            ),
        ],
    )
    def test_conditions(self, condition: str, complaint: str) -> None:
        text = "job:\n  name: x\n  steps:\n    - name: a\n      run: x\n\n    - name: b\n      run: x\n"
        text += f"      condition: {condition}\n    - name: c\n      run: x\n"
        (said,) = complaints(text)
        assert said.startswith(complaint)

    def test_a_condition_may_look_at_what_its_step_waits_for_through_others(self) -> None:
        text = STEP + "    - {name: b, run: x}\n    - {name: c, run: x, condition: steps.a.exit_code == 0}\n"
        assert parse(text, "f").job.steps[2].condition == "steps.a.exit_code == 0"
        in_a_row = text.replace("run: x", "parallel: true, run: x").replace("steps.a", "steps.b")
        assert "which this step does not wait for" in complaints(in_a_row)[0]

    def test_no_end_of_mistakes_has_an_end(self) -> None:
        said = complaints("job:\n  steps:\n" + "    - 5\n" * 5000)
        assert len(said) == 101
        assert said[-1] == "f: there may be more; these are enough for now"


class TestHostileFiles:
    """The file of a pull request is one that nobody vouches for."""

    def test_aliases_that_multiply(self) -> None:
        lines = ["x-0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"x-{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
        assert parse("\n".join(lines) + "\n" + STEP, "f").job.steps[0].name == "a"
        step = "- &s {name: a, run: [" + "x," * 1000 + "]}\n"
        bomb = f"job:\n  steps:\n    {step}" + "    - *s\n" * 5000
        assert complaints(bomb)[-1].startswith("f:3:25: more than 200,000 values when every alias is followed")

    def test_merges_that_multiply(self) -> None:
        lines = ["x-0: &a0 {A: x}"]
        lines += [f"x-{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 50)}]}}" for i in range(1, 8)]
        text = "\n".join(lines) + "\njob:\n  env: *a7\n  steps: [{name: a, run: x}]\n"
        assert "more than 200,000 values" in complaints(text)[0]

    def test_a_mapping_that_merges_itself(self) -> None:
        text = "job:\n  env: &e {<<: *e}\n  steps: [{name: a, run: x}]\n"
        assert complaints(text)[0].startswith(
            "f:2:8: env: '<<' takes a mapping or a list of mappings, not nested deeply"
        )

    @pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
    def test_depth(self, opening: str) -> None:
        assert "more than 20 levels of nesting" in complaints(opening * 100_000)[0]

    def test_size(self, tmp_path: Path) -> None:
        assert complaints("#" * (1 << 20) + "\n") == ["f: a job file has at most 1 MiB"]
        file = tmp_path / "job.yaml"
        file.write_bytes(b"#" * (1 << 21))
        with pytest.raises(ConfigError, match="a job file has at most 1 MiB"):
            load(str(file))
        assert "more than 200,000 values" in complaints("[" + "a," * 300_000 + "]")[0]

    def test_steps(self) -> None:
        text = "job:\n  steps:\n" + "".join(f"    - {{name: s{i}, run: x}}\n" for i in range(10_001))
        assert complaints(text) == ["f:3:5: steps: a job has at most 10,000 steps"]

    def test_names_with_control_characters_move_no_cursor(self) -> None:
        with pytest.raises(ConfigError) as caught:
            parse("job: 5\n", "a\x1b[2J")
        assert str(caught.value).startswith("a\\x1b[2J:1:6: ")
        assert complaints('{"a\\u001b[2J": 1}')[1].startswith("f:1:2: unknown key 'a\\x1b[2J' (")


class TestJson:
    """JSON is read as the subset of YAML that it almost is."""

    @pytest.mark.parametrize(
        "value", ["\\ud83d\\ude00", "\\\\ud83d\\\\ude00", "\\/", "\x7f", "\u2028", "\\u2028", "\x85"]
    )
    def test_what_yaml_reads_otherwise(self, value: str) -> None:
        text = f'{{\n\t"command": "make {value}"\n}}'
        assert parse(text, "f").job.steps[0].run == json.loads(text)["command"]


class TestLoading:
    """Files."""

    def test_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "job.yaml"
        file.write_bytes(b"\xef\xbb\xbf" + STEP.replace("\n", "\r\n").encode())
        assert load(str(file)).job.steps[0].run == "make"

    @pytest.mark.parametrize(
        ("name", "why"), [("none", "No such file"), (".", "Is a directory"), ("\0", "not a UTF-8")]
    )
    def test_no_file(self, tmp_path: Path, name: str, why: str) -> None:
        with pytest.raises(ConfigError, match=why):
            load(f"{tmp_path}/{name}")

    def test_no_text(self, tmp_path: Path) -> None:
        file = tmp_path / "job.yaml"
        file.write_bytes(b"\xff\xfe\xfa hunter2")
        with pytest.raises(ConfigError, match="not a UTF-8 text file"):
            load(str(file))
