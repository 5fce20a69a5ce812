"""Each block of code in the README and docs/ is run, checked, or shows what is really said; others have a reason.

In what is shown `…` stands for what is left out.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from runnerlib.config import resolve
from runnerlib.errors import ConfigError
from runnerlib.masking.report import RuleCount
from runnerlib.pipeline import job_file, workflow
from runnerlib.runner.findings.matchers import Matchers, from_json
from tests.integration.cli import RUNNERLIB, environment
from tests.looped import assert_each
from tests.pages import Block, all_blocks
from tests.test_command_lines import INSTALLING, is_run, lines_of

# What reads the blocks of each kind.
CHECKED = {
    "python": "tests/test_docs.py runs them",
    "yaml": "tests/test_docs.py, and the schema",
    "yaml job": "tests/pipeline/job_file/test_docs.py, and the schema; those with a name tests/test_command_lines.py",
    "yaml workflow": "tests/pipeline/workflow/test_docs.py, and the schema",
    "yaml include": "tests/pipeline/workflow/test_include.py",
    "text condition": "tests/pipeline/job_file/test_docs.py",
    **dict.fromkeys(("yaml github", "yaml gitlab", "groovy jenkins", "yaml kubernetes"), "tests/test_recipes.py"),
    **dict.fromkeys(("yaml theirs", "text left"), "tests/integration/test_import.py"),
    **dict.fromkeys(("yaml pre-commit", "text cron", "make"), "tests/test_recipes.py"),
    **dict.fromkeys(("js", "go", "rust", "json request"), "tests/test_languages.py"),
    "json annotation": "tests/runner/findings/test_written_down.py",
    **dict.fromkeys(("yaml notify", "json message"), "tests/output/notify/test_notify.py"),
    **dict.fromkeys(("yaml ci", "json", "text error", "text problem", "text explain"), "below"),
}
OTHERS = {
    ("api.md", ""): "tests/test_docs.py writes the page anew",
    ("output.md", ""): "tests/output/test_page.py",
    ("README.md", "flowchart LR"): "a picture, which the site draws",
    ("architecture.md", "cli · api ──► RunRequest"): "a picture",
    ("architecture.md", "cli/__init__.py              invoke"): "tests/test_way.py",
    ("observability.md", "pip install"): "tests/output/telemetry has the extra",
    ("fleet.md", "pip install"): "tests/runner/fleet starts the server that .ci/run installs",
    ("fleet.md", "umask 077"): "tests/runner/fleet/machines.py runs these commands, with workers that it can end",
    ("fleet.md", "nats://user"): "forms of an address",
    ("reports.md", "tests of unit:"): "tests/runner/findings/test_step_reports.py",
    (
        "fleet.md",
        "kubectl create secret",
    ): "tests/runner/fleet/test_kubernetes.py has such a Secret in a real API server",
    (
        "fleet.md",
        "runnerlib run --workflow-file pipeline.yaml --fleet-key-file fleet.pub",
    ): "the same, at an address of its own",
    ("fleet.md", "export REACTORCIDE_FLEET="): "tests/runner/fleet/test_store.py runs them",
    ("releasing.md", ".ci/release"): "the gate rehearses a release",
    ("releasing.md", "twine upload"): "nothing is published by a test",
    ("releasing.md", "make -C docker"): "tests/images, without pushing",
    ("running.md", "error: job.yaml:5:13"): "on a terminal; tests/cli/test_error_text.py",
    ("triggers.md", "@@runnerlib-triggers/1 KEY"): "tests/output/test_modes.py",
    ("workflows.md", "📋 Next jobs to run:"): "tests/integration/test_run_workflow.py",
}


def is_known(block: Block) -> bool:
    if block.kind == "indented" and block.page != "output.md":
        commands = lines_of(block)
        return len(commands) == len(list(filter(str.strip, block.text.splitlines()))) or is_other(block)
    return block.kind in CHECKED or is_run(block) or is_other(block)


def is_other(block: Block) -> bool:
    return any(block.page == page and block.text.lstrip().startswith(start) for page, start in {*OTHERS, *INSTALLING})


def test_every_block_is_run_or_checked_or_has_a_reason() -> None:
    def check(_page: str, _first: str, block: Block) -> None:
        assert is_known(block)

    found = all_blocks()
    assert_each(check, ((block.page, block.first_line, block) for block in found))
    assert set(CHECKED) <= {block.kind for block in found}
    for page, start in OTHERS:
        assert any(block.page == page and block.text.lstrip().startswith(start) for block in found), start


# The files and commands of whose errors the pages tell.
MISTAKES = r"""
mkdir -p ci/plugins trusted src/ci
cat > ci/plugins/plugin_hello.py <<'END'
from runnerlib.plugins import Plugin


