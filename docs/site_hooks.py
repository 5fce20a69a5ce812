"""Hooks of MkDocs: pages outside of docs/ join the site, and diagrams are drawn without asking another server."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
HOME = "README.md"
OUTSIDE = ("*.md", "ext/**/*.md", "benchmarks/*.md", "examples/**/*.*")
# The kind of a block, which the tests read: ```yaml job.
MARK = re.compile(r"(^```\w+) [^\n]*$", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]+)")

# The theme would load this from a public server in each reader's browser.
MERMAID = "11.17.2"
MERMAID_SHA256 = "581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and examples beside docs/, and the program that draws diagrams."""
    for path in sorted({path for pattern in OUTSIDE for path in ROOT.glob(pattern)}):
        if "__pycache__" not in path.parts:
            files.append(File.generated(config, uri(path), abs_src_path=str(path)))
    files.append(File.generated(config, "assets/mermaid.min.js", content=mermaid()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead relative links to where their files are in the site."""
    there = Path(page.file.abs_src_path or ROOT).parent
    here = os.path.dirname(page.file.src_uri) or "."

    def led(found: re.Match[str]) -> str:
        target = (there / found[1]).resolve()
        return os.path.relpath(uri(target), here) if target.is_file() else found[1]

    return MARK.sub(r"\1", LINK.sub(led, markdown))


def uri(path: Path) -> str:
    """Return the place of a file in the site: README.md is the first page, docs/ the top."""
    name = path.relative_to(ROOT).as_posix()
    return "index.md" if name == HOME else name.removeprefix("docs/")


def mermaid() -> bytes:
    """Return the program that draws diagrams; npm fetches it once. Raises PluginError."""
    kept = ROOT / f"build/mermaid-{MERMAID}.min.js"
    if not kept.exists():
        _fetch(kept)
    content = kept.read_bytes()
    if hashlib.sha256(content).hexdigest() != MERMAID_SHA256:
        raise PluginError(f"'{kept}' is not what mermaid {MERMAID} consists of; remove it and build again")
    return content


def _fetch(kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise PluginError(f"'npm' is needed once, to fetch mermaid {MERMAID}")
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [npm, "pack", "--silent", f"mermaid@{MERMAID}"], cwd=directory, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise PluginError(f"npm could not fetch mermaid {MERMAID}: {done.stderr.strip()}")
        with tarfile.open(Path(directory, f"mermaid-{MERMAID}.tgz")) as archive:
            file = archive.extractfile("package/dist/mermaid.min.js")
            content = file.read() if file else b""
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(content)
