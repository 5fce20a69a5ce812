"""Jobs of steps through the command line and through Python: the same results, nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest
import yaml

from runnerlib import Job, Step, run_job, run_step
from tests.engine.harness import WAITER, Recorder
from tests.integration.cli import RUNNERLIB, environment, runnerlib, started
from tests.integration.forty import EXPECTED, as_yaml, forty


def steps_of(path: Path) -> dict[str, tuple[object, ...]]:
    """Return the end of each step, by the events in a file."""
    events = [json.loads(line) for line in path.read_text().splitlines()]
    ended = [event for event in events if event["type"] == "step_finished"]
    return {e["step"]: (e["outcome"], e["exit_code"], e["reason"], e["attempts"]) for e in ended}


def test_forty_steps_from_yaml_and_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "yaml").mkdir()
    (tmp_path / "python").mkdir()
    (tmp_path / "yaml/job.yaml").write_text(as_yaml(forty()))
    done = runnerlib("run", "--job-file", "job.yaml", "--events", "events", cwd=tmp_path / "yaml")
    assert done.code == 7, done.err

    monkeypatch.chdir(tmp_path / "python")
    job = forty()
    result = run_job(job, observer=Recorder())
    assert result.exit_code == 7
    found = {s.name: (s.outcome, s.exit_code, s.reason, s.attempts) for s in result.steps}
    assert found == steps_of(tmp_path / "yaml/events")
    assert len(found) == 40
    for outcome, names in EXPECTED.items():
        units = {f"unit {number}" for number in range(22)} if outcome == "success" else set()
        assert {name for name, facts in found.items() if facts[0] == outcome} == names | units
    assert {name: facts[3] for name, facts in found.items() if facts[3] > 1} == {
        "flaky": 3,
        "by pattern": 2,
        "by time": 2,
    }
    assert all(step.success == (found[step.name][0] == "success") for step in job.steps)


def test_a_single_step_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    step = Step("hello", "echo hello; exit 3", depends_on=["elsewhere"])
    assert not step.success
    assert run_step(step, observer=Recorder()).exit_code == 3
    assert step.result is not None
    assert step.result.reason == "exit code 3"


def test_a_job_tells_what_was_masked(tmp_path: Path) -> None:
    mint = f"value=minted; printf %s $value-value | {RUNNERLIB} register-secret; echo $value-value"
    job = Job("ci", [Step("a", "echo $DEPLOY_TOKEN $DEPLOY_TOKEN"), Step("b", "echo b"), Step("c", mint)])
    (tmp_path / "job.yaml").write_text(as_yaml(job))
    options = ["--job-file", "job.yaml", "--events", "events", "--output", "prefixed"]
    done = runnerlib("run", *options, cwd=tmp_path, DEPLOY_TOKEN="correct-horse")
    assert done.code == 0, done.err
    assert "\n\nmasked 3 times: DEPLOY_TOKEN 2, registered at run time 1\n" in done.out.decode()
    lines = (tmp_path / "events").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    found = {event["step"]: event["rules"] for event in events if event["type"] == "masked"}
    assert found == {
        "a": [{"rule": "DEPLOY_TOKEN", "form": "raw", "marks": 2, "bytes": 26}],
        "c": [{"rule": "registered at run time", "form": "raw", "marks": 1, "bytes": 12}],
    }
    assert not any(secret in "".join(lines) for secret in ("correct-horse", "minted-value"))


def test_a_single_command_tells_it_in_events_only(tmp_path: Path) -> None:
    options = ["--secret-values-list", "correct-horse", "--events", "events"]
    done = runnerlib("run", *options, "--", "echo", "correct-horse", cwd=tmp_path)
    assert done == (0, b"[REDACTED]\n", "runnerlib: $ echo [REDACTED]\n")
    kinds = [json.loads(line)["type"] for line in (tmp_path / "events").read_text().splitlines()]
    assert kinds[-3:] == ["masked", "step_finished", "job_finished"]


@pytest.mark.parametrize("mode", ["prefixed", "grouped", "json", "raw"])
def test_every_mode_tells_everything_masked(tmp_path: Path, mode: str) -> None:
    job = Job("j hunter2-hunter2", [Step("a", "echo one $PW"), Step("b hunter2-hunter2", "echo two; exit 4")])
    (tmp_path / "job.yaml").write_text(as_yaml(job))
    done = runnerlib(
        "run",
        "--job-file",
        "job.yaml",
        "--output",
        mode,
        cwd=tmp_path,
        PW="hunter2-hunter2",
        REACTORCIDE_SECRET_ENV_NAMES="PW",
    )
    assert done.code == 4
    text = done.out.decode() + done.err
    assert "hunter2" not in text
    assert "one [REDACTED]" in text
    assert "two" in text
    assert "exit code 4" in text
    logs = {path.name: path.read_text() for path in (tmp_path / "job/artifacts/logs").iterdir()}
    assert logs["a.log"] == "one [REDACTED]\n"
    assert "two\n" in logs.values()
    if mode == "raw":
        assert done.out == b"one [REDACTED]\ntwo\n"


RESUMED = {
    "name": "resumed",
    "steps": [
        {"name": "once", "run": "echo once >> ../ran; echo v=1 > $RUNNERLIB_OUTPUT", "outputs": ["v"]},
        {"name": "beside", "run": "echo beside >> ../ran", "depends_on": []},
        {
            "name": "broken",
            "run": "echo broken $RUNNERLIB_OUTPUT_ONCE_V >> ../ran; test -e ../fixed",
            "depends_on": ["once"],
        },
        {"name": "after", "run": "echo after >> ../ran", "depends_on": ["broken", "beside"]},
    ],
}


def write(tmp_path: Path, job: dict[str, object]) -> None:
    (tmp_path / "job.yaml").write_text(yaml.safe_dump({"job": job}))


def ran(tmp_path: Path) -> list[str]:
    """Return the steps that have run since the last call, sorted: concurrent ones come in any order."""
    file = tmp_path / "job/ran"
    found = sorted(file.read_text().splitlines()) if file.exists() else []
    file.unlink(missing_ok=True)
    return found


def test_resume_goes_on_at_the_failed_step(tmp_path: Path) -> None:
    write(tmp_path, RESUMED)
    run = ("run", "--job-file", "job.yaml")
    assert runnerlib(*run, cwd=tmp_path).code == 1
    assert ran(tmp_path) == ["beside", "broken 1", "once"]
    assert runnerlib(*run, "--resume", cwd=tmp_path).code == 1
    assert ran(tmp_path) == ["broken 1"]
    (tmp_path / "job/fixed").touch()
    assert runnerlib(*run, "--resume", cwd=tmp_path).code == 0
    assert ran(tmp_path) == ["after", "broken 1"]
    assert runnerlib(*run, "--resume", cwd=tmp_path).code == 0
    assert ran(tmp_path) == []
    assert runnerlib(*run, cwd=tmp_path).code == 0
    assert ran(tmp_path) == ["after", "beside", "broken 1", "once"]


def test_a_step_cannot_say_that_another_one_is_done(tmp_path: Path) -> None:
    forge = r"""sed -Ei '/scan/{s/failure/success/;s/("exit_code": ?)3/\10/}' ../.runnerlib/journal.ndjson"""
    steps = [
        {"name": "scan", "run": "echo scan >> ../ran; exit 3"},
        {"name": "evil", "run": forge, "when": "always", "depends_on": ["scan"]},
    ]
    write(tmp_path, {"steps": steps})
    run = ("run", "--job-file", "job.yaml")
    assert runnerlib(*run, cwd=tmp_path).code == 3
    again = runnerlib(*run, "--resume", cwd=tmp_path)
    assert (again.code, ran(tmp_path)) == (3, ["scan", "scan"])
    assert "is not used: line 3 was not written by the runner; everything runs again" in again.err + again.out.decode()


def test_what_was_changed_and_what_follows_runs_again(tmp_path: Path) -> None:
    write(tmp_path, RESUMED)
    (tmp_path / "job").mkdir()
    (tmp_path / "job/fixed").touch()
    assert runnerlib("run", "--job-file", "job.yaml", cwd=tmp_path).code == 0
    ran(tmp_path)
    changed = json.loads(json.dumps(RESUMED))
    changed["steps"][1]["run"] += "; true"
    write(tmp_path, changed)
    assert runnerlib("run", "--job-file", "job.yaml", "--resume", cwd=tmp_path).code == 0
    assert ran(tmp_path) == ["after", "beside"]


def test_what_the_job_does_not_mind_stands_in_nobodys_way(tmp_path: Path) -> None:
    """Neither a failure that is allowed, nor a condition that is false; until that is true."""
    steps = [
        {"name": "lint", "run": "echo lint >> ../ran; false", "allow_failure": True},
        {"name": "publish", "run": "echo publish >> ../ran", "condition": 'env.GO == "1"'},
        {"name": "unseen", "run": "echo unseen >> ../ran", "condition": 'env.GO == "2"'},
        {"name": "after", "run": "echo after >> ../ran"},
        {"name": "broken", "run": "echo broken >> ../ran; test -e ../fixed"},
    ]
    write(tmp_path, {"name": "lenient", "steps": steps})
    run = ("run", "--job-file", "job.yaml")
    assert runnerlib(*run, cwd=tmp_path).code == 1
    assert ran(tmp_path) == ["after", "broken", "lint"]
    again = runnerlib(*run, "--resume", "--output", "prefixed", cwd=tmp_path)
    assert ran(tmp_path) == ["broken"]
    assert b"failed in an earlier run" in again.out
    (tmp_path / "job/fixed").touch()
    assert runnerlib(*run, "--resume", cwd=tmp_path, GO="1").code == 0
    assert ran(tmp_path) == ["after", "broken", "publish"], "what follows a step that runs has to run"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--from", "broken"], ["after", "broken 1"]),
        (["--from", "beside", "--skip", "after"], ["beside"]),
        (["--only", "after"], ["after"]),
        (["--only", "broken", "--only", "beside"], ["beside", "broken 1"]),
        (["--skip", "once"], ["after", "beside", "broken"]),
        (["--resume", "--skip", "after"], []),
    ],
)
def test_only_some_steps(tmp_path: Path, options: list[str], expected: list[str]) -> None:
    write(tmp_path, RESUMED)
    (tmp_path / "job").mkdir()
    (tmp_path / "job/fixed").touch()
    assert runnerlib("run", "--job-file", "job.yaml", cwd=tmp_path).code == 0
    ran(tmp_path)
    done = runnerlib("run", "--job-file", "job.yaml", *options, cwd=tmp_path)
    assert done.code == 0, done
    assert ran(tmp_path) == expected


def test_the_end_says_where_the_log_is_and_how_to_go_on(tmp_path: Path) -> None:
    """From a directory of the user's, and the command works as it stands there."""
    steps = [{"name": "ok", "run": "echo ok >> ../ran"}, {"name": "构建 it", "run": "echo no; test -e ../fixed"}]
    write(tmp_path, {"steps": steps})
    inside = tmp_path / "a directory"
    inside.mkdir()
    done = runnerlib("run", "--job-file", "job.yaml", "--work-dir", "..", "--from", "ok", cwd=inside)
    *_, headline, log, resume = done.out.decode().splitlines()
    assert re.fullmatch(r"✗ job 'job' failed after .* at '构建 it': 1 failed, 1 passed", headline)
    assert log == "  log:   ../job/artifacts/logs/构建_it.log"
    assert (inside / log.split()[1]).read_text() == "no\n"
    assert resume == "  go on: runnerlib run --job-file job.yaml --work-dir .. --resume"
    (tmp_path / "job/fixed").touch()
    done = runnerlib(*shlex.split(resume)[3:], cwd=inside)
    assert done.code == 0, done
    assert done.out.decode().splitlines()[-1].endswith(": 1 passed, 1 reused")
    assert ran(tmp_path) == ["ok"]


