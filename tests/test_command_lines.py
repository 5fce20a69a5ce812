"""The command lines of the README and of docs/ are run as they stand, in order, a page in one directory.

What lies outside of this machine has a stand-in: the repository of the examples is a local one, and programs such as
make, docker and vault only say how they were called. A line may end in an exit code that the table below knows. The
blocks of the README that install packages are left out; the gate runs the second one, the tests themselves.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.cli import environment
from tests.source.repository import git
from tests.test_design import RUNNERLIB, stand_in
from tests.tools import tool

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_COMMAND = re.compile(r"^    (?:\$ )?((?:\S.*[ (])?runnerlib (?!:)[a-z].*)$", re.MULTILINE)
_SCRIPT = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

CODES = {
    "runnerlib checkout --ci": 78,  # only a worker gives its URL by settings
    "runnerlib mask --secrets-file secrets.env --check dist/ reports/": 1,  # there is a secret in a report
    # Nobody has these; that they are asked for shows that the line is understood.
    "runnerlib run --source-type tarball --source-url https://example.org/x.tar.gz "
    "--source-options strip=1 -- make": 125,
    "runnerlib run --git-url git@github.com:user/repo.git --source-options depth=0,submodules=recursive "
    "--job-command …": 127,  # what stands there is no command
    "runnerlib checkout --type svn https://svn.example.org/project/trunk --ref r1234": 125,
}

GREETING = """\
from runnerlib.plugins import Plugin, PluginPhase

class Greeting(Plugin):
    def __init__(self):
        super().__init__("greeting")

    def supported_phases(self):
        return [PluginPhase.PRE_EXECUTION]

    def pre_execution(self, context):
        context.env_vars["GREETING"] = "hello"
"""

FOSSIL = """\
from runnerlib.plugins import Plugin, PluginPhase

def fossil(spec, directory, report):
    (directory / "file").write_text("content")
    return "the revision"

class Fossil(Plugin):
    def __init__(self):
        super().__init__("fossil")

    def supported_phases(self):
        return [PluginPhase.PRE_SOURCE_PREP]

    def pre_source_prep(self, context):
        context.sources.register("fossil", fossil)
"""

FILES = {
    "job.yaml": "job_command: make test\n",
    "ci.yaml": "job_command: make\njob_timeout: 600\nprofiles:\n  nightly: {job_timeout: 7200}\n",
    "deploy.sh": '#!/bin/sh\necho "deployed to $1"\n',
    # The project's own pipeline installs packages; a shorter one of the same kind is in its place.
    "examples/pipeline.yaml": "job: {steps: [{name: a, run: echo a}, {name: b, run: echo b, parallel: true}]}\n",
    "examples/ci_pipeline.yaml": (ROOT / "examples/ci_pipeline.yaml").read_text(encoding="utf-8"),
    "ci/plugins/plugin_hello.py": (
        "from runnerlib.plugins import Plugin\nclass Hello(Plugin):\n"
        "    def __init__(self): super().__init__('hello')\n"
        "    def pre_execution(self, context): context.env_vars['GREETING'] = 'hello'\n"
    ),
    "steps.yaml": "job: {steps: [{name: build, run: make}, {name: test, run: make}, {name: deploy, run: make}]}\n",
    "pipeline.yaml": "workflow: {name: p, jobs: [{name: test, command: make test}]}\n",
    "ci/plugins/plugin_greeting.py": GREETING,
    "plugins/plugin_fossil.py": FOSSIL,
    "secrets.env": "TOKEN=correct-horse-battery\n",
    ".gitignore": "/job/\n",
    "token": "correct-horse-battery\n",
    "dist/clean": "nothing\n",
    "reports/report": "it was correct-horse-battery\n",
    ".reactorcide/jobs/deploy.yaml": "name: deploy\njob: {command: make deploy}\n",
    ".ssh/deploy_key": "-----BEGIN KEY-----\nabcdefgh\n",
}
REPOSITORIES = (
    "https://github.com/user/repo.git",
    "git@github.com:user/repo.git",
    "https://github.com/user/monorepo.git",
)
PROGRAMS = ("make", "docker", "vault", "aws", "npm")


def commands(page: Path) -> list[str]:
    """The lines of a page that stand indented, outside of fences, and run runnerlib; without their comments."""
    found = _COMMAND.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
    return [re.sub(r"\s{2,}# .*$", "", line).strip() for line in found]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    tool("git")
    tool("bash")
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    for name in PROGRAMS:
        # A container engine is given what never ends, for as long as its container is to live.
        stand_in(tmp_path, name, '#!/bin/sh\n[ "$1" = run ] || cat >/dev/null\necho "$(basename "$0") $*"\n')
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    (repository / "deploy.sh").write_bytes((tmp_path / "deploy.sh").read_bytes())
    (repository / "deploy.sh").chmod(0o755)
    for directory in ("services/api", "libs"):
        (repository / directory).mkdir(parents=True)
        (repository / directory / "file").write_text("x")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "x")
    git(repository, "tag", "v1.2")
    git(repository, "update-ref", "refs/pull/7/head", "HEAD")
    names = "".join(f"\tinsteadOf = {name}\n" for name in REPOSITORIES)
    (tmp_path / ".gitconfig").write_text(f'[url "{repository}"]\n{names}')
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_the_command_lines_of_a_page(page: Path, world: Path) -> None:
    for line in commands(page):
        done = run(line, world, inside="register-secret" in line)
        assert done.returncode == CODES.get(line, 0), f"{page.name}: {line}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, line


@pytest.mark.parametrize(
    ("page", "block"), [(page.name, block) for page in PAGES[1:] for block in _SCRIPT.findall(page.read_text("utf-8"))]
)
def test_the_shell_blocks_of_a_page(page: str, block: str, world: Path) -> None:
    done = run(block, world, inside=True)
    assert done.returncode == 0, f"{page}: {block}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr


def run(script: str, world: Path, *, inside: bool) -> subprocess.CompletedProcess[str]:
    """Run a script of bash in `world`; `inside`: as a step of a job, since some commands only work there."""
    env = environment(
        HOME=str(world),
        PATH=f"{world}/bin:{RUNNERLIB.parent}:{os.environ['PATH']}",
        DEPLOY_TOKEN="correct-horse-battery",
        REACTORCIDE_SECRETS_PASSWORD="a-password",
    )
    shell = ["bash", "-e", "-o", "pipefail", "-c", f'cd "{world}"\n{script}']
    argv = ["runnerlib", "run", "--", *shell] if inside else shell
    return subprocess.run(
        argv, cwd=world, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_every_exit_code_is_of_a_line() -> None:
    assert set(CODES) <= {line for page in PAGES for line in commands(page)}
