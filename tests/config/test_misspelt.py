"""A variable that was probably meant as a setting is told, in every command that reads settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runnerlib.config import SETTINGS
from runnerlib.config.misspelt import misspelt
from tests.integration.cli import runnerlib

PACKAGE = Path(__file__).parents[2] / "runnerlib"

MEANT = {
    "REACTORCIDE_SECRET_ENV_NAME": "REACTORCIDE_SECRET_ENV_NAMES",
    "REACTORCIDE_SECRETS_ENV_NAMES": "REACTORCIDE_SECRET_ENV_NAMES",
    "REACTORCIDE_SECRET_VALUES": "REACTORCIDE_SECRET_VALUES_LIST",
    "REACTORCIDE_SECRET_FILE": "REACTORCIDE_SECRETS_FILE",
    "REACTORCIDE_SECRET_PASSWORD": "REACTORCIDE_SECRETS_PASSWORD",
    "REACTORCIDE_JOBENV": "REACTORCIDE_JOB_ENV",
    "REACTORCIDE_JOB_TIMOUT": "REACTORCIDE_JOB_TIMEOUT",
    "REACTORCIDE_secret_env_names": "REACTORCIDE_SECRET_ENV_NAMES",
    "reactorcide_job_timeout": "REACTORCIDE_JOB_TIMEOUT",
    "REACTORICDE_JOB_TIMEOUT": "REACTORCIDE_JOB_TIMEOUT",
    "REACTOCIDE_SECRET_ENV_NAME": "REACTORCIDE_SECRET_ENV_NAMES",
}
OWN = [
    "REACTORCIDE_MINE",
    "REACTORCIDE_",
    "REACTORCIDE",
    "REACT_APP_JOB_TIMEOUT",
    "RC_WF_ID",
    "RUNNERLIB_OUTPUT",
    "R_HOME",
]
OWN += ["JOB_TIMEOUT", "READ_TOKEN", "REACTORCIDE_DEPLOY_TARGET", "REACTORCIDE_CI_POLICY", "REACTORCIDE_REPO", "ROOT"]


@pytest.mark.parametrize("name", MEANT)
def test_one_that_is_close_to_a_setting(name: str) -> None:
    assert list(misspelt({name: "x"})) == [f"variable '{name}' is no setting; did you mean '{MEANT[name]}'?"]


@pytest.mark.parametrize("name", OWN)
def test_one_of_somebody_else(name: str) -> None:
    assert list(misspelt({name: "x"})) == []


def test_one_letter_more_less_or_other_in_every_setting() -> None:
    variables = {setting.variable for setting in SETTINGS.values()}
    for variable in variables:
        at = len("REACTORCIDE_") + 2
        for name in (variable + "S", variable[:at] + variable[at + 1 :], variable[:at] + "Q" + variable[at + 1 :]):
            if name not in variables:
                assert list(misspelt({name: ""})), name


def test_every_variable_of_the_program_is_known() -> None:
    found = {
        name for file in PACKAGE.rglob("*.py") for name in re.findall(r"\bREACTORCIDE_[A-Z_]+[A-Z]\b", file.read_text())
    }
    assert len(found) > 30
    assert list(misspelt(dict.fromkeys(found, ""))) == []


COMMANDS = [
    ["run", "--job-command", "echo $MYPW"],
    ["run", "--dry-run", "--", "true"],
    ["validate", "--", "true"],
    ["config"],
    ["config", "--explain", "job_timeout"],
    ["mask"],
    ["mask", "--check", "file"],
    ["copy", "."],
    ["checkout", "file"],
    ["eval", "--event-type", "push", "--ci-source-dir", ".", "--source-dir", "."],
    ["trigger", "job.yaml", "--triggers-file", "job/triggers.json"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_every_command_tells_it_once(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "job.yaml").write_text("name: x\njob: {command: 'true'}\n")
    done = runnerlib(*words, cwd=tmp_path, REACTORCIDE_SECRET_ENV_NAME="MYPW", MYPW="hunter2-hunter2")
    said = "variable 'REACTORCIDE_SECRET_ENV_NAME' is no setting; did you mean 'REACTORCIDE_SECRET_ENV_NAMES'?"
    assert (done.err + done.out.decode()).count(said) == 1
    assert "internal error" not in done.err


def test_as_a_line_of_a_structured_log(tmp_path: Path) -> None:
    env = {"REACTORCIDE_JOB_TIMOUT": "1", "LOG_FORMAT": "json"}
    for words in (["run", "--", "true"], ["config"]):
        done = runnerlib(*words, cwd=tmp_path, **env)
        assert done.err.startswith("{")
        assert "REACTORCIDE_JOB_TIMEOUT" in done.err


def test_a_workflow_tells_it_once(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text("jobs: [{name: a, command: 'true'}, {name: b, command: 'true'}]\n")
    done = runnerlib("run", "--workflow-file", "w.yaml", cwd=tmp_path, REACTORCIDE_JOB_TIMOUT="1")
    assert (done.err + done.out.decode()).count("did you mean 'REACTORCIDE_JOB_TIMEOUT'?") == 1
