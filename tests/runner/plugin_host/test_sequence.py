"""Phase x mode x outcome: exactly these hooks are called, in this order, and the run ends like this."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from runnerlib.errors import Interrupted, RunnerError, SourceError
from runnerlib.plugins import PluginContext, PluginError, VetoError
from runnerlib.runner.request import RunRequest
from tests.runner.plugin_host.harness import (
    CLOCK,
    COMMAND,
    MODES,
    Act,
    Calls,
    Noting,
    foresee,
    hang,
    registered,
    request,
    run,
    terminate,
)

PREPARED = "pre_validation post_validation pre_source_prep post_source_prep pre_execution"
RUN = f"{PREPARED} pre_step post_step post_execution"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("runnerlib.plugins.deadline.monotonic", CLOCK)


class Outcome(NamedTuple):
    """A command with its settings, the end of its run, and the calls on the way."""

    command: str
    settings: dict[str, str]
    ends: int | type[RunnerError]
    called: str


OUTCOMES = {
    "success": Outcome("true", {}, 0, f"{RUN} cleanup"),
    "step fails": Outcome("exit 3", {}, 3, f"{RUN} on_error cleanup"),
    "command not found": Outcome("no-such-program", {}, 127, f"{RUN} on_error cleanup"),
    "source fails": Outcome(
        "true",
        {"source_type": "copy", "source_url": "/nonexistent/source"},
        SourceError,
        "pre_validation post_validation pre_source_prep on_error cleanup",
    ),
    "SIGTERM in the job": Outcome("kill -TERM $PPID; sleep 60", {}, 143, f"{RUN} on_error cleanup"),
    "timeout": Outcome("sleep 60", {"job_timeout": "1.5"}, 124, f"{RUN} on_error cleanup"),
}


def calls_of(run_it: Callable[[], object], **acts: Act) -> tuple[Calls, BaseException | None]:
    """Return the calls of three plugins, of which the second one acts, and the error that is raised."""
    calls: Calls = []
    plugins = [Noting("c", calls), Noting("acting", calls, 50, **acts), Noting("first", calls, 1)]
    raised: BaseException | None = None
    with registered(*plugins):
        try:
            run_it()
        except RunnerError as error:
            raised = error
    return calls, raised


def all_three(hooks: str) -> Calls:
    return [(name, hook) for hook in hooks.split() for name in ("first", "acting", "c")]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_in_every_mode(mode: str, outcome: str, tmp_path: Path) -> None:
    expected = OUTCOMES[outcome]
    asked = request(mode, tmp_path, expected.command, **expected.settings)
    ended: list[int] = []
    calls, raised = calls_of(lambda: ended.append(run(asked).exit_code))
    assert calls == all_three(expected.called)
    assert ended == ([expected.ends] if isinstance(expected.ends, int) else [])
    assert type(raised) is (type(None) if isinstance(expected.ends, int) else expected.ends)


EARLY = PREPARED.split()
LATE = ["post_execution", "on_error", "cleanup"]


def fail(_context: PluginContext) -> None:
    raise LookupError("broken on purpose")


def refuse(_context: PluginContext) -> None:
    raise VetoError("not today", 7)


def leave(_context: PluginContext) -> None:
    raise SystemExit(3)


FAILURES: dict[str, tuple[Act, type[RunnerError]]] = {
    "fails": (fail, PluginError),
    "exits": (leave, PluginError),
    "vetoes": (refuse, VetoError),
    "hangs": (hang, PluginError),
    "is interrupted": (terminate, Interrupted),
}


def in_modes(every: Iterable[tuple[str, ...]], some: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Every case in one mode, some in each other: a mode is another request, and the same run."""
    return [(COMMAND, *case) for case in every] + [(mode, *case) for mode, case in product(MODES[1:], some)]


@pytest.mark.parametrize(
    ("mode", "phase", "how"), in_modes(product(EARLY, FAILURES), zip(EARLY, FAILURES, strict=True))
)
def test_a_plugin_that_ends_the_run_before_the_job(mode: str, phase: str, how: str, tmp_path: Path) -> None:
    """Plugins after it in the phase are not called; all have ON_ERROR and CLEANUP, itself included."""
    act, kind = FAILURES[how]
    calls, raised = calls_of(lambda: run(request(mode, tmp_path, "true")), **{phase: act})
    until = " ".join(EARLY[: EARLY.index(phase)])
    assert calls == [*all_three(until), ("first", phase), ("acting", phase), *all_three("on_error cleanup")]
    assert type(raised) is kind
    assert not (tmp_path / "job/src").exists() or phase in {"post_source_prep", "pre_execution"}


