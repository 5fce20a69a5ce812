"""Reports of what was masked in each step, under names and never with a value, on both loops."""

from __future__ import annotations

import signal

from runnerlib.engine import JobRun
from runnerlib.events import Masked, StepFinished, StepOutput
from runnerlib.masking import SecretMasker
from runnerlib.masking.report import RuleCount
from runnerlib.pipeline.job import Job, Retry, Step
from tests.engine.harness import SECRETS, NewLoop, Recorder, run_job

ONE, TWO = SECRETS


def named(*names: str) -> SecretMasker:
    made = SecretMasker()
    made.register_secrets(SECRETS, names)
    return made


def told(new_loop: NewLoop, *steps: Step, shared: SecretMasker | None = None) -> tuple[dict[str, Masked], Recorder]:
    """Run steps and return the masking report of each, which comes right before its end."""
    recorder = run_job(new_loop, Job("job", steps), shared=shared or named("ONE", "TWO"))[1]
    before = zip(recorder.events, recorder.events[1:], strict=False)
    ended = {b.result.name: a for a, b in before if isinstance(b, StepFinished) and isinstance(a, Masked)}
    assert list(ended.values()) == [event for event in recorder.events if isinstance(event, Masked)]
    assert all(event.step == name for name, event in ended.items())
    assert not any(secret in str(recorder.events) for secret in SECRETS)
    return ended, recorder


def test_each_step_tells_what_it_was(new_loop: NewLoop) -> None:
    found, recorder = told(
        new_loop,
        Step("a", f"echo {ONE}; echo {TWO} {ONE}"),
        Step("b", "echo nothing", depends_on=["a"]),
        Step("c", f"printf {TWO} | base64; exit 1", depends_on=["b"]),
        Step("d", f"echo {ONE}", depends_on=["c"]),
    )
    assert {name: event.report.rules for name, event in found.items()} == {
        "a": (RuleCount("ONE", "raw", 2, 2 * len(ONE)), RuleCount("TWO", "raw", 1, len(TWO))),
        "c": (RuleCount("TWO", "base64", 1, 18),),
    }
    for name, event in found.items():
        shown = [other.data for other in recorder.events if isinstance(other, StepOutput) and other.step == name]
        assert event.report.released == sum(map(len, shown))


def test_all_attempts_are_one_report(new_loop: NewLoop) -> None:
    command = f"echo {ONE[:-1]}; test $RUNNERLIB_ATTEMPT = 3 && echo {ONE}"
    report = told(new_loop, Step("a", command, retry=Retry(max=2, backoff=0)))[0]["a"].report
    assert report.rules == (RuleCount("ONE", "raw", 1, len(ONE)),)
    assert report.received == 4 * len(ONE) + 1
    assert report.most_held == len(ONE)  # with the line end, which may be a soft wrap


def test_each_attempt_begins_anew(new_loop: NewLoop) -> None:
    """The end of one attempt and the beginning of the next one are no secret together."""
    cut = len(ONE) // 2
    command = f"if test $RUNNERLIB_ATTEMPT = 1; then printf {ONE[:cut]}; exit 1; else printf %s {ONE[cut:]}; fi"
    recorder = run_job(new_loop, Job("job", [Step("a", command, retry=Retry(max=1, backoff=0))]))[1]
    assert recorder.output == ONE.encode()
    assert not [event for event in recorder.events if isinstance(event, Masked)]


def test_a_name_that_is_a_secret_is_not_told(new_loop: NewLoop) -> None:
    found, _ = told(new_loop, Step("a", f"echo {ONE}"), shared=named(f"<{TWO}>", "TWO"))
    assert found["a"].report.rules == (RuleCount("<[REDACTED]>", "raw", 1, len(ONE)),)


def test_a_step_that_is_stopped_tells_it_too(new_loop: NewLoop) -> None:
    recorder = Recorder()

    def prepare(run: JobRun) -> None:
        recorder.on_output = lambda data: run.stop(signal.SIGTERM)

    run_job(new_loop, Job("job", [Step("a", f"echo {ONE}; exec sleep 100000")]), recorder, prepare)
    (event,) = [event for event in recorder.events if isinstance(event, Masked)]
    assert event.report.marks == 1
