"""The pages of the README and docs/ are followed from top to bottom, each in one directory by one shell.

Their command lines and `sh` blocks are run as they stand, and files that a page has its reader write are written. What
lies outside of this machine has a stand-in: the repository of the examples is a local one, and programs such as make,
docker and vault only say how they were called. A line may end in an exit code that the table below knows. Blocks that
install packages are left out: the gate runs them (`.ci/run`).
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli import environment
from tests.pages import PAGES, ROOT, Block, blocks
from tests.source.repository import git
from tests.test_design import RUNNERLIB, stand_in
from tests.tools import tool

COMMAND = re.compile(r"^(?:\$ )?((?:\S.*[ (])?runnerlib (?!:)[a-z].*)$", re.MULTILINE)

INSTALLING = {("README.md", "python3 -m venv"), ("install.md", "apt-get"), ("install.md", "python3 -m venv")}
INSTALLING |= {("install.md", "pip wheel"), ("install.md", "RUNNERLIB_PARTS=mask pip install")}

CODES = {
    "runnerlib checkout --ci": 78,  # only a worker gives its URL by settings
    "runnerlib mask --secrets-file secrets.env --check dist/ reports/": 1,  # there is a secret in a report
    # Nobody has these; that they are asked for shows that the line is understood.
    "runnerlib run --source-type tarball --source-url https://example.org/x.tar.gz "
    "--source-options strip=1 -- make": 125,
    "runnerlib run --git-url git@github.com:user/repo.git --source-options depth=0,submodules=recursive "
    "--job-command …": 127,  # what stands there is no command
    "runnerlib run --workflow-file pipeline.yaml --on nats://127.0.0.1:4222 --fleet-key-file fleet.key": 125,
    "runnerlib fleet status --on nats://127.0.0.1:4222": 125,
    "runnerlib runs list --on nats://127.0.0.1:4222": 125,
    "runnerlib runs attach 3f2a91c07be4d815": 78,
    "runnerlib runs logs 3f2a91c07be4d815 --follow --on nats://127.0.0.1:4222": 78,
    "runnerlib runs cancel 3f2a91c07be4d815 --on nats://127.0.0.1:4222": 125,
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
    "release.yaml": (
        "job: {inputs: {version: {}, dry-run: {type: boolean, default: true}},"
        " steps: [{name: build, run: 'echo $INPUT_VERSION'}]}\n"
    ),
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


ENDED = """ended() { [ "$2" = "$3" ] || { echo "$1: exit code $2, not $3" >&2; exit 99; }; }"""


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
    (repository / "runnerlib.yaml").write_text("job: {steps: [{name: test, run: echo tested}]}\n")
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


def lines_of(block: Block) -> list[str]:
    """Return the command lines of an indented block, without their comments."""
    return [re.sub(r"\s{2,}# .*$", "", line).strip() for line in COMMAND.findall(block.text)]


def is_run(block: Block) -> bool:
    return block.kind == "sh" and not any(
        block.page == page and block.text.startswith(start) for page, start in INSTALLING
    )


def steps(page: Path) -> Iterator[str]:
    """Yield what a shell does for each block of the page; some commands work only inside of a job."""
    for block in blocks(page):
        if block.file is not None:
            yield f"cat > {block.file} <<'END OF FILE'\n{block.text}END OF FILE"
        elif is_run(block):
            yield _inside(block.text) if "RUNNERLIB_TRIGGERS" in block.text else block.text
        elif block.kind == "indented":
            for line in lines_of(block):
                command = _inside(line) if "register-secret" in line else f"( {line}\n)"
                yield f"code=0; {command} || code=$?; ended {shlex.quote(line)} $code {CODES.get(line, 0)}"


def _inside(text: str) -> str:
    script = f'cd "$WORLD"\n{text}'
    return f"runnerlib run -- bash -e -o pipefail -c {shlex.quote(script)}"


@pytest.mark.parametrize("page", [page for page in PAGES if list(steps(page))], ids=lambda page: page.name)
def test_a_page_from_top_to_bottom(page: Path, world: Path) -> None:
    script = "\n".join((ENDED, *steps(page)))
    env = environment(
        HOME=str(world),
        WORLD=str(world),
        PATH=f"{world}/bin:{RUNNERLIB.parent}:{os.environ['PATH']}",
        DEPLOY_TOKEN="correct-horse-battery",
        REACTORCIDE_SECRETS_PASSWORD="a-password",
    )
    argv = ["bash", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(
        argv, cwd=world, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{page.name}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    assert "Traceback" not in done.stderr


def test_every_exit_code_is_of_a_line() -> None:
    assert set(CODES) <= {line for page in PAGES for block in blocks(page) for line in lines_of(block)}


def test_every_block_that_installs_is_there() -> None:
    starts = {(block.page, block.text) for page in PAGES for block in blocks(page)}
    assert all(any(page == one and text.startswith(start) for one, text in starts) for page, start in INSTALLING)


def test_the_readme_installs_as_the_page_that_the_gate_runs() -> None:
    readme, page = (
        [one.text for one in blocks(ROOT / name) if one.kind == "sh"] for name in ("README.md", "docs/install.md")
    )
    assert readme[2] == page[1]