@pytest.mark.parametrize(
    ("mode", "command", "phase", "how"),
    in_modes(
        product(["true", "exit 3"], LATE, ["fails", "exits", "vetoes", "hangs"]),
        [("true", "post_execution", "fails"), ("exit 3", "on_error", "vetoes"), ("true", "cleanup", "hangs")],
    ),
)
def test_a_plugin_that_fails_after_the_job(mode: str, command: str, phase: str, how: str, tmp_path: Path) -> None:
    """All others are called. The job's own failure stays the verdict; a job that succeeded ends in that error."""
    act, kind = FAILURES[how]
    ended: list[int] = []
    asked = request(mode, tmp_path, command)
    calls, raised = calls_of(lambda: ended.append(run(asked).exit_code), **{phase: act})
    failed = command != "true" or phase == "post_execution"
    assert calls == all_three(f"{RUN} on_error cleanup" if failed else f"{RUN} cleanup")
    if command != "true":
        assert (ended, raised) == ([3], None)
    elif phase == "on_error":  # there was none
        assert (ended, raised) == ([0], None)
    else:
        assert (ended, type(raised)) == ([], kind)


@pytest.mark.parametrize(
    ("mode", "hook", "how"),
    in_modes(
        product(["pre_step", "post_step"], ["fails", "vetoes", "hangs"]),
        [("pre_step", "fails"), ("post_step", "vetoes")],
    ),
)
def test_a_plugin_that_fails_around_a_step(mode: str, hook: str, how: str, tmp_path: Path) -> None:
    """That is how the step ends, so the job ends as after any step that failed."""
    ended: list[int] = []
    asked = request(mode, tmp_path, "touch ran")
    calls, raised = calls_of(lambda: ended.append(run(asked).exit_code), **{hook: FAILURES[how][0]})
    around = [("first", hook), ("acting", hook)]
    if hook == "post_step":
        around = [*all_three("pre_step"), *around, ("c", hook)]
    assert calls == [*all_three(PREPARED), *around, *all_three("post_execution on_error cleanup")]
    assert (ended, raised) == ([7 if how == "vetoes" else 125], None)


@pytest.mark.parametrize("hook", ["pre_step", "post_step"])
@pytest.mark.parametrize("mode", MODES)
def test_a_signal_while_a_step_waits_for_a_plugin(mode: str, hook: str, tmp_path: Path) -> None:
    ended: list[int] = []
    asked = request(mode, tmp_path, "true", grace_period="0.05")
    calls, raised = calls_of(lambda: ended.append(run(asked).exit_code), **{hook: terminate})
    assert (ended, raised) == ([143], None)
    assert calls[-9:] == all_three("post_execution on_error cleanup")


@pytest.mark.parametrize("phase", LATE)
@pytest.mark.parametrize("mode", MODES)
def test_the_first_signal_leaves_the_last_phases_their_time(mode: str, phase: str, tmp_path: Path) -> None:
    """The second one does not: nothing more is called then."""
    once: Act = lambda context: os.kill(os.getpid(), 15)  # noqa: E731
    calls, raised = calls_of(lambda: run(request(mode, tmp_path, "exit 3")), **{phase: once})
    assert raised is None
    assert calls == all_three(f"{RUN} on_error cleanup")

    def twice(context: PluginContext) -> None:
        os.kill(os.getpid(), 2)  # not the same one again: that could be merged with the first
        terminate(context)

    calls, raised = calls_of(lambda: run(request(mode, tmp_path, "exit 3")), **{phase: twice})
    until = "".join(f"{hook} " for hook in f"{RUN} on_error cleanup".split()[: 7 + LATE.index(phase)])
    assert raised is None
    assert calls == [*all_three(until), ("first", phase), ("acting", phase)]


@pytest.mark.parametrize("mode", MODES)
def test_a_run_that_does_not_take_place(mode: str, tmp_path: Path) -> None:
    calls, raised = calls_of(lambda: foresee(request(mode, tmp_path, "true")))
    assert (calls, raised) == (all_three("pre_validation post_validation cleanup"), None)
    calls, raised = calls_of(lambda: foresee(request(mode, tmp_path, "true")), post_validation=fail)
    assert calls == [
        *all_three("pre_validation"),
        ("first", "post_validation"),
        ("acting", "post_validation"),
        *all_three("on_error cleanup"),
    ]
    assert type(raised) is PluginError
    assert not (tmp_path / "job").exists()


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_configuration_is_an_error_of_the_run(mode: str, tmp_path: Path) -> None:
    calls, raised = calls_of(lambda: run(request(mode, tmp_path, "true", source_ref="of what")))
    assert calls == all_three("pre_validation on_error cleanup")
    assert raised is not None
    assert raised.exit_code == 78


@pytest.mark.parametrize("mode", MODES)
def test_a_type_of_source_may_come_from_a_plugin_until_sources_are_prepared(mode: str, tmp_path: Path) -> None:
    calls, raised = calls_of(lambda: run(request(mode, tmp_path, "true", source_type="gti")))
    assert calls == all_three("pre_validation post_validation pre_source_prep on_error cleanup")
    assert raised is not None
    assert raised.exit_code == 78


def test_requests_of_all_modes_differ(tmp_path: Path) -> None:
    """The table would be shorter than it looks otherwise."""
    seen: list[RunRequest] = [request(mode, tmp_path, "true") for mode in MODES]
    assert [(asked.job is None, "runnerlib" in str(type(asked.environ))) for asked in seen]
    assert [asked.job is None for asked in seen] == [True, False, False, True]
