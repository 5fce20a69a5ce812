"""Workflows on this machine: real jobs in workspaces of their own, and what they hand on."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

import runnerlib
from runnerlib._util.cancellation import Stop
from runnerlib.errors import ConfigError, PathError, RunnerError
from runnerlib.events import JobFinished, JobStarted
from runnerlib.events.result import StepResult
from runnerlib.pipeline.job import Job, Step
from runnerlib.pipeline.workflow import Download, Workflow
from runnerlib.runner.journal import Journal, Selection
from runnerlib.runner.workflow.artifacts import download
from runnerlib.runner.workflow.resume import ResumeState
from runnerlib.runner.workflow.status_records import Record, job_result, job_running, record_without_run
from tests.runner.workflow.house import Recorder, planned, ran

SECRET = "hunter2-hunter2"


def workflow(**jobs: dict[str, object]) -> Workflow:
    """Jobs by name; `run` is the command."""
    made = Workflow("w")
    for name, keys in jobs.items():
        given = dict(keys)
        made.add_job(name, given.pop("run", None), **given)  # type: ignore[arg-type]
    return made


def test_jobs_have_workspaces_of_their_own_and_hand_things_on(tmp_path: Path) -> None:
    test = Job("test")
    test.add_step("unit", 'echo "v=1" >> $RUNNERLIB_OUTPUT; mkdir -p r/deep; echo > r/a.xml; echo > r/deep/b.xml; >no')
    made = Workflow("w", vars={"greeting": "hello", "n": 3})
    made.add_job(test, upload=["r/**"])
    look = 'echo "$RUNNERLIB_OUTPUT_TEST_V $RC_WF_VARS_JSON"; cat $RC_WF_VARS_FILE; echo; cd $REACTORCIDE_ARTIFACTS_DIR'
    look += "; find . -type f | sort; ls $OLDPWD"
    made.add_job("build", look, depends_on="test", download="test")
    made.add_job("other", "ls; echo ${RUNNERLIB_OUTPUT_TEST_V-none}; pwd")
    done = ran(made, tmp_path)
    assert done.result.success, done.result
    told = '{"greeting": "hello", "n": 3, "test.v": "1"}'
    assert done.output("build").splitlines() == [f"1 {told}", told, "./test/r/a.xml", "./test/r/deep/b.xml"]
    assert done.output("other") == f"none\n{tmp_path}/job/jobs/other/src\n"
    assert done.result.job("test").outputs == {"v": "1"}


def test_outputs_of_a_job_are_what_it_promises(tmp_path: Path) -> None:
    made = workflow(
        a={
            "steps": [Step("one", "echo x=1 >> $RUNNERLIB_OUTPUT"), Step("two", "echo y=2 >> $RUNNERLIB_OUTPUT")],
            "outputs": {"first": "one.x"},
        },
        b={"run": "echo y=2 >> $RUNNERLIB_OUTPUT", "outputs": ["y", "z"]},
        c={"run": 'echo \'{"outputs": {"y": [1, true]}}\' > $RC_WF_OUTPUT_FILE', "outputs": ["y"]},
    )
    done = ran(made, tmp_path)
    assert done.result.job("a").outputs == {"first": "1"}
    assert done.result.job("b")[1:5] == ("failure", 1, "it did not write the output 'z' that it promises", "outputs")
    assert done.result.job("c").outputs == {"y": "[1, true]"}
    assert (done.result.exit_code, done.result.reason) == (
        1,
        "job 'b': it did not write the output 'z' that it promises",
    )


def test_two_values_of_one_variable_fail_the_job(tmp_path: Path) -> None:
    made = Workflow("w", vars={"v": 1})
    for name, value in (("same", "1"), ("other", "2"), ("bad", "{"), ("true", "true")):
        made.add_job(name, f'echo \'{{"vars": {{"v": {value}}}}}\' > $RC_WF_OUTPUT_FILE')
    done = ran(made, tmp_path)
    assert done.outcomes == {"same": "success", "other": "failure", "bad": "failure", "true": "failure"}
    assert "gives the workflow variable 'v' another value" in done.result.job("other").reason


def test_conditions_see_outcomes_outputs_and_the_branch(tmp_path: Path) -> None:
    text = """