class Hello(Plugin):
    def __init__(self):
        super().__init__("hello")

    def pre_execution(self, context):
        print(context.env_vars["GREETING"])
END
echo 'job: {steps: [{name: a, run: "true", env: {TOKEN: "${secret:ci/deploy:token}"}}]}' > src/ci/job.yaml
echo 'job: {name: build, steps: [{name: deploy, run: "true", secrets: DEPLY_TOKEN}]}' > secrets.yaml
runnerlib run --plugin-dir ci/plugins --job-command true
runnerlib run --job-env 'DEPLOY_TOKEN=${secret:ci/deploy:token}' --secret-providers env,local --job-command true
runnerlib run --ci-source-type copy --ci-source-url trusted --source-type copy --source-url src \
  --job-file source:ci/job.yaml
DEPLOY_TOKEN=correct-horse NPM_TOKEN=battery-staple runnerlib run --job-file secrets.yaml
REACTORCIDE_GRACE_PERIOD=soon runnerlib run --job-command true
"""


def test_errors_are_as_shown(tmp_path: Path) -> None:
    env = environment(PATH=f"{RUNNERLIB.parent}:{environment()['PATH']}", HOME=str(tmp_path))
    done = subprocess.run(["sh", "-c", MISTAKES], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    said = done.stderr.replace(str(tmp_path), "")

    def check(line: str) -> None:
        assert line in said

    assert_each(check, lines("text error"))


def lines(kind: str) -> list[tuple[str]]:
    return [(line,) for block in all_blocks(kind) for line in block.text.splitlines()]


JOB = """\
job:
  name: build
  env: {A: b}
  timout: 3
  steps:
    - name: test
      run: make test
    - name: image
      run: make image
    - name: tell
      condition: sucess()
      run: ./tell
"""
WORKFLOW = """\
workflow:
  name: p
  jobs:
    - {name: test, command: make test}
    - name: lint
      command: make lint
      depends_on: [lnt]
    - {name: build, command: make}
    - {name: tell, command: ./tell, continue-on-error: true}
"""


def test_problems_of_files_are_as_shown() -> None:
    with pytest.raises(ConfigError) as of_job:
        job_file.parse(JOB, "job.yaml")
    with pytest.raises(ConfigError) as of_workflow:
        workflow.parse(WORKFLOW, "pipeline.yaml")
    said = f"{of_job.value}\n{of_workflow.value}"

    def check(line: str) -> None:
        assert re.search(re.escape(line).replace("…", ".+"), said), said

    assert_each(check, lines("text problem"))


def test_what_explains_a_setting_is_as_shown(tmp_path: Path) -> None:
    (block,) = all_blocks("text explain")
    command, _, shown = block.text.partition("\n")
    (tmp_path / "ci.yaml").write_text(
        "job_command: make\njob_timeout: 600\nprofiles:\n  nightly: {job_timeout: 7200}\n"
    )
    env = environment(PATH=f"{RUNNERLIB.parent}:{environment()['PATH']}")
    argv = ["sh", "-c", command.removeprefix("$ ")]
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == shown


def test_settings_of_the_ci_source_are_settings() -> None:
    (block,) = all_blocks("yaml ci")
    content = yaml.safe_load(block.text)
    assert resolve({}, {}, {**content, "job_command": "make"}, block.page).config.job_timeout == 1800


def test_json_is_json() -> None:
    found = {block.page: block.text for block in all_blocks("json")}
    matchers = from_json(found.pop("reports.md").encode())
    assert [one.path for one in Matchers(matchers).feed("src/a.c:3: no")] == ["src/a.c"]
    settings, report = map(json.loads, found.values())
    assert all(key.startswith(".vscode/") for key in settings["yaml.schemas"])
    assert RuleCount(**report).marks == 2
