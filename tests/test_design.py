"""The code blocks of the design are run, verbatim; only what lies outside of this machine has a stand-in here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import runnerlib
from tests import design_examples as design
from tests.dockerd import containers
from tests.engine.harness import Recorder
from tests.integration.cli import RUNNERLIB, environment
from tests.integration.cli import runnerlib as command_line
from tests.source.repository import git
from tests.tools import tool

REPOSITORY = "https://github.com/user/repo.git"
MAKEFILE = "test:\n\techo tested\nbuild:\n\techo built\n"

# Carries the command of a container out here; the directory that would be mounted at /job is ./workspace.
DOCKER = """#!/bin/sh
[ "$1" = run ] && shift
while :; do
  case $1 in
    --rm) shift ;;
    -v) [ "${2#*:}" = /job ] && export RUNNERLIB_WORKSPACE="$PWD/workspace"; shift 2 ;;
    -e) export "$2"; shift 2 ;;
    *) break ;;
  esac
done
[ "$1" = reactorcide/runner:latest ] && shift
exec "$@"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stand_in(here: Path, name: str, script: str = '#!/bin/sh\necho "$(basename "$0") $*"\n') -> None:
    """Put a program into ./bin, which comes first in `outside`'s PATH; by default it says how it was called."""
    (here / "bin").mkdir(exist_ok=True)
    (here / "bin" / name).write_text(script)
    (here / "bin" / name).chmod(0o755)


def outside(here: Path, **more: str) -> dict[str, str]:
    """An environment in which the repository of the examples is one of this machine, with a branch of each name."""
    tool("git")
    repository = here / "repository"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    (repository / "Makefile").write_text(MAKEFILE)
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "x")
    git(repository, "branch", "feature-branch")
    (here / ".gitconfig").write_text(f'[url "{repository}"]\n\tinsteadOf = {REPOSITORY}\n')
    return environment(HOME=str(here), PATH=f"{here}/bin:{RUNNERLIB.parent}:{os.environ['PATH']}", **more)