jobs:
  a: {command: echo v=1 >> $RUNNERLIB_OUTPUT}
  b: {command: exit 3}
  yes-1: {command: x=1, needs: a, condition: "jobs.a.outputs.v == '1' and branch == 'main'"}
  no-1: {command: x=1, needs: a, condition: "branch != 'main'"}
  yes-2: {command: x=1, needs: [a, b], condition: any_failed}
  no-2: {command: x=1, needs: [a, b]}
  yes-3: {command: x=1, needs: b, condition: jobs.b.exit_code == 3}
  yes-4: {command: x=1, needs: no-2, condition: always}
"""
    done = ran(text, tmp_path, REACTORCIDE_BRANCH="main")
    outcomes = {name: outcome for name, outcome in done.outcomes.items() if name not in "ab"}
    assert outcomes == {name: "success" if name.startswith("yes") else "skipped" for name in outcomes}
    assert (done.result.exit_code, done.result.reason) == (3, "job 'b': exit code 3")


def test_each_item_and_combination_is_a_job(tmp_path: Path) -> None:
    made = workflow(
        each={"run": "echo $THING", "for_each": ["a b", 1, {"x": None}], "item_var": "THING"},
        grid={"run": "echo $MATRIX_OS-$MATRIX_PY", "matrix": {"os": ["l", "m"], "py": [3, "x"]}},
        last={"run": 'echo "$RC_WF_VARS_JSON"', "depends_on": ["each", "grid"]},
    )
    done = ran(made, tmp_path)
    assert done.result.success
    assert [done.output(f"each[{n}]") for n in range(3)] == ["a b\n", "1\n", '{"x": null}\n']
    assert [done.output(f"grid[{n}]") for n in range(4)] == ["l-3\n", "l-x\n", "m-3\n", "m-x\n"]
    assert (tmp_path / "job/jobs/grid+3/src").is_dir()


def test_every_secret_of_every_job_is_masked_everywhere(tmp_path: Path) -> None:
    made = workflow(
        a={"run": f"echo {SECRET}; echo v={SECRET} >> $RUNNERLIB_OUTPUT; exit 0"},
        b={"run": "echo $DEPLOY_TOKEN", "env": {"DEPLOY_TOKEN": SECRET}, "depends_on": "a"},
        c={"run": f"echo '{SECRET}' > reports; exit 3", "condition": f"env.X != '{SECRET}'", "upload": f"{SECRET}*"},
        d={"steps": [Step(SECRET, f"{SECRET}; false")], "depends_on": "b"},
    )
    done = ran(made, tmp_path)
    assert done.output("a") == "[REDACTED]\n"
    assert SECRET not in done.everything
    assert SECRET not in repr(done.told)
    for path in (tmp_path / "job").rglob("*"):
        # The journal of a job has the names of its steps, which its file has as well.
        if path.is_file() and path.name not in {"reports", "journal.ndjson"}:
            assert SECRET.encode() not in path.read_bytes(), path
    assert any("hands on a secret, which is not written down" in text for text in done.warnings)


def test_steps_of_a_job_are_told_by_both_names(tmp_path: Path) -> None:
    made = workflow(
        a={"steps": [Step("one", "true"), Step("two", "false"), Step("three", "true")]},
        b={"run": "true", "depends_on": "a"},
        c={"run": "true"},
    )
    done = ran(made, tmp_path)
    (started,) = [event for event in done.events if isinstance(event, JobStarted)]
    assert started == JobStarted(
        "w", {"a/one": (), "a/two": ("a/one",), "a/three": ("a/two",), "b": ("a/three",), "c": ()}
    )
    ends = {result.name: result.outcome for result in done.finished}
    assert ends == {"a/one": "success", "a/two": "failure", "a/three": "skipped", "b": "skipped", "c": "success"}
    (finished,) = [event for event in done.events if isinstance(event, JobFinished)]
    assert [step.name for step in finished.result.steps] == ["a/one", "a/two", "a/three", "b", "c"]
    assert {result.name for result in done.jobs_finished} == {"a", "b", "c"}
    told = done.told
    assert (told.failed_job, told.failed_step, told.reason) == ("a", "a/two", "job 'a': step 'two': exit code 1")
    assert finished.result.failed_step == "a/two"


class TestArtifacts:
    """Files that one job leaves and another one gets."""

    def test_selected_files_go_where_they_are_wanted(self, tmp_path: Path) -> None:
        text = """
