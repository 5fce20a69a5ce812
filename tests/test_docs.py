"""What is written is true: examples run, tables derive from the code, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

import runnerlib
from runnerlib.config import get_config, resolve
from tests.generated import generator
from tests.integration.cli import RUNNERLIB, environment
from tests.repository.made import start, write
from tests.tools import tool

ROOT = Path(__file__).parents[1]
PAGES = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/*.md")) + sorted(ROOT.glob("ext/*.md"))


def blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found += [
            (page.name, block) for block in re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        ]
    return found


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_python_examples_run(page: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project").mkdir()
    if "changed_files" in code:
        tool("git")
        write(start(tmp_path / "job/src"), "docs/index.md", "text")
    exec(compile(code, page, "exec"), {"__name__": "example"})


@pytest.mark.parametrize(("page", "text"), blocks("yaml"))
def test_yaml_examples_are_configurations(page: str, text: str) -> None:
    assert resolve({}, {}, yaml.safe_load(text), page).config.job_command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_settings_page_derives_from_the_settings() -> None:
    generate = generator("generate")
    assert generate.page() == generate.PAGE.read_text(encoding="utf-8"), "run: python docs/generate.py"


def test_exit_codes_are_the_same_everywhere() -> None:
    shown = subprocess.run([RUNNERLIB, "run", "--help"], env=environment(), capture_output=True, text=True, check=True)
    page = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    for code in ("0", "2", "125", "126", "127", "130", "143"):
        assert re.search(rf"^\|.*\b{code}\b.*\|", page, re.MULTILINE)
        assert re.search(rf"^  .*\b{code}\b", shown.stdout, re.MULTILINE)


class TestTheDesignsExamples:
    """The code blocks of the design that stand at this project's beginning, verbatim."""

    def test_strategy_1_no_source_preparation(self) -> None:
        config = get_config(
            job_command="echo 'hello'",
            source_type="none"  # or omit source_type entirely
        )  # fmt: skip
        assert (config.job_command, config.source_type) == ("echo 'hello'", "none")

    def test_strategy_2_git_source(self) -> None:
        config = get_config(
            job_command="make test",
            source_type="git",
            source_url="https://github.com/user/repo.git",
            source_ref="main"
        )  # fmt: skip
        assert (config.source_type, config.source_ref) == ("git", "main")

    def test_strategy_3_local_directory_copy(self) -> None:
        config = get_config(
            job_command="npm test",
            source_type="copy",
            source_url="/path/to/local/source"
        )  # fmt: skip
        assert (config.source_type, config.source_url) == ("copy", "/path/to/local/source")

    def test_strategy_4_dual_source(self) -> None:
        config = get_config(
            job_command="python /job/ci/run_tests.py",
            # Trusted CI code
            ci_source_type="git",
            ci_source_url="https://github.com/company/ci-scripts.git",
            ci_source_ref="main",
            # Untrusted PR code
            source_type="git",
            source_url="https://github.com/attacker/fork.git",
            source_ref="pr-branch"
        )  # fmt: skip
        assert config.ci_source_url == "https://github.com/company/ci-scripts.git"
        assert config.source_ref == "pr-branch"

    @pytest.mark.parametrize(
        "command",
        [
            """python -m runnerlib.cli run \\
  --git-url https://github.com/user/repo.git \\
  --git-ref main \\
  --job-command "npm install && npm test"
""",
            """python -m runnerlib.cli run \\
  --git-url https://github.com/user/repo.git \\
  --git-ref feature-branch \\
  --job-command "make test"
""",
            """REACTORCIDE_CODE_DIR=/job/src REACTORCIDE_JOB_COMMAND="make test" python -m runnerlib.cli run
""",
        ],
    )
    def test_command_lines(self, command: str, tmp_path: Path) -> None:
        """Without a network they are checked, not carried out: `validate` takes what `run` takes."""
        path = f"{RUNNERLIB.parent}:{environment()['PATH']}"
        shell = ["sh", "-ec", command.replace("runnerlib.cli run", "runnerlib.cli validate")]
        done = subprocess.run(
            shell, cwd=tmp_path, env=environment(PATH=path), capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "the configuration is valid\n", "")


def test_public_names_are_there_and_only_they() -> None:
    for name in runnerlib.__all__:
        assert getattr(runnerlib, name) is not None
    with pytest.raises(AttributeError, match="module 'runnerlib' has no attribute 'nonsense'"):
        _ = runnerlib.nonsense
