"""The documentation is true: examples run, tables derive from the code, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest
import yaml

import runnerlib
from runnerlib.cli import COMMANDS, cli
from runnerlib.config import resolve
from runnerlib.plugins import plugin_manager
from tests.generated import generator
from tests.integration.cli import RUNNERLIB, environment
from tests.looped import assert_each
from tests.sentences import is_said
from tests.source.git_query.made import start, write
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
    try:
        exec(compile(code, page, "exec"), {"__name__": "example"})
    finally:
        for name in plugin_manager.list_plugins():
            plugin_manager.unregister_plugin(name)


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


def test_the_page_of_the_api_derives_from_the_docstrings() -> None:
    generate = generator("generate_api")
    assert generate.page() == generate.PAGE.read_text(encoding="utf-8"), "run: python docs/generate_api.py"


def test_exit_codes_are_the_same_everywhere() -> None:
    shown = subprocess.run([RUNNERLIB, "run", "--help"], env=environment(), capture_output=True, text=True, check=True)
    page = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    for code in ("0", "2", "125", "126", "127", "130", "143"):
        assert re.search(rf"^\|.*\b{code}\b.*\|", page, re.MULTILINE)
        assert re.search(rf"^  .*\b{code}\b", shown.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_keeps_the_lines_of_its_tables_and_examples(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    shown = command.get_help(click.Context(command, info_name=name))
    for paragraph in (command.epilog or "").replace("\b\n", "").strip().split("\n\n"):
        for line in paragraph.split("\n"):
            assert f"  {line}" in shown.split("\n") or not re.search(r"^  ", paragraph, re.MULTILINE), line


def test_public_names_are_there_and_only_they() -> None:
    for name in runnerlib.__all__:
        assert getattr(runnerlib, name) is not None
    with pytest.raises(AttributeError, match="module 'runnerlib' has no attribute 'nonsense'"):
        _ = runnerlib.nonsense


# Said by other programs, or no sentence.
FOREIGN = {"Permission denied", "sudo", "no new privileges", "export", "[REDACTED]", "secrets"}


def test_the_sentences_of_the_page_on_trouble_are_said() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([^|]+) \| [^|]+ \| .+ \|$", page, re.MULTILINE)
    quoted = {sentence for cell in cells for sentence in re.findall(r"`([^`]+)`", cell)} - FOREIGN
    assert len(quoted) > 20

    def check(sentence: str) -> None:
        assert is_said(sentence)

    assert_each(check, ((one,) for one in quoted))