jobs:
  a: {command: 'mkdir -p d; echo 1 > d/x.txt; echo 2 > d/y.bin; chmod 755 d/y.bin', artifacts: {upload: [d/*]}}
  b:
    needs: a
    command: 'find . -type f; test -x in/d/y.bin'
    artifacts: {download: {job: a, files: 'd/*.bin', to: in}}
"""
        done = ran(text, tmp_path)
        assert done.result.success, done.result
        assert done.output("b") == "./in/d/y.bin\n"

    def test_those_of_several_instances_are_told_apart(self, tmp_path: Path) -> None:
        text = """
jobs:
  a: {command: 'echo $ITEM > f', for_each: [x, y], artifacts: {upload: f}}
  b: {needs: a, command: 'cd $REACTORCIDE_ARTIFACTS_DIR/a; cat 0/f 1/f', artifacts: {download: a}}
"""
        assert ran(text, tmp_path).output("b") == "x\ny\n"

    @pytest.mark.parametrize(
        ("command", "what"),
        [
            ("ln -s /etc/passwd f", "a link that leads out of the workspace of the job"),
            ("ln -s ../../../../secret f", "a link that leads out of the workspace of the job"),
            ("mkfifo f", "a pipe"),
            ("true", ""),
            ("ln -s nowhere f", "a link to nothing"),
            ("ln -s f f", "a link to itself"),
            ("mkdir real; ln -s real f", "a link to a directory that is not among the files"),
            ("""python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("f")' """, "a socket"),
        ],
    )
    def test_what_is_no_file_of_the_job_is_left_out(self, command: str, what: str, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("of somebody else")
        alone = ran(workflow(a={"run": command, "upload": "f"}), tmp_path)
        left = f"left out 'f': {what}"
        assert alone.result.job("a").reason == f"artifacts: no file matches 'f'{f' ({left})' if what else ''}"
        assert not list((tmp_path / "job").rglob("artifacts/jobs/a/f"))
        shutil.rmtree(tmp_path / "job")
        beside = ran(workflow(a={"run": f"{command}; echo x > g", "upload": "*"}), tmp_path)
        assert beside.result.success
        told = [warning for warning in beside.warnings if warning.startswith("a: ")]
        assert told == ([f"a: artifacts: {left}"] if what else [])
        assert os.listdir(tmp_path / "job/artifacts/jobs/a") == ["g"]

    @pytest.mark.parametrize(
        ("if_no_files", "warnings"), [("warn", ["a: artifacts: no file matches 'none'"]), ("ignore", [])]
    )
    def test_no_file_is_what_the_job_says(self, if_no_files: str, warnings: list[str], tmp_path: Path) -> None:
        text = f"""
jobs:
  a: {{command: 'echo x > f', artifacts: {{upload: [f, none], if_no_files: {if_no_files}}}}}
  b: {{needs: a, command: 'cat $REACTORCIDE_ARTIFACTS_DIR/a/f', artifacts: {{download: a}}}}
"""
        done = ran(text, tmp_path)
        assert (done.result.success, done.output("b"), done.warnings) == (True, "x\n", warnings)

    def test_without_a_word_no_file_fails_the_job(self, tmp_path: Path) -> None:
        text = "jobs: {a: {command: 'echo x > f', artifacts: {upload: [f, none], if_no_files: fail}}}"
        assert ran(text, tmp_path).result.job("a").reason == "artifacts: no file matches 'none'"

    def test_links_holes_and_times_are_kept_on_the_way(self, tmp_path: Path) -> None:
        text = """
jobs:
  a:
    command: |
      mkdir -p out/venv/lib; cd out; echo x > venv/lib/l; ln -s lib venv/lib64; ln -s venv/lib64 far; ln -s far/l deep
      touch -d 2020-01-01T00:00:00Z venv/lib/l; truncate -s 64M hole; touch -h -d 2021-01-01T00:00:00Z venv/lib64
    artifacts: {upload: 'out/**'}
  b:
    needs: a
    command: |
      cd $REACTORCIDE_ARTIFACTS_DIR/a/out; readlink venv/lib64 far; cat venv/lib64/l far/l deep
      stat -c %Y venv/lib/l venv/lib64; stat -c '%s %b' hole
    artifacts: {download: a}
"""
        done = ran(text, tmp_path)
        assert done.output("b").splitlines() == [
            *("lib", "venv/lib64", "x", "x", "x", "1577836800", "1609459200", f"{64 << 20} 0")
        ]
        assert not done.warnings

    def test_a_link_to_a_file_of_the_job_is_that_file(self, tmp_path: Path) -> None:
        done = ran(workflow(a={"run": "echo x > real; ln -s real f", "upload": "f"}), tmp_path)
        assert done.result.success
        kept = tmp_path / "job/artifacts/jobs/a/f"
        assert (kept.read_text(), kept.is_symlink()) == ("x\n", False)

    def test_links_in_the_way_of_a_download_are_not_followed(self, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "in").symlink_to(outside)
        made = workflow(
            a={"run": "mkdir d; echo x > d/f", "upload": "d/f"},
            b={
                "run": "true",
                "depends_on": "a",
                "download": "a",
                "settings": {"source_type": "copy", "source_url": str(tmp_path / "src")},
            },
        )
        job = made.jobs[1]
        made.jobs[1] = job._replace(download=(job.download[0]._replace(to="in"),))
        done = ran(made, tmp_path)
        assert done.outcomes["b"] == "failure"
        assert not list(outside.iterdir())

    def test_a_job_that_failed_leaves_what_it_has(self, tmp_path: Path) -> None:
        done = ran(workflow(a={"run": "echo x > f; exit 3", "upload": ["f", "g"]}), tmp_path)
        assert done.result.exit_code == 3
        assert (tmp_path / "job/artifacts/jobs/a/f").read_text() == "x\n"


class TestMemory:
    """A run that goes on where the last one ended, and one that takes only some jobs."""

    def test_resume_runs_what_did_not_succeed_and_what_follows(self, tmp_path: Path) -> None:
        counted = f"echo $RUNNERLIB_STEP >> {tmp_path}/ran"
        made = workflow(
            a={"run": f"{counted}; echo v=1 >> $RUNNERLIB_OUTPUT"},
            b={"steps": [Step("one", counted), Step("two", f"{counted}; test -e {tmp_path}/ok")], "depends_on": "a"},
            c={"run": f"{counted}; echo $RUNNERLIB_OUTPUT_A_V", "depends_on": ["a", "b"]},
        )
        assert ran(made, tmp_path).outcomes == {"a": "success", "b": "failure", "c": "skipped"}
        (tmp_path / "ok").touch()
        again = ran(made, tmp_path, Selection(resume=True))
        assert again.outcomes == {"a": "success", "b": "success", "c": "success"}
        assert again.result.job("a").cause == "restored"
        assert again.output("c") == "1\n"
        assert (tmp_path / "ran").read_text().split() == ["a", "one", "two", "two", "c"]

    def test_a_job_that_changed_runs_again_with_all_that_follow(self, tmp_path: Path) -> None:
        def made(command: str) -> Workflow:
            return workflow(a={"run": command}, b={"run": "true", "depends_on": "a"}, c={"run": "true"})

        ran(made("true"), tmp_path)
        again = ran(made("true; true"), tmp_path, Selection(resume=True))
        assert {job.name for job in again.result.jobs if job.cause == "restored"} == {"c"}

    def test_one_job_alone_uses_what_the_others_left(self, tmp_path: Path) -> None:
        made = workflow(
            a={"run": "echo v=1 >> $RUNNERLIB_OUTPUT; echo x > f", "upload": "f"},
            b={
                "run": "cat $REACTORCIDE_ARTIFACTS_DIR/a/f; echo $RUNNERLIB_OUTPUT_A_V",
                "depends_on": "a",
                "condition": "branch == 'main'",
                "download": "a",
            },
        )
        first = ran(made, tmp_path, Selection(only=("a",)))
        assert [job.name for job in first.told.jobs] == ["a"]
        alone = ran(made, tmp_path, Selection(only=("b",)))
        assert alone.output("b") == "x\n1\n"
        assert [job.name for job in alone.told.jobs] == ["b"]
        assert [result.name for result in alone.finished] == ["b"]

    def test_left_out_jobs_keep_their_records(self, tmp_path: Path) -> None:
        made = workflow(a={"run": "exit 4"}, b={"run": "true"})
        ran(made, tmp_path)
        ran(made, tmp_path, Selection(only=("b",)))
        found = job_result(tmp_path / "job/.runnerlib/jobs", "a")
        assert found is not None
        assert (found["exit_code"], found["state"]) == (4, "failed")

    def test_a_wish_names_jobs_that_are_there(self, tmp_path: Path) -> None:
        made = workflow(build={"run": "true"})
        with pytest.raises(ConfigError, match=r"--only: unknown job 'biuld'.*did you mean 'build'"):
            planned(made, tmp_path, Selection(only=("biuld",)))


class TestRecords:
    """Facts that a job can ask for about others."""

    def test_a_job_asks_for_the_results_of_others(self, tmp_path: Path) -> None:
        ask = """import json, os, pathlib, runnerlib.runner.workflow.status_records as r
d = r.records_directory(os.environ, pathlib.Path.cwd())
print([r.job_result(d, n)["exit_code"] for n in ("a", "b")], r.job_running(d, "me"), r.job_running(d, "a"))
"""
        made = workflow(
            a={"run": "exit 5"},
            b={"run": "true"},
            me={"steps": [Step("ask", ask, "python3")], "depends_on": ["a", "b"], "condition": "always"},
        )
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        done = ran(made, tmp_path, PATH=path)
        assert done.output("me/ask") == "[5, 0] True False\n", done.everything

    def test_a_job_does_not_run_twice_at_a_time(self, tmp_path: Path) -> None:
        directory = tmp_path / "job/.runnerlib/jobs"
        held = Record(directory, "a", "a")
        held.started(1.0)
        try:
            assert job_running(directory, "a")
            done = ran(workflow(a={"run": "true"}, b={"run": "true"}), tmp_path)
        finally:
            held.close()
        assert done.result.job("a").reason == "the job 'a' is running already in this workspace"
        assert done.outcomes["b"] == "success"
        assert not job_running(directory, "a")

    def test_another_run_in_the_same_workspace_is_refused(self, tmp_path: Path) -> None:
        made = workflow(a={"run": "true"})
        seen: list[str] = []

        def second(_data: bytes) -> None:
            try:
                ResumeState(planned(made, tmp_path))
            except RunnerError as error:
                seen.append(str(error))

        ran(workflow(a={"run": "echo x"}), tmp_path, recorder=Recorder(second))
        assert seen == [f"another run is using the workspace '{tmp_path}/job'"]


class TestStopping:
    """Signals, by the same way that a signal handler takes."""

    def test_what_runs_is_stopped_and_what_tidies_up_runs(self, tmp_path: Path) -> None:
        stop = Stop()
        made = workflow(
            a={"run": "echo ready; sleep 1000"},
            b={"run": "true", "depends_on": "a"},
            c={"run": "echo tidy", "depends_on": "a", "condition": "always"},
        )
        recorder = Recorder(lambda data: stop.request(signal.SIGTERM) if b"ready" in data else None)
        done = ran(made, tmp_path, recorder=recorder, stop=stop)
        assert done.outcomes == {"a": "cancelled", "b": "cancelled", "c": "success"}
        assert (done.result.exit_code, done.result.reason) == (143, "stopped by SIGTERM")
        assert done.output("c") == "tidy\n"
        found = job_result(tmp_path / "job/.runnerlib/jobs", "a")
        assert found is not None
        assert found["state"] == "cancelled"

    def test_the_second_signal_ends_everything(self, tmp_path: Path) -> None:
        """Both jobs ignore TERM, and the signals come when both have said so: nothing but KILL ends them."""
        stop = Stop()
        said: list[bytes] = []

        def on_output(data: bytes) -> None:
            said.extend(data.split())
            if len(said) == 2:
                stop.request(signal.SIGINT)
                stop.request(signal.SIGINT)

        made = workflow(
            a={"run": "trap '' TERM; echo ready; while :; do sleep 1000; done"},
            c={"run": "trap '' TERM; echo tidying; while :; do sleep 1000; done", "condition": "always"},
            d={"run": "echo never", "condition": "always", "depends_on": ["c"]},
        )
        done = ran(made, tmp_path, recorder=Recorder(on_output), stop=stop, REACTORCIDE_GRACE_PERIOD="1000")
        assert done.result.exit_code == 130
        assert done.outcomes == dict.fromkeys("acd", "cancelled")

    def test_jobs_that_tidy_up_have_the_cleanup_time(self, tmp_path: Path) -> None:
        """As steps have it, together: what is not done then is killed, and what waits for it does not begin."""
        stop = Stop()

        def on_output(data: bytes) -> None:
            if b"ready" in data:
                stop.request(signal.SIGTERM)

        made = workflow(
            a={"run": "echo ready; exec sleep 1000"},
            b={"run": "echo tidied", "condition": "always", "depends_on": ["a"]},
            c={"run": "trap '' TERM; while :; do sleep 1000; done", "condition": "always", "depends_on": ["b"]},
            d={"run": "echo never", "condition": "always", "depends_on": ["c"]},
        )
        limits = {"REACTORCIDE_CLEANUP_TIMEOUT": "2", "REACTORCIDE_GRACE_PERIOD": "1000"}
        done = ran(made, tmp_path, recorder=Recorder(on_output), stop=stop, **limits)
        assert (done.result.exit_code, done.output("b"), done.output("d")) == (143, "tidied\n", "")
        assert done.outcomes == {"a": "cancelled", "b": "success", "c": "cancelled", "d": "cancelled"}

    def test_a_job_that_tidies_up_already_has_the_cleanup_time_from_the_signal_on(self, tmp_path: Path) -> None:
        stop = Stop()
        made = workflow(a={"run": "echo ready; exec sleep 1000", "condition": "always"})
        recorder = Recorder(lambda _data: stop.request(signal.SIGTERM))
        limits = {"REACTORCIDE_CLEANUP_TIMEOUT": "0.1", "REACTORCIDE_GRACE_PERIOD": "1000"}
        done = ran(made, tmp_path, recorder=recorder, stop=stop, **limits)
        assert (done.result.exit_code, done.outcomes) == (143, {"a": "cancelled"})


def test_an_image_needs_an_engine(tmp_path: Path) -> None:
    made = workflow(a={"run": "true", "image": "alpine:3"})
    with pytest.raises(
        ConfigError, match="the image 'alpine:3' needs a container engine, and there is no docker or podman"
    ):
        planned(made, tmp_path, PATH="/nonexistent")
    assert (
        planned(made, tmp_path, PATH="/nonexistent", REACTORCIDE_CONTAINER_ENGINE="none").plans["a"].placement is None
    )


def test_a_source_of_its_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    text = f"""
jobs:
  a: {{command: cat file, source: {{type: copy, url: {tmp_path}/one}}}}
  b: {{command: cat file, source_type: copy, source_url: {tmp_path}/two}}
  c: {{command: ls}}
  d: {{command: ls, source: {{type: copy, url: {tmp_path}/gone}}}}
"""
    done = ran(text, tmp_path)
    assert [done.output(name) for name in "abc"] == ["one", "two", ""]
    assert (done.result.job("d").outcome, done.result.job("d").cause) == ("failure", "runner")
    assert json.dumps([result.reason for result in done.finished if result.name == "d"]).count(str(tmp_path)) == 1


def test_jobs_that_are_triggered_are_told_of(tmp_path: Path) -> None:
    made = workflow(a={"run": """echo '{"job_name": "deploy"}' >> "$RUNNERLIB_TRIGGERS\""""}, b={"run": "true"})
    done = ran(made, tmp_path)
    assert done.result.success, done.result
    kept = json.loads((tmp_path / "job/jobs/a/triggers.json").read_text())
    assert [job["job_name"] for job in kept["jobs"]] == ["deploy"]
    assert not (tmp_path / "job/jobs/b/triggers.json").exists()


def test_plugins_have_their_part_in_every_job(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "plugin_greet.py").write_text(
        "from runnerlib.plugins import Plugin\n"
        "class Greet(Plugin):\n"
        "    def __init__(self): super().__init__('greet')\n"
        "    def pre_execution(self, context): context.env_vars['GREETING'] = 'hi'\n"
    )
    greeted = {"run": "test hi = $GREETING"}
    done = ran(workflow(a=greeted, b={**greeted, "depends_on": ["a"]}), tmp_path, REACTORCIDE_PLUGIN_DIR=str(plugins))
    assert done.result.success, done.result


# -- what a hostile job leaves behind


@pytest.mark.parametrize("fresh", [True, False])
def test_a_fifo_in_place_of_the_journal_is_refused(tmp_path: Path, fresh: bool) -> None:
    path = tmp_path / ".runnerlib/journal.ndjson"
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(RunnerError, match=r"cannot open the journal '.*': it is no regular file"):
        Journal(path, tmp_path / "seal", fresh=fresh)


def test_a_fifo_in_place_of_a_record_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    assert job_result(tmp_path, "a") is None
    assert not job_running(tmp_path, "a")


def test_the_runner_follows_no_link_out_of_the_workspace(tmp_path: Path) -> None:
    base, outside = tmp_path / "job", tmp_path / "outside"
    base.mkdir()
    outside.mkdir()
    (base / ".runnerlib").symlink_to(outside)
    refused = "a link stands where the runner keeps its files"
    with pytest.raises(PathError, match=refused):
        Journal(base / ".runnerlib/journal.ndjson", tmp_path / "seal", fresh=True)
    with pytest.raises(PathError, match=refused):
        Record(base / ".runnerlib/jobs", "a", "a")
    with pytest.raises(PathError, match=refused):
        record_without_run(base / ".runnerlib/jobs", "a", StepResult("a", "skipped", 0))
    swap = f"mv ../.runnerlib ../moved; ln -s {outside} ../.runnerlib"
    done = ran(workflow(a={"run": swap}, b={"run": "true"}), tmp_path / "x")
    assert done.outcomes["b"] == "success"
    again = ran(workflow(a={"run": "true"}, b={"run": "true"}), tmp_path / "x")
    assert again.outcomes == {"a": "failure", "b": "success"}
    assert refused in again.result.job("a").reason
    assert not list(outside.iterdir())


def test_a_directory_in_place_of_the_outputs_spoils_no_other_job(tmp_path: Path) -> None:
    made = workflow(a={"run": "mkdir -p $RC_WF_OUTPUT_FILE/x; echo > $RC_WF_OUTPUT_FILE/x/y"}, b={"run": "true"})
    assert ran(made, tmp_path).outcomes == {"a": "failure", "b": "success"}
    assert ran(workflow(a={"run": "true"}, b={"run": "true"}), tmp_path).outcomes == {"a": "success", "b": "success"}


def test_a_fault_of_the_system_ends_one_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(instance: object, *_: object) -> dict[str, str]:
        if instance.name == "a":  # type: ignore[attr-defined]
            raise OSError(errno.EIO, "Input/output error")
        return {}

    monkeypatch.setattr("runnerlib.runner.workflow.local_backend.tell", fail)
    done = ran(workflow(a={"run": "true"}, b={"run": "true"}), tmp_path)
    assert done.outcomes == {"a": "failure", "b": "success"}
    assert "input/output error" in done.result.job("a").reason


def test_results_are_those_of_this_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "job/.runnerlib/jobs"
    monkeypatch.setenv("RUNNERLIB_RECORDS", str(directory))
    ran(workflow(a={"run": "true"}, b={"run": "true"}), tmp_path)
    assert runnerlib.get_job_result("b") is not None
    ran(workflow(a={"run": "true"}), tmp_path, Selection(resume=True))
    assert runnerlib.get_job_result("a") is not None
    assert runnerlib.get_job_result("b") is None
    record = Record(directory, "c", "c")
    record.started(1.0)
    assert runnerlib.is_job_running("c")
    assert runnerlib.get_job_result("c") is None
    record.close()


def test_only_a_lock_that_is_held_means_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(errno.ENOLCK, "No locks available")

    record = Record(tmp_path / "jobs", "a", "a")
    with pytest.raises(RunnerError, match="is running already"):
        Record(tmp_path / "jobs", "a", "a")
    record.started(1.0)
    record.close()
    monkeypatch.setattr(fcntl, "fcntl", fail)
    with pytest.raises(RunnerError, match=r"cannot lock .*No locks available"):
        Record(tmp_path / "jobs", "a", "a")
    with pytest.raises(RunnerError, match="No locks available"):
        job_running(tmp_path / "jobs", "a")


def test_a_download_makes_no_directory_through_a_link(tmp_path: Path) -> None:
    store, target, outside = tmp_path / "artifacts/jobs/a/d/e", tmp_path / "target", tmp_path / "outside"
    for path in (store, target, outside):
        path.mkdir(parents=True)
    (store / "f").touch()
    (target / "d").symlink_to(outside)
    with pytest.raises(RunnerError, match="a link stands where"):
        download(Download("a"), ["a"], tmp_path / "artifacts", target)
    assert not list(outside.iterdir())