@pytest.mark.parametrize("reader", [{"REACTORCIDE_JOB_ID": "7"}, {"GITHUB_ACTIONS": "true"}])
def test_no_command_is_told_where_nobody_can_type_it(tmp_path: Path, reader: dict[str, str]) -> None:
    write(tmp_path, {"steps": [{"name": "a", "run": "false"}, {"name": "b", "run": "true"}]})
    done = runnerlib("run", "--job-file", "job.yaml", cwd=tmp_path, **reader)
    assert b"go on:" not in done.out
    assert b"1 failed, 1 skipped" in done.out


def test_a_secret_in_the_command_is_not_repeated(tmp_path: Path) -> None:
    write(tmp_path, {"steps": [{"name": "a", "run": "false"}, {"name": "b", "run": "true"}]})
    secret = ("--job-env", "TOKEN=hunter22hunter", "--secret-env-names", "TOKEN")
    done = runnerlib("run", "--job-file", "job.yaml", *secret, cwd=tmp_path)
    assert done.out.decode().splitlines()[-1] == "  go on: the same command with --resume"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (
            ["--from", "brokn"],
            "error: --from: unknown step 'brokn'; did you mean 'broken'?\n",
        ),
        (["--from", "once", "--only", "once"], "error: --from and --only contradict each other; give one of them\n"),
        (
            ["--job-command", "true"],
            "error: job_file (command line, --job-file): contradicts the command; give one of them\n",
        ),
        (
            ["--output", "jsn"],
            ("error: output (command line, --output): unknown output mode 'jsn'; did you mean 'json'?\n"),
        ),
    ],
)
def test_wrong_wishes(tmp_path: Path, options: list[str], error: str) -> None:
    write(tmp_path, RESUMED)
    assert runnerlib("run", "--job-file", "job.yaml", *options, cwd=tmp_path) == (78, b"", error)
    assert not (tmp_path / "job").exists()


