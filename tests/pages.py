"""The pages of the documentation, cut into blocks of code in the order of the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"^```(?P<info>[^\n]*)\n(?P<fenced>.*?)^```$|(?P<indented>(?:^    [^\n]*\n(?:\n(?=    ))?)+)",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A block: `info` is what stands behind the fence, in words; `indented` for one without a fence."""

    page: str
    info: tuple[str, ...]
    text: str

    @property
    def kind(self) -> str:
        """The first two words, which say what the block is: `yaml job`."""
        return " ".join(self.info[:2])

    @property
    def file(self) -> str | None:
        """The name of the file that the reader is told to write, as the third word."""
        return self.info[2] if len(self.info) > 2 else None

    @property
    def first_line(self) -> str:
        return self.text.strip().split("\n", 1)[0]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page."""
    found = []
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if match["indented"] is not None:
            found.append(Block(page.name, ("indented",), re.sub(r"^    ", "", match["indented"], flags=re.MULTILINE)))
        else:
            found.append(Block(page.name, tuple(match["info"].split()), match["fenced"]))
    return found


def all_blocks(kind: str | None = None) -> list[Block]:
    """Return the blocks of all pages, by default of every kind."""
    return [block for page in PAGES for block in blocks(page) if kind in {None, block.kind}]