def shell(block: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-ec", block], env=env, capture_output=True, text=True, check=False)


def test_source_preparation_strategies() -> None:
    made: list[runnerlib.RunnerConfig] = []

    def get_config(**settings: object) -> runnerlib.RunnerConfig:
        made.append(runnerlib.get_config(**settings))
        return made[-1]

    exec(design.STRATEGIES, {"get_config": get_config})
    assert [(config.source_type, config.source_url, config.source_ref) for config in made] == [
        ("none", None, None),
        ("git", REPOSITORY, "main"),
        ("copy", "/path/to/local/source", None),
        ("git", "https://github.com/attacker/fork.git", "pr-branch"),
    ]
    assert [config.ci_source_url for config in made][2:] == [None, "https://github.com/company/ci-scripts.git"]


def test_a_job_and_its_steps(here: Path) -> None:
    for name in ("git", "pytest", "python"):
        stand_in(here, name)
    names = {"Job": runnerlib.Job}
    exec(design.JOB_OF_STEPS, names)
    job = names["job"]
    assert isinstance(job, runnerlib.Job)
    recorder = Recorder()
    result = runnerlib.run_job(job, job_env={"PATH": f"{here}/bin:{os.environ['PATH']}"}, observer=recorder)
    assert [step.outcome for step in result.steps] == ["success"] * 3
    assert recorder.output.decode().splitlines() == [
        f"git clone {REPOSITORY} /job/src",
        "pytest tests/",
        "python setup.py bdist_wheel",
    ]


@pytest.mark.parametrize(
    ("block", "shown"),
    [(design.COMMAND_LINE, "npm install\nnpm test\n"), (design.ON_A_LAPTOP, "echo tested\ntested\n")],
    ids=["a worker's", "on a laptop"],
)
def test_command_lines(block: str, shown: str, here: Path) -> None:
    stand_in(here, "npm")
    done = shell(block, outside(here))
    assert (done.returncode, done.stdout) == (0, shown), done
    assert (here / "job/src/Makefile").exists()


def test_in_a_container_of_the_worker(here: Path) -> None:
    stand_in(here, "docker", DOCKER)
    done = shell(design.IN_A_CONTAINER, outside(here))
    assert (done.returncode, done.stdout) == (0, "echo tested\ntested\n"), done
    assert (here / "workspace/src/Makefile").exists()


def test_the_target_pattern_works_on_what_is_mounted(here: Path) -> None:
    stand_in(here, "docker", DOCKER)
    (here / "workspace/src").mkdir(parents=True)
    (here / "workspace/src/Makefile").write_text(MAKEFILE)
    done = shell(design.IS_GOING_TO_BE, outside(here))
    assert (done.returncode, done.stdout) == (0, "echo tested\ntested\n"), done


@pytest.mark.parametrize("block", [design.FROM_A_WORKER, design.USED_TO_BE], ids=["from a worker", "used to be"])
def test_a_runner_that_starts_a_container(block: str, here: Path, docker: dict[str, str]) -> None:
    """The image has a `make` of its own, and the engine is a real one."""
    env = outside(here)
    done = shell(block, {**env, **docker, "PATH": f"{RUNNERLIB.parent}:{docker['PATH']}"})
    assert (done.returncode, done.stdout) == (0, "made test with a Makefile of 2 targets\n"), done
    assert containers(docker) == []


def test_triggering_follow_up_jobs(here: Path) -> None:
    (here / "pipeline.py").write_text(design.TRIGGERS)
    done = command_line("run", "--", sys.executable, str(here / "pipeline.py"), cwd=here)
    assert (done.code, done.out) == (0, b""), done
    jobs = json.loads((here / "job/triggers.json").read_text())["jobs"]
    assert [(job["job_name"], job["env"]) for job in jobs] == [
        ("deploy-staging", {"DEPLOY_TARGET": "staging", "ARTIFACT_URL": "s3://..."}),
        ("build-linux", {"PLATFORM": "linux"}),
        ("build-macos", {"PLATFORM": "macos"}),
    ]


def test_what_comes_next_without_a_worker(capsys: pytest.CaptureFixture[str]) -> None:
    exec(design.NEXT_JOB, {"runnerlib": runnerlib})
    assert capsys.readouterr().out == design.NEXT_JOB_SHOWN


@pytest.mark.parametrize(("makefile", "shown"), [(MAKEFILE, ["tested", "built"]), ("test:\n\tfalse\n", [])])
def test_a_job_script_with_a_plugin_of_its_own(makefile: str, shown: list[str], here: Path) -> None:
    """The script does not end with the exit code of its job: what its plugin is told says how that ended."""
    (here / "job/src").mkdir(parents=True)
    (here / "job/src/Makefile").write_text(makefile)
    (here / "script.py").write_text(design.JOB_SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert [line for line in done.stdout.splitlines() if line in {"tested", "built"}] == shown
    assert "custom_build: Setting up custom build environment..." in done.stderr
    assert ("custom_build: Build succeeded! Uploading artifacts..." in done.stderr) == bool(shown)
    assert (here / "job/artifacts").is_dir()


@pytest.mark.parametrize(
    ("deploying", "shown"),
    [("cat {fifo}", "Deploy already in progress, skipping"), ("true", "deploying")],
    ids=["a deploy is running", "none is"],
)
def test_the_state_of_other_jobs(deploying: str, shown: str, here: Path) -> None:
    """In a workflow of three jobs. What the block calls and does not define is of the script that it stands in."""
    fifo = here / "fifo"
    os.mkfifo(fifo)
    (here / "state.py").write_text(f"import runnerlib\ndef trigger_deploy():\n    print('deploying')\n{design.STATE}")
    # The reader waits for the script to have asked; when nobody reads, the job itself does.
    asked = f"echo > {fifo}" if "fifo" in deploying else "true"
    jobs = {
        "test": {"command": "true"},
        "deploy-production": {"command": deploying.format(fifo=fifo)},
        "next": {"depends_on": ["test"], "command": f"python {here}/state.py; {asked}"},
    }
    if "fifo" not in deploying:
        jobs["next"]["depends_on"] = ["test", "deploy-production"]
    (here / "pipeline.yaml").write_text(json.dumps({"workflow": {"name": "release", "jobs": jobs}}))
    env = environment(PATH=f"{RUNNERLIB.parent}:{os.environ['PATH']}")
    argv = [RUNNERLIB, "run", "--workflow-file", "pipeline.yaml", "--max-parallel", "2"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert [line.partition(" │ ")[2] for line in done.stdout.splitlines() if line.startswith("next ")][1:2] == [shown]