def test_a_value_that_is_secret_is_not_kept_on_disk(tmp_path: Path) -> None:
    steps = [
        {"name": "give", "run": "echo give >> ../ran; echo v=$PW > $RUNNERLIB_OUTPUT"},
        {"name": "take", "run": "test $RUNNERLIB_OUTPUT_GIVE_V = hunter2-hunter2 && test -e ../fixed"},
    ]
    write(tmp_path, {"name": "j", "steps": steps})
    secret = {"PW": "hunter2-hunter2", "REACTORCIDE_SECRET_ENV_NAMES": "PW"}
    assert runnerlib("run", "--job-file", "job.yaml", cwd=tmp_path, **secret).code == 1
    kept = [path for path in (tmp_path / "job").rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert kept == []
    (tmp_path / "job/fixed").touch()
    assert runnerlib("run", "--job-file", "job.yaml", "--resume", cwd=tmp_path, **secret).code == 0
    assert ran(tmp_path) == ["give", "give"]


def test_a_job_file_with_mistakes_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(
        "job:\n  steps:\n    - nme: a\n      run: x\n    - name: b\n      run: y\n      depends_on: [c]\n"
    )
    done = runnerlib("run", "--job-file", "job.yaml", cwd=tmp_path)
    assert (done.code, done.out) == (78, b"")
    assert done.err.startswith("error: job.yaml:3:7: ")
    assert not (tmp_path / "job").exists()


def test_the_flat_form(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/file").write_text("content")
    flat = {
        "name": "old",
        "command": "cat file; echo $A$B",
        "environment": {"A": 1, "B": "2"},
        "source": {"type": "local", "url": f"{tmp_path}/src"},
    }
    (tmp_path / "job.json").write_text(json.dumps(flat))
    done = runnerlib("run-job", "job.json", cwd=tmp_path)
    assert done.code == 0, done
    assert b"content12" in done.out


def test_plan_draws_and_runs_nothing(tmp_path: Path) -> None:
    write(tmp_path, RESUMED)
    text = runnerlib("run", "--job-file", "job.yaml", "--plan", cwd=tmp_path)
    assert text.out.decode().splitlines()[:3] == [
        "job resumed: 4 steps",
        "level 1",
        "  once    echo once >> ../ran; echo v=1 > $RUNNERLIB_OUTPUT",
    ]
    mermaid = runnerlib("run", "--job-file", "job.yaml", "--plan", "mermaid", cwd=tmp_path)
    assert mermaid.out.startswith(b"flowchart TD\n")
    assert not (tmp_path / "job").exists()


# -- ends of every kind leave nothing behind


def processes_of(tmp_path: Path) -> list[int]:
    """The living processes whose command names the directory of the test."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                words = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(tmp_path) in words and b"waiter" in words:
                found.append(int(process.name))
    return found


def family(tmp_path: Path, count: int = 3) -> dict[str, object]:
    """Steps that leave processes everywhere: children, background ones, daemons in sessions of their own."""
    os.mkfifo(tmp_path / "up")
    waiter = f"python3 -S {WAITER} {tmp_path}/up"
    one = f"setsid {waiter} >/dev/null 2>&1 & {waiter} & (trap '' TERM; {waiter}) & {waiter}"
    return {
        "name": "family",
        "max_parallel": count,
        "steps": [{"name": f"s{n}", "run": one, "parallel": True} for n in range(count)],
    }


def wait_until_none(tmp_path: Path) -> None:
    """Processes that have been killed need a moment to be gone; a test that hangs here has found a leak."""
    while processes_of(tmp_path):
        time.sleep(0.005)


@pytest.mark.parametrize("end", ["TERM", "INT", "HUP", "twice", "timeout"])
def test_nothing_is_left_of_a_job_that_is_ended(tmp_path: Path, end: str) -> None:
    write(tmp_path, family(tmp_path))
    options = ["--job-timeout", "3"] if end == "timeout" else []
    job = started("run", "--job-file", "job.yaml", "--grace-period", "0.2", *options, cwd=tmp_path)
    while len(processes_of(tmp_path)) < 12 and job.poll() is None:
        with open(tmp_path / "up"):
            pass
    if end != "timeout":
        job.send_signal({"INT": signal.SIGINT, "HUP": signal.SIGHUP}.get(end, signal.SIGTERM))
    if end == "twice":
        job.send_signal(signal.SIGTERM)
    job.communicate()
    assert job.returncode == {"TERM": 143, "twice": 143, "INT": 130, "HUP": 129, "timeout": 124}[end]
    assert processes_of(tmp_path) == []


def test_nothing_is_left_of_a_runner_that_was_killed_and_resume_goes_on(tmp_path: Path) -> None:
    job = family(tmp_path)
    steps = job["steps"]
    assert isinstance(steps, list)
    for step in steps:
        step["run"] = f"test -e ../fixed && exit 0; {step['run']}"
    steps.insert(0, {"name": "first", "run": "echo first >> ../ran"})
    write(tmp_path, job)
    runner = started("run", "--job-file", "job.yaml", cwd=tmp_path)
    while len(processes_of(tmp_path)) < 12:
        with open(tmp_path / "up"):
            pass
    runner.kill()
    runner.communicate()
    wait_until_none(tmp_path)
    assert ran(tmp_path) == ["first"]
    (tmp_path / "job/fixed").touch()
    assert runnerlib("run", "--job-file", "job.yaml", "--resume", cwd=tmp_path).code == 0
    assert ran(tmp_path) == []


def test_a_second_runner_in_the_same_workspace_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    write(tmp_path, {"name": "j", "steps": [{"name": "wait", "run": f"echo up; read x < {tmp_path}/go"}]})
    first = started("run", "--job-file", "job.yaml", cwd=tmp_path)
    assert first.stdout is not None
    first.stdout.readline()
    second = runnerlib("run", "--job-file", "job.yaml", cwd=tmp_path)
    assert (second.code, second.err) == (125, f"error: another run is using the workspace '{tmp_path}/job'\n")
    (tmp_path / "go").write_text("\n")
    first.communicate()
    assert first.returncode == 0


def test_a_full_disk_is_a_verdict(tmp_path: Path) -> None:
    write(tmp_path, {"name": "j", "steps": [{"name": "a", "run": "yes | head -c 3000000"}]})
    with open("/dev/full", "wb") as full:
        job = subprocess.run(
            [RUNNERLIB, "run", "--job-file", "job.yaml"],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert job.returncode == 125
    assert b"No space left on device" in job.stderr


def test_steps_without_room_wait_until_others_have_ended(tmp_path: Path) -> None:
    """Steps hold their descriptors until it is told that there are no more."""
    waits = "while [ ! -e go ]; do sleep 0.05; done; echo x"
    steps: list[dict[str, object]] = [{"name": f"s{n}", "run": waits, "parallel": True} for n in range(60)]
    write(
        tmp_path,
        {"name": "j", "max_parallel": 60, "steps": [*steps, {"name": "z", "run": "echo tidy", "when": "always"}]},
    )
    run = ["sh", "-c", 'ulimit -n 64; exec "$0" run --job-file job.yaml --output prefixed', RUNNERLIB]
    with subprocess.Popen(run, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE) as job:
        assert job.stdout
        shown = b""
        for line in job.stdout:
            shown += line
            if b"cannot start a process: Too many open files" in line:
                (tmp_path / "job/src/go").touch()
        assert job.wait() == 0, shown
    assert shown.count(b"cannot start a process: Too many open files; steps wait until others have ended") == 1
    assert all(f"s{n}".ljust(3).encode() + b" \xe2\x94\x82 x\n" in shown for n in range(60))
    assert b"z   \xe2\x94\x82 tidy\n" in shown


def test_what_is_not_shown_is_in_the_log_of_a_single_command_too(tmp_path: Path) -> None:
    done = runnerlib("run", "--log-limit", "20", "--job-command", "seq 1000", cwd=tmp_path)
    assert done.code == 0
    assert b"bytes left out; the full log is job/artifacts/logs/job.log" in done.out
    assert (tmp_path / "job/artifacts/logs/job.log").read_text() == "".join(f"{n}\n" for n in range(1, 1001))


def test_a_terminal_of_a_step_is_as_large_as_the_runners(tmp_path: Path) -> None:
    """And stays so when somebody changes the window."""
    run = "trap 'stty size; exit 0' WINCH; stty size; while :; do sleep 1000 & wait; done"
    write(tmp_path, {"name": "j", "steps": [{"name": "a", "run": ["sh", "-c", run], "tty": True}]})
    ours, theirs = os.openpty()
    try:
        termios.tcsetwinsize(theirs, (33, 101))
        argv = [RUNNERLIB, "run", "--job-file", "job.yaml", "--output", "prefixed"]
        with subprocess.Popen(argv, cwd=tmp_path, env=environment(), stdout=theirs, start_new_session=True) as job:
            shown = b""
            while b"33 101" not in shown:
                shown += os.read(ours, 4096)
            termios.tcsetwinsize(theirs, (44, 202))
            job.send_signal(signal.SIGWINCH)  # from the kernel, where the terminal is the controlling one
            while b"44 202" not in shown:
                shown += os.read(ours, 4096)
            assert job.wait() == 0
    finally:
        os.close(ours)
        os.close(theirs)


def test_to_draw_a_plan_nobody_is_asked_for_a_secret(tmp_path: Path) -> None:
    steps = [{"name": "a", "run": "true", "env": {"A": "${secret:ci:token}"}, "condition": 'env.A == "${secret:x:y}"'}]
    write(tmp_path, {"name": "drawn", "env": {"B": "${secret:ci:other}"}, "steps": steps})
    (tmp_path / "settings.yaml").write_text(
        yaml.safe_dump({"secret_providers": "command", "secret_command": f"sh -c 'touch {tmp_path}/asked; exit 1'"})
    )
    run = ("run", "--config", "settings.yaml", "--job-file", "job.yaml")
    drawn = runnerlib(*run, "--plan", cwd=tmp_path)
    assert (drawn.code, drawn.err) == (0, ""), drawn
    assert not (tmp_path / "asked").exists()
    assert runnerlib(*run, "--dry-run", cwd=tmp_path).code == 78
    assert (tmp_path / "asked").exists()
