"""Input that is larger than the kernel takes: long texts to run, long values, many values."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.engine.exec_limits import LEFT_OUT, fitted, tidy, values_directory
from runnerlib.pipeline.job import Job, Retry, Step
from runnerlib.pipeline.job.step import LONGEST_WORD, SCRIPT
from tests.engine.harness import SECRETS, NewLoop, run_job

FILL = " " * LONGEST_WORD


def give(name: str, size: int) -> str:
    return f"{{ printf '{name}='; head -c {size} /dev/zero | tr '\\0' x; echo; }} >> $RUNNERLIB_OUTPUT"


@pytest.mark.parametrize("size", [LONGEST_WORD, LONGEST_WORD + 1, 1_000_000])
def test_a_long_value_goes_by_file(new_loop: NewLoop, size: int) -> None:
    show = f'printf "%s/" "${{RUNNERLIB_OUTPUT_BIG_V-none}}"; wc -c < ${LEFT_OUT}/RUNNERLIB_OUTPUT_BIG_V'
    steps = [Step("big", give("v", size)), Step("next", show), Step("tidy", "echo tidy", when="always")]
    result, recorder = run_job(new_loop, Job("job", steps))
    assert (result.exit_code, recorder.output.decode()) == (0, f"none/{size}\ntidy\n")
    what = "variable 'RUNNERLIB_OUTPUT_BIG_V' is larger than the system takes and left out"
    assert recorder.warnings == 2 * [f"{what}; see $RUNNERLIB_LEFT_OUT/RUNNERLIB_OUTPUT_BIG_V"]


def test_a_value_that_fits_just_so_stays_a_variable(new_loop: NewLoop) -> None:
    size = LONGEST_WORD - len("RUNNERLIB_OUTPUT_BIG_V=")
    steps = [Step("big", give("v", size)), Step("next", 'printf "%s" "$RUNNERLIB_OUTPUT_BIG_V" | wc -c')]
    result, recorder = run_job(new_loop, Job("job", steps))
    assert (result.exit_code, recorder.output.decode(), recorder.warnings) == (0, f"{size}\n", [])


def test_many_values_that_do_not_fit_together(new_loop: NewLoop) -> None:
    values = "; ".join(give(f"v{number}", 120_000) for number in range(8))
    steps = [Step(f"s{number}", values, depends_on=[]) for number in range(8)]
    count = f"env | grep -c ^RUNNERLIB_OUTPUT_S; ls ${LEFT_OUT} | wc -l"
    result, recorder = run_job(new_loop, Job("job", [*steps, Step("count", count, depends_on=[s.name for s in steps])]))
    assert result.exit_code == 0
    there, left_out = map(int, recorder.output.split())
    assert (there + left_out, there > 0, left_out > 0) == (64, True, True)
    (warning,) = recorder.warnings
    assert warning.startswith("variables 'RUNNERLIB_OUTPUT_S0_V0', ")
    assert f" and {left_out - 5} more are larger than the system takes and left out" in warning


def test_a_long_variable_of_the_job_goes_by_file(new_loop: NewLoop) -> None:
    job = Job("job", [Step("a", f"wc -c < ${LEFT_OUT}/BIG")], env={})
    result, recorder = run_job(new_loop, job, env={**os.environ, "BIG": "é" * 100_000})
    assert (result.exit_code, recorder.output) == (0, b"200000\n")


def test_a_secret_is_written_to_no_file(new_loop: NewLoop) -> None:
    job = Job("job", [Step("a", f'test -z "${{BIG+x}}" && ls ${LEFT_OUT}')])
    result, recorder = run_job(new_loop, job, env={**os.environ, "BIG": f"{FILL}{SECRETS[0]}"})
    assert (result.exit_code, recorder.output) == (0, b"")
    what = "variable 'BIG' is larger than the system takes and left out"
    assert recorder.warnings == [f"{what}; what is secret is written to no file"]


SHELLS = [None, "sh", "dash", "bash", "python3", "perl", "bash -lc", "env A=b /bin/sh -uc", "node", "ruby"]
TEXTS = {
    "python3": "import sys, os\nassert sys.argv == ['-c']\nos.write(1, b'end\\n')\nsys.exit(3)",
    "perl": 'print "end\\n"; exit 3',
    "node": "require('fs').writeSync(1, 'end\\n'); process.exit(3)",
    "ruby": "puts 'end'; exit 3",
}


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell is None or shutil.which(shell.split()[0])])
def test_a_long_text_is_run_from_a_file(new_loop: NewLoop, shell: str | None) -> None:
    text = TEXTS.get(shell or "", "echo end\nexit 3")
    filled = f"{'//' if shell == 'node' else '#'}{FILL}\n{text}"
    result, recorder = run_job(new_loop, Job("job", [Step("a", filled, shell=shell, retry=Retry(max=1, backoff=0))]))
    assert (result.exit_code, result.steps[0].attempts) == (3, 2)
    assert recorder.output == b"end\nend\n"


def test_a_long_text_stops_at_the_first_failure_as_a_short_one(new_loop: NewLoop) -> None:
    result, recorder = run_job(new_loop, Job("job", [Step("a", f"#{FILL}\necho begin\nfalse\necho end")]))
    assert (result.exit_code, recorder.output) == (1, b"begin\n")


@pytest.fixture
def small_stack() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (256 << 10, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_STACK, before)


@pytest.mark.usefixtures("small_stack")
def test_a_small_stack_leaves_less_room(new_loop: NewLoop) -> None:
    env = {"PATH": os.environ["PATH"], "BIG": "x" * 99_000, "SMALL": "y" * 9_000}
    step = Step("a", f"#{' ' * 90_000}\nexpr length $SMALL; wc -c < ${LEFT_OUT}/BIG; test -f ${SCRIPT}")
    result, recorder = run_job(new_loop, Job("job", [step]), env=env)
    assert (result.exit_code, recorder.output) == (0, b"9000\n99000\n")


@settings(max_examples=25)
@given(st.dictionaries(st.text("ABC", min_size=1, max_size=3), st.integers(0, 300_000), max_size=39))
def test_whatever_the_variables_are_the_kernel_takes_them(
    tmp_path_factory: pytest.TempPathFactory, sizes: dict[str, int]
) -> None:
    start = f"{tmp_path_factory.mktemp('room')}/1"
    env = {name: "x" * size for name, size in sizes.items()}
    argv, fitting, warning = fitted(Step("a", ["/bin/true"]), env, start, lambda _text: False)
    assert os.spawnve(os.P_WAIT, "/bin/true", [*argv], fitting) == 0
    left_out = {name: (Path(fitting[LEFT_OUT]) / name).read_text() for name in env.keys() - fitting.keys()}
    assert {**fitting, **left_out} == {**env, **{name: fitting[name] for name in {LEFT_OUT} & fitting.keys()}}
    assert bool(warning) == bool(left_out)
    tidy(start)
    assert not Path(values_directory(start)).exists()


def test_files_are_private_and_gone_afterwards(new_loop: NewLoop, tmp_path: Path) -> None:
    show = f"stat -c %a ${LEFT_OUT} ${LEFT_OUT}/BIG ${SCRIPT}"
    step = Step("a", f"#{FILL}\n{show}")
    result, recorder = run_job(new_loop, Job("job", [step]), env={**os.environ, "BIG": FILL}, scratch=tmp_path)
    assert (result.exit_code, recorder.output) == (0, b"700\n600\n600\n")
    assert not [*tmp_path.iterdir()]
