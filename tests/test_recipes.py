"""The files of docs/recipes.md: each is valid for the program that reads it, and its command lines run a job."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.integration.cli import RUNNERLIB, environment
from tests.looped import assert_each
from tests.pages import ROOT, blocks
from tests.source.repository import git
from tests.test_design import stand_in
from tests.tools import tool

RECIPES = {block.info[-1]: block.text for block in blocks(ROOT / "docs/recipes.md") if block.kind != "indented"}
URL = "https://github.com/user/repo.git"
CHECKS = {
    "github": ("check_jsonschema", "--builtin-schema", "vendor.github-workflows"),
    "gitlab": ("check_jsonschema", "--builtin-schema", "vendor.gitlab-ci"),
    "pre-commit": ("pre_commit", "validate-config"),
    "kubernetes": ("kubernetes_validate", "--strict"),
}


def test_each_recipe_has_a_test() -> None:
    assert set(RECIPES) == {*CHECKS, "jenkins", "cron", "make"}


def test_the_files_are_valid_for_their_readers(tmp_path: Path) -> None:
    def check(name: str, module: str, *args: str) -> None:
        file = tmp_path / f"{name}.yaml"
        file.write_text(RECIPES[name])
        argv = [Path(sys.executable).with_name(module.replace("_", "-")), *args, file]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    missing = [module for module, *_ in CHECKS.values() if importlib.util.find_spec(module) is None]
    if missing:
        assert os.environ.get("RUNNERLIB_DOCS") != "required", missing
        pytest.skip("pip install -e '.[docs]' brings the programs that check them")
    assert_each(check, ((name, *words) for name, words in CHECKS.items()))


def test_other_files_have_the_form_that_their_readers_ask_for() -> None:
    jenkins = RECIPES["jenkins"]
    assert [jenkins.count(sign) for sign in "{(["] == [jenkins.count(sign) for sign in "})]"]
    fields = RECIPES["cron"].split(maxsplit=5)
    assert all(re.fullmatch(r"\*|\d+", field) for field in fields[:5])
    assert "%" not in fields[5]  # it would be a line break


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project, its repository, and stand-ins for what installs and fetches."""
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "-q", "-b", "main")
    (project / "runnerlib.yaml").write_text("job: {steps: [{name: test, run: 'echo tested'}]}\n")
    (project / "Makefile").write_text(RECIPES["make"])
    git(project, "add", "-A")
    git(project, "commit", "-qm", "x")
    (tmp_path / ".gitconfig").write_text(f'[url "{project}"]\n\tinsteadOf = {URL}\n')
    (tmp_path / ".local/bin").mkdir(parents=True)
    (tmp_path / ".local/bin/runnerlib").symlink_to(RUNNERLIB)
    stand_in(tmp_path, "pipx")
    stand_in(tmp_path, "git", f'#!/bin/sh\n[ "$1" = pull ] || exec {tool("git")} "$@"\n')
    return project


def commands() -> dict[str, str]:
    """The command lines of each recipe, as a script."""
    github = yaml.safe_load(RECIPES["github"])["jobs"]["ci"]["steps"]
    container = yaml.safe_load(RECIPES["kubernetes"])["spec"]["template"]["spec"]["containers"][0]
    return {
        "github": "\n".join(step["run"] for step in github if "run" in step),
        "gitlab": "\n".join(yaml.safe_load(RECIPES["gitlab"])["ci"]["script"]),
        "jenkins": "\n".join(re.findall(r"\bsh '([^']+)'", RECIPES["jenkins"])),
        "kubernetes": shlex.join(container["command"]),
        "pre-commit": yaml.safe_load(RECIPES["pre-commit"])["repos"][0]["hooks"][0]["entry"],
        "cron": RECIPES["cron"].split(maxsplit=5)[5],
        "make": "make -n ci && make ci && make ci-test",
    }


def test_their_command_lines_run_the_job(project: Path) -> None:
    tool("make")
    path = f"{project.parent}/bin:{RUNNERLIB.parent}:{os.environ['PATH']}"
    env = environment(HOME=str(project.parent), PATH=path, CI_COMMIT_BRANCH="main")

    def check(_name: str, script: str) -> None:
        done = subprocess.run(["sh", "-ec", script], cwd=project, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"^(test │ )?tested$", done.stdout, re.MULTILINE), done.stdout

    assert_each(check, commands().items())
