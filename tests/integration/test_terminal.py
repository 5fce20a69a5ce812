"""The questions on a terminal: which steps run, and what to do where one has failed."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from runnerlib.cli._pick import chosen_names
from runnerlib.errors import ConfigError
from tests.integration.cli import runnerlib
from tests.integration.terminal import on_terminal

SECRET = "correct-horse-battery"
QUESTION = "none ends: "
PROMPT = "failed step$ "
STEPS = (
    {"name": "build", "run": "echo made > artifact", "description": "make the artifact"},
    {"name": "test", "run": "cat artifact; exit 3", "env": {"MODE": "fast"}, "depends_on": "build"},
    {"name": "lint", "run": "echo linting", "depends_on": "build", "description": "look at the style of all there is"},
    {"name": "tidy", "run": "echo tidied", "when": "always", "depends_on": "test"},
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "runnerlib.yaml").write_text(json.dumps({"job": {"steps": STEPS}}))
    return tmp_path


class TestPick:
    """`--pick`: a list, and the answer to it."""

    def test_numbers_and_names(self, project: Path) -> None:
        with on_terminal("run", "--pick", "--output", "prefixed", cwd=project, columns=50) as session:
            listed = session.until(QUESTION)
            assert listed.splitlines()[:5] == [
                "   1  build  make the artifact",
                "   2  test   (needs build)",
                "   3  lint   look at the style of all there is",
                "             (needs build)",
                "   4  tidy   (needs test)",
            ]
            session.types("9 lint\r")
            session.until("'9' is no number of the list, which are from 1 to 4\n")
            session.types("lnt\r")
            session.until("unknown name 'lnt'; did you mean 'lint'?\n")
            session.types("build,3-4\r")
            session.until("'tidy' needs test: what the last run left of it counts\n")
            assert session.ends() == 0
        assert "linting" in session.seen
        assert "tidied" in session.seen
        assert "· test   skipped" in session.seen

    @pytest.mark.parametrize("answer", ["\r", "\x04"])
    def test_nothing_is_chosen(self, project: Path, answer: str) -> None:
        with on_terminal("run", "--pick", cwd=project) as session:
            session.until(QUESTION)
            session.types(answer)
            assert session.ends() == 0
        assert not (project / "artifact").exists()

    def test_jobs_of_a_workflow(self, tmp_path: Path) -> None:
        jobs = {"a": {"command": "echo ran a"}, "b": {"command": "echo ran b", "needs": []}}
        (tmp_path / "w.yaml").write_text(json.dumps({"jobs": jobs}))
        with on_terminal("run", "--workflow-file", "w.yaml", "--pick", cwd=tmp_path) as session:
            session.until(QUESTION)
            session.types("2\r")
            assert session.ends() == 0
        assert ("ran a" in session.seen, "ran b" in session.seen) == (False, True)

    def test_where_it_means_nothing(self, project: Path) -> None:
        done = runnerlib("run", "--pick", cwd=project)
        assert (done.code, done.out) == (78, b"")
        assert done.err.startswith("error: --pick asks on a terminal, and stdin or stderr is none; ")
        with on_terminal("run", "--pick", "build", cwd=project) as session:
            assert session.ends() == 78
        assert session.seen == "error: --pick asks what runs; give it without names, --from, --only and --job\n"
        with on_terminal("run", "--pick", "--job-command", "true", cwd=project) as session:
            assert session.ends() == 78
        assert "error: --pick chooses steps of a job file or jobs of a workflow" in session.seen

    def test_answers(self) -> None:
        names = ["build", "unit tests", "3", "4"]
        expected = {
            "": [],
            "4": ["4"],
            "1,2": ["build", "unit tests"],
            "2-3": ["unit tests", "3"],
            "unit tests": ["unit tests"],
        }
        assert {answer: chosen_names(names, answer) for answer in expected} == expected
        for wrong in ("0", "5", "2-9", "3-2", "nothing", "99999999999999"):
            with pytest.raises(ConfigError):
                chosen_names(names, wrong)


class TestShellOnFailure:
    """`--shell-on-failure`: a shell in the place and with the variables of the step."""

    def test_it_is_where_and_as_the_step_ran(self, project: Path) -> None:
        with on_terminal("run", "--shell-on-failure", cwd=project, columns=100, DEPLOY_TOKEN=SECRET) as session:
            session.until("runnerlib: step 'test' has failed; this shell is where it ran, and `exit` goes on\n")
            session.until(PROMPT)
            assert "tidied" not in session.seen  # the steps after it wait
            session.types("pwd; cat artifact; echo $MODE-$RUNNERLIB_STEP; echo $DEPLOY_TOKEN; stty size\r")
            shown = session.until(PROMPT)
            assert f"\n{project}\nmade\nfast-test\n[REDACTED]\n50 100\n" in shown
            session.types("sleep 100\r")
            session.until("sleep 100\n")
            session.types("\x03")  # it is for the shell, not for the runner
            session.until(PROMPT)
            session.types("exit 9\r")
            assert session.ends() == 3
        assert session.seen.count("has failed; this shell") == 1
        assert "tidied" in session.seen
        assert SECRET not in session.seen

    def test_a_signal_to_the_runner_ends_it(self, project: Path) -> None:
        with on_terminal("run", "--shell-on-failure", cwd=project) as session:
            session.until(PROMPT)
            session.process.send_signal(signal.SIGTERM)
            assert session.ends() == 143

    def test_in_a_job_of_a_workflow(self, tmp_path: Path) -> None:
        jobs = {"a": {"command": "echo $HERE; exit 4", "env": {"HERE": "there"}}, "b": {"command": "true"}}
        (tmp_path / "w.yaml").write_text(json.dumps({"jobs": jobs}))
        with on_terminal("run", "--workflow-file", "w.yaml", "--shell-on-failure", cwd=tmp_path) as session:
            session.until(PROMPT)
            session.types("echo is:$HERE; exit\r")
            session.until("\nis:there\n")
            assert session.ends() == 4

    def test_none_opens_after_success(self, project: Path) -> None:
        with on_terminal("run", "lint", "--shell-on-failure", cwd=project) as session:
            assert session.ends() == 0
        assert PROMPT not in session.seen

    def test_only_on_a_terminal(self, project: Path) -> None:
        done = runnerlib("run", "--shell-on-failure", cwd=project)
        said = "error: --shell-on-failure opens a shell on a terminal, and stdin or stdout is none\n"
        assert (done.code, done.out, done.err) == (78, b"", said)
        with on_terminal("run", "--shell-on-failure", "--output", "live", cwd=project) as session:
            assert session.ends() == 78
        assert "contradicts --output live" in session.seen
